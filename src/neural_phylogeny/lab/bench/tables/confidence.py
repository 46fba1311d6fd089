"""Do probabilities mean what they say, and is a missing parent noticed?

From batches that the detector was not trained on (of ``--batches`` and ``--wide`` those for reports) and the cached
suites. Every probability is that of ``auto``, computed from cached statistics by the code that answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.evaluation.rates import Calibration, calibration
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.plots import reliability
from neural_phylogeny.lab.bench.runs import ALPHA
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.batches import KnownFamily, batch_paths, is_left_out, read_batches
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.claim import UNDECIDED
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.reconstruction.told import if_present
from neural_phylogeny.trees.auto import conditioned_on_merges, most_probable_forest, posterior
from neural_phylogeny.trees.family import Posterior
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.methods import METHODS

SUITES = ("paper", "mixed", "generations", "wild")
KINDS = ("this parent", "this parent, if it is here", "this direction", "a missing parent")
"""The second counts models whose parent is here."""

CLEAR = 0.5 + UNDECIDED
"""Edges below are reported without a direction."""

PRIORS = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Further log-odds for "no parent here" at which families without their root are looked at."""

FEWEST = 3
"""Members of a family that counts; in families of two the odds of a parent are a convention, see the log."""


@dataclass
class Claims:
    """(probability, whether it was so) of each kind of claim."""

    by_kind: dict[str, list[tuple[float, bool]]] = field(default_factory=lambda: defaultdict(list))

    def calibrations(self) -> dict[str, Calibration]:
        """By the kind of claim."""
        return {kind: calibration(self.by_kind[kind]) for kind in KINDS}

    def add_present(self, p: float | None, right: bool, *, present: bool) -> None:
        """Count the probability of a parent given that it is here, where it is."""
        if p is not None and present:
            self.by_kind["this parent, if it is here"].append((p, right))

    def add(self, forest: Forest, known: KnownFamily) -> None:
        """Count the claims of a forest over one family."""
        if len(known) < FEWEST:
            return
        assert forest.p_parent is not None
        assert forest.missing is not None
        for j, i in enumerate(forest.parents.tolist()):
            right = bool(known.parents[j] == i)
            if i >= 0:
                self.by_kind["this parent"].append((float(forest.p_parent[j]), right))
                self.add_present(if_present(forest, j), right, present=bool(known.parents[j] >= 0))
                if right or known.parents[i] == j:
                    self.by_kind["this direction"].append((float(forest.p_direction[j]), right))
            elif forest.missing[j] > 0:
                self.by_kind["a missing parent"].append((float(forest.missing[j]), bool(known.missing[j])))


def posterior_of(known: KnownFamily) -> Posterior:
    """The posterior of ``auto`` on a family."""
    return conditioned_on_merges(known.family, posterior)


def forest_at(known: KnownFamily, found: Posterior, prior: float = 0.0) -> Forest:
    """The forest of a family, with further log-odds for "no parent here"."""
    raised = found.parent.copy()
    raised[np.diag_indices(len(raised))] *= np.exp(prior)
    shifted = replace(found, parent=raised / raised.sum(axis=0))
    return most_probable_forest(known.family, shifted, known.family.merges)


def claims_of_families(groups: Iterable[KnownFamily]) -> Claims:
    """Claims of ``auto`` on related groups of batches."""
    claims = Claims()
    for known in groups:
        claims.add(forest_at(known, posterior_of(known)), known)
    return claims


def claims_of_suite(collections: Iterable[CachedCollection]) -> Claims:
    """Claims of ``auto`` on whole collections, existence test and all."""
    claims = Claims()
    for cached in collections:
        found = phylogeny(cached.collection, METHODS["auto"], ALPHA, 0, examine(cached.collection, ALPHA))
        truth: dict[str, set[str]] = defaultdict(set)
        for true_edge in cached.truth.edges:
            truth[true_edge.child].add(true_edge.parent)
        missing = {ancestor.name for ancestor in found.missing}
        for edge in found.edges:
            if edge.child not in truth and not cached.truth.complete:
                continue
            assert edge.p_parent is not None
            if edge.parent in missing:
                claims.by_kind["a missing parent"].append((edge.p_parent, False))
                continue
            assert edge.p_direction is not None
            right = edge.parent in truth[edge.child]
            claims.by_kind["this parent"].append((edge.p_parent, right))
            claims.add_present(edge.p_if_present, right, present=edge.child in truth)
            if right or edge.child in truth[edge.parent]:
                claims.by_kind["this direction"].append((edge.p_direction, right))
    return claims


def families_of_suite(collections: Iterable[CachedCollection]) -> Iterator[KnownFamily]:
    """Families of at least three models whose every relation is known."""
    for cached in collections:
        if not cached.truth.complete:
            continue
        names = [ref.name for ref in cached.collection.refs]
        above = {edge.child: edge.parent for edge in cached.truth.edges}
        root = {name: name for name in names}
        for name in names:
            while root[name] in above:
                root[name] = above[root[name]]
        for group in cached.collection.groups:
            for label in dict.fromkeys(root.values()):
                rows = [row for row, model in enumerate(group.members) if root[names[model]] == label]
                if len(rows) < FEWEST:
                    continue
                place = {names[group.members[row]]: k for k, row in enumerate(rows)}
                parents = np.array([place.get(above.get(name, ""), -1) for name in place], dtype=np.int64)
                missing, trees = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=np.int64)
                yield KnownFamily(group.statistics.subset(rows), parents, missing, trees, {"topology": cached.cell})


