"""A large group of related models, measured in neighbourhoods that have the parents of their cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from neural_phylogeny.files.cores import cores
from neural_phylogeny.reconstruction.forked import shared
from neural_phylogeny.relations.computed import without_tables
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.statistics.candidates import Sampled
from neural_phylogeny.statistics.hubs import Judged, with_hubs
from neural_phylogeny.statistics.neighbourhoods import Neighbourhood, neighbourhoods
from neural_phylogeny.trees.forest import Matrix, Vector

Measure = Callable[[Neighbourhood], Group]


def measured(models: Sequence[int], sampled: Sampled, measure: Measure, words: Sequence[str]) -> list[Group]:
    """The neighbourhoods of some models, those that lack hubs measured again with them.

    Every value is read about twice, and of the children of hubs once more; the detector is asked about each
    neighbourhood of ``neighbourhoods``. ``words`` name models while they are looked at.
    """
    near = neighbourhoods(models, sampled.apart, sampled.contents)
    groups = [measure(one) for one in near]
    groups = _detected(groups, [words[group.core[0]] for group in groups])
    again = with_hubs(near, _judged(groups, len(sampled.contents)), sampled.apart, sampled.contents)
    return [group if new is one else measure(new) for one, new, group in zip(near, again, groups, strict=True)]


def parents_in(groups: Sequence[Group], words: Sequence[str]) -> list[Matrix]:
    """The detector's probabilities of parents among the members of each group, of having none on the diagonal."""
    return [group.detected[0] for group in _detected(groups, words) if group.detected is not None]


def _detected(groups: Sequence[Group], words: Sequence[str]) -> list[Group]:
    """The groups with what the detector says of them, by as many processes as there are cores."""
    costs = [float(len(group.members)) ** 2 for group in groups]
    with shared(groups, costs, cores()) as shares:
        found = shares.each("looking for hubs", _posterior, [None] * len(groups), words)
    return [replace(group, detected=detected) for group, detected in zip(groups, found, strict=True)]


def _posterior(group: Group, _: None) -> tuple[Matrix, Vector]:
    """The detector's probabilities of parents among the members, and of missing ones."""
    from neural_phylogeny.detector.measurements import Measurements
    from neural_phylogeny.detector.network import Inputs
    from neural_phylogeny.detector.shipped import detector

    found = detector().probabilities(Inputs.of(Measurements.of(without_tables(group.statistics)[0])))
    return found.parent, found.missing


def _judged(groups: Sequence[Group], n: int) -> Judged:
    """What the detector says of the models of the cores, which are among n."""
    found = Judged(np.zeros(n), np.zeros(n))
    for group in groups:
        assert group.detected is not None
        members, parent = np.array(group.members), group.detected[0].copy()
        core = np.flatnonzero(np.isin(members, group.core))
        found.alone[members[core]] = parent[core, core]
        parent[core, core] = 0.0
        found.children[members] += parent[:, core].sum(axis=1)
    return found
