"""What is read together: groups of models that may be related, and what each family lacks of its own.

Existence comes first, from boxes of pairs, on which no third model has a part. Everything else is measured of a family
alone, as if the collection held nothing else. Where all models of a family have the same shapes its boxes are those of
the pairs, so that nothing is read twice; where shapes differ, the boxes that a family has of its own are read then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from neural_phylogeny.graphs import components
from neural_phylogeny.reconstruction.forms import of_few_shapes
from neural_phylogeny.reconstruction.neighbours import measured
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.reconstruction.relate import Tested
from neural_phylogeny.reconstruction.signs import with_signs_restored
from neural_phylogeny.reconstruction.thrift import affordable
from neural_phylogeny.sources.opening import Opened
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.statistics.candidates import Sampled, candidates, sample
from neural_phylogeny.statistics.one_pass import measure, standard_statistics
from neural_phylogeny.statistics.pool import Pool
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment, align, align_pairs
from neural_phylogeny.tensors.layouts import Layout, kinds_of
from neural_phylogeny.tensors.samples import sampler_of

TOGETHER = 200
"""Collections up to this size are measured as one; larger ones in groups of candidates for relatedness."""

AS_ONE = 64
"""Candidates up to this number are measured as one; more in overlapping neighbourhoods, which take less than half of
the time of 200 as one and find as many parents (``docs/results.md``)."""


def measured_groups(opened: Sequence[Opened], alignment: Alignment, reading: Reading) -> tuple[Group, ...]:
    """The boxes of pairs of all models together, or of each group of candidates where they are too many.

    A group that is still too large is measured in overlapping neighbourhoods, in time linear in its models.
    """
    every = list(range(len(opened)))
    if len(opened) <= AS_ONE:
        return _as_one(opened, every, alignment, reading) if len(opened) > 1 else ()
    checkpoints = [checkpoint for _, checkpoint in opened]
    sampled = sample(checkpoints, alignment)
    labels = components(candidates(sampled))
    found = [np.flatnonzero(labels == label).tolist() for label in range(int(labels.max()) + 1)]
    if len(opened) <= TOGETHER and max(map(len, found)) <= AS_ONE:
        return _as_one(opened, every, alignment, reading)
    large = [group for models in found if len(models) > AS_ONE for group in _large(opened, models, sampled, reading)]
    del sampled
    planned_groups: list[Sequence[int]] = [models for models in found if 1 < len(models) <= AS_ONE]
    single = [models[0] for models in found if len(models) == 1]
    if single:
        layouts = [Layout.of(checkpoint.tensors) for checkpoint in checkpoints]
        planned_groups += _of_single(single, layouts, alignment)
    return (*large, *(group_of(opened, models, reading) for models in planned_groups if len(models) > 1))


def _as_one(
    opened: Sequence[Opened], every: Sequence[int], alignment: Alignment, reading: Reading
) -> tuple[Group, ...]:
    """All models together."""
    plan = _affordable(opened, every, reading, alignment)
    return (Group(tuple(every), _measured(opened, every, reading, plan)),)


def _large(opened: Sequence[Opened], models: Sequence[int], sampled: Sampled, reading: Reading) -> list[Group]:
    """Candidates that are too many to be measured as one."""
    names = [ref.name for ref, _ in opened]
    return measured(models, sampled, lambda one: group_of(opened, one.members, reading, one.core), names)


def group_of(opened: Sequence[Opened], models: Sequence[int], reading: Reading, core: tuple[int, ...] = ()) -> Group:
    """Some opened models, measured together by the boxes of their pairs; ``core`` as of ``Group``."""
    statistics = _measured(opened, models, reading, planned(opened, models, reading, is_family=False))
    return Group(tuple(models), statistics, core=core)


def _of_single(single: Sequence[int], layouts: Sequence[Layout], alignment: Alignment) -> Iterator[list[int]]:
    """Models without a candidate, in groups by layout: the full test says that they are unrelated, or cannot be judged.

    Each is measured beside the model that it has most weights in common with: what cannot be judged there could not be
    judged anywhere.
    """
    asked = set(single)
    ordered = [k for kind in kinds_of(layouts) for k in kind if k in asked]
    for start in range(0, len(ordered), TOGETHER):
        chunk = ordered[start : start + TOGETHER]
        common = alignment.common(rows=chunk)
        common[np.arange(len(chunk)), chunk] = -1
        most, here = common.max(axis=1), common[:, chunk].max(axis=1)
        beside = common.argmax(axis=1)[most > here].tolist()
        yield [*chunk, *dict.fromkeys(beside)]


def remeasured(
    opened: Sequence[Opened], tested: Tested, cached: Sequence[Group], reading: Reading, *, is_family: bool
) -> Iterator[Group]:
    """The families whose boxes, those of a family or of its pairs, no group has: from all groups, and from the models.

    A family has boxes of its own where shapes differ. Boxes of pairs are lacking where a large group left tensors out
    to stay within the memory limit, or where a family spans groups of candidates. An answer must not show that.
    """
    pool = Pool([*(group for group, _ in tested.groups), *cached])
    for models in tested.families:
        home = tested.home(models)
        if home is None and any(group.core for group, _, _ in tested.parts(models)):
            continue  # it was measured in neighbourhoods
        if not is_family and home is not None and home[0].members == tuple(models):
            continue  # the boxes of the pairs of these models are what was measured
        alignment = planned(opened, models, reading, is_family=is_family)
        if home is None or compared(alignment) != compared(home[0].statistics.alignment_of(home[2])):
            reader = partial(_measured, opened, models, reading)
            yield Group(tuple(models), pool.assembled(models, alignment, reading.sample, reader), is_family)


def planned(opened: Sequence[Opened], members: Sequence[int], reading: Reading, *, is_family: bool) -> Alignment:
    """What would be compared of some of the models: the boxes of a family, or those of pairs."""
    tensors, names = zip(*((opened[k][1].tensors, opened[k][0].name) for k in members), strict=True)
    samples = [sampler_of(opened[k][1]) for k in members]
    return _affordable(opened, members, reading, (align if is_family else align_pairs)(tensors, names, samples))


def _affordable(opened: Sequence[Opened], members: Sequence[int], reading: Reading, alignment: Alignment) -> Alignment:
    """An alignment of some of the models without what the memory, or the bytes to be fetched, leave no room for."""
    chosen = [opened[k] for k in members]
    return affordable(within(of_few_shapes(alignment, chosen), reading.memory), chosen, reading.sample)


def compared(alignment: Alignment) -> set[AlignedTensor]:
    """What is compared with what, whatever it is called."""
    return {replace(tensor, name="", matched_by="") for tensor in alignment.tensors}


def _measured(opened: Sequence[Opened], members: Sequence[int], reading: Reading, alignment: Alignment) -> Statistics:
    read = partial(
        measure,
        alignment=alignment,
        statistics=standard_statistics(reading.seed),
        threads=reading.cores,
        memory=reading.memory,
        sample=reading.sample,
        progress=reading.progress,
    )
    checkpoints, names = [opened[model][1] for model in members], [opened[model][0].name for model in members]
    return with_signs_restored(read, checkpoints, names)


def within(alignment: Alignment, memory: int) -> Alignment:
    """Leave out the smallest tensors of a very large family where the results alone would fill the memory.

    Each matrix keeps nine numbers a pair of models, any other tensor one; half of the memory is theirs.
    """
    cost = [8 * (9 if tensor.is_matrix else 1) * len(tensor.members) ** 2 for tensor in alignment.tensors]
    if sum(cost) <= memory // 2:
        return alignment
    kept, used = set[int](), 0
    for index in sorted(range(len(cost)), key=lambda k: -alignment.tensors[k].size * alignment.tensors[k].is_matrix):
        used += cost[index]
        if used > memory // 2 and kept:
            break
        kept.add(index)
    n = alignment.n_models
    note = f"{len(kept)} of {len(cost)} tensors of {n} models compared together, to stay within the memory limit"
    return replace(
        alignment,
        tensors=tuple(t for k, t in enumerate(alignment.tensors) if k in kept),
        notes=(*alignment.notes, note),
    )