def rootless(groups: Iterable[KnownFamily]) -> Iterator[KnownFamily]:
    """Families of at least four children of one root, without it."""
    for known in groups:
        for root in np.flatnonzero(known.parents < 0):
            if (known.parents == root).sum() >= 4:
                yield known.kept(np.arange(len(known)) != root)


def missing_parents(groups: Sequence[KnownFamily]) -> str:
    """A row for each prior: right parents, false alarms in whole families; edges, alarms in those without root."""
    whole = [known for known in groups if not known.missing.any() and (known.parents < 0).sum() == 1]
    complete = [(known, posterior_of(known)) for known in whole]
    orphaned = [(known, posterior_of(known)) for known in rootless(groups)]
    rows = []
    for prior in PRIORS:
        right = total = alarms = joined = announced = 0
        for known, found in complete:
            forest = forest_at(known, found, prior)
            claimed = np.where(forest.p_direction > CLEAR, forest.parents, -2)  # without a direction nothing is right
            right, total = right + int((claimed == known.parents).sum()), total + len(known)
            alarms += _announces(forest)
        for known, found in orphaned:
            forest = forest_at(known, found, prior)
            joined += _joins(forest, known.missing)
            announced += _announces(forest)
        n, m = max(len(complete), 1), max(len(orphaned), 1)
        row = [f"{prior:.1f}", str(len(complete)), f"{right / max(total, 1):.3f}", f"{alarms / n:.3f}"]
        rows.append([*row, str(len(orphaned)), f"{joined / m:.3f}", f"{announced / m:.3f}"])
    header = ["further log-odds for no parent here", "whole families", "right parents", "falsely announced"]
    header += ["families without their root", "with an edge between siblings", "missing parent announced"]
    return table(header, rows)


def _announces(forest: Forest) -> bool:
    return forest.missing is not None and int((forest.missing > 0).sum()) > 1


def _joins(forest: Forest, orphans: NDArray[np.bool_]) -> bool:
    """Whether there is a directed edge between two siblings of a missing parent."""
    clear = (forest.parents >= 0) & (forest.p_direction > CLEAR)
    return bool((clear & orphans & orphans[forest.parents]).any())


def right_from(found: Calibration, low: float) -> str:
    """Right ones of the claims of at least this probability, as ``right of number``."""
    bins = [one for one in found.bins if one.low >= low - 1e-9]
    number = sum(one.number for one in bins)
    return f"{sum(round(one.right * one.number) for one in bins)} of {number}"


def calibration_table(claims: dict[str, Claims]) -> str:
    """A row for each set of answers and kind of claim."""
    rows = []
    for name, found in claims.items():
        for kind, one in found.calibrations().items():
            if one.number:
                figures = ["–", "–"] if one.error is None else [f"{one.error:.3f}", f"{one.brier:.3f}"]
                shares = [right_from(calibration(found.by_kind[kind], 20), low) for low in (0.8, 0.95)]
                rows.append([name, kind, str(one.number), *figures, *shares])
    header = ["where", "probability of", "claims", "expected calibration error", "Brier score"]
    return table([*header, "right of those >= 0.8", "right of those >= 0.95"], rows)


def page(sources: Sources) -> Page:
    """Calibration of every probability, and families without their root. A minute for each thousand families."""
    unseen: dict[str, list[Path]] = {}
    if sources.batches is not None:
        unseen["left-out families"] = [path for path in batch_paths(sources.batches) if is_left_out(path)]
    if sources.wide is not None:
        unseen["larger networks"] = [path for path in batch_paths(sources.wide) if is_left_out(path)]
    claims: dict[str, Claims] = {}
    groups: dict[str, list[KnownFamily]] = {}
    for name, paths in unseen.items():
        groups[name] = [group for known in read_batches(paths) for group in known.related()]
        claims[name] = claims_of_families(groups[name])
        sources.progress(f"{name}: {len(groups[name])} groups")
    for suite in SUITES:
        collections = sources.suite(suite)
        claims[suite], groups[suite] = claims_of_suite(collections), list(families_of_suite(collections))
        sources.progress(f"{suite}: {len(collections)} collections")
    parts = [
        "# Confidence",
        "Made by `nphylo lab table confidence --batches batches/ --wide wide/`.",
        "## Calibration",
        calibration_table(claims),
        "![confidence against the share that is right](reliability.png)",
        "## Families without their root",
    ]
    for name, known in groups.items():
        if name != "wild":
            parts += [f"### {name}", missing_parents(known)]
    panels = {kind: {name: one.calibrations()[kind] for name, one in claims.items()} for kind in KINDS}
    return Page("\n\n".join(parts), {"reliability.png": partial(reliability, panels)})
