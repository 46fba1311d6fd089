"""Metrics of a result against a truth file.

The direction of single pairs is in ``lab.bench.pairs``: a method must judge each pair alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import networkx as nx

from neural_phylogeny.evaluation.matching import Matching, Unit, UnitPair, match
from neural_phylogeny.evaluation.mistakes import Mistake, mistakes_of
from neural_phylogeny.evaluation.rates import Calibration, Proportion, calibration, upper_bound
from neural_phylogeny.evaluation.truth import Truth
from neural_phylogeny.records import Phylogeny


@dataclass(frozen=True, slots=True)
class EdgeScores:
    """Scores on known edges.

    Attributes
    ----------
    tree_direction : Proportion
        Edges whose parent is an ancestor of the child in the result; undirected claims that leave it open count a half.
    exact_parent : Proportion
        Children whose first named parent is a true one.
    same_family : Proportion
        Edges whose ends the result puts into one family.
    """

    tree_direction: Proportion
    exact_parent: Proportion
    same_family: Proportion


@dataclass(frozen=True, slots=True)
class FalsePositives:
    """Unrelated pairs that the result calls related; ``upper`` is the upper 95 % confidence bound of their rate."""

    proportion: Proportion
    upper: float | None
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """Precision (true ones among the claimed) and recall (claimed ones among the true)."""

    precision: Proportion
    recall: Proportion

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None where nothing was claimed and there was nothing to find."""
        total = self.precision.total + self.recall.total
        return 2.0 * self.recall.right / total if total else None


@dataclass(frozen=True, slots=True)
class WholeScores:
    """Scores that need every relation of the collection to be known.

    Attributes
    ----------
    overall : Proportion
        Models with the right parent, or rightly without one.
    lineage : Proportion
        Pairs of models rightly put in one tree or in two; ``lineage_pairs`` has precision and recall.
    edges, ancestors : Detection
        Of parent-child pairs, and of all ancestor-descendant pairs.
    roots : Proportion
        Trees with the right root: in the result it is the root of more of the tree's models than any other. Trees
        with several roots, or one outside the collection, are left out.
    exact : bool
        Whether every model's parent is right.
    """

    overall: Proportion
    lineage: Proportion
    lineage_pairs: Detection
    edges: Detection
    ancestors: Detection
    roots: Proportion
    exact: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """All metrics of one result; ``whole`` is None where the truth is not complete.

    ``calibration_direction`` covers ``p_direction`` of claims between models whose order is known,
    ``calibration_parent`` covers ``p_parent`` of claims on models whose parents are known. Undirected claims have a
    p-value alone, which is the probability of no claim: their errors are the false positives.
    """

    group: str
    models: int
    documented: EdgeScores
    inferred: EdgeScores
    false_positives: FalsePositives
    whole: WholeScores | None
    calibration_direction: Calibration
    calibration_parent: Calibration
    mistakes: tuple[Mistake, ...]
    unread: tuple[str, ...]
    absent: tuple[str, ...]


def score(phylogeny: Phylogeny, truth: Truth) -> Scores:
    """Score a result against a truth.

    Copies count as one model: an edge to either is right. A parent outside the collection counts as no parent. A model
    that could not be read counts as wrong. Quadratic in the number of models.

    Raises
    ------
    SavedFileError
        When the truth belongs to another collection.
    """
    matching = match(phylogeny, truth)
    named = {name: matching.of_truth(name) for name in truth.names()}
    unrelated = _unrelated_pairs(matching, truth)
    return Scores(
        group=truth.group,
        models=len(matching.models),
        documented=_edge_scores(matching, matching.edges(truth, documented=True)),
        inferred=_edge_scores(matching, matching.edges(truth, documented=False)),
        false_positives=_false_positives(matching, unrelated),
        whole=_whole(matching) if truth.complete else None,
        calibration_direction=_direction_answers(matching, phylogeny),
        calibration_parent=_parent_answers(matching, phylogeny, truth),
        mistakes=mistakes_of(
            matching, phylogeny, truth, [pair for pair, is_related in unrelated.items() if is_related]
        ),
        unread=tuple(name for name, unit in named.items() if unit in matching.unread),
        absent=tuple(name for name, unit in named.items() if unit not in matching.present | matching.unread),
    )


def _edge_scores(matching: Matching, edges: list[UnitPair]) -> EdgeScores:
    readable = [pair for pair in edges if matching.present.issuperset(pair)]
    children = {child for _, child in edges}
    return EdgeScores(
        tree_direction=Proportion(sum(matching.direction(*pair) for pair in readable), len(edges)),
        exact_parent=Proportion(
            sum(matching.named_parent(c) in matching.true_parents(c) for c in children), len(children)
        ),
        same_family=Proportion(sum(matching.same_family(*pair) for pair in readable), len(edges)),
    )


def _false_positives(matching: Matching, pairs: dict[UnitPair, bool]) -> FalsePositives:
    false = tuple((matching.names[a], matching.names[b]) for (a, b), is_related in pairs.items() if is_related)
    return FalsePositives(Proportion(len(false), len(pairs)), upper_bound(len(false), len(pairs)), false)


def _unrelated_pairs(matching: Matching, truth: Truth) -> dict[UnitPair, bool]:
    """Pairs known to be unrelated (listed, or of different trees of a complete truth): are they called related?"""
    pairs = {}
    if truth.complete:
        tree = {unit: k for k, units in enumerate(nx.connected_components(matching.related)) for unit in units}
        for a, b in combinations(sorted(matching.present), 2):
            if tree[a] != tree[b]:
                pairs[a, b] = matching.same_family(a, b)
    for pair in truth.unrelated:
        a, b = matching.of_truth(pair.a), matching.of_truth(pair.b)
        if pair.documented and matching.present.issuperset((a, b)):
            pairs[min(a, b), max(a, b)] = matching.same_family(a, b)
    return pairs


def _whole(matching: Matching) -> WholeScores:
    models = matching.models
    tree = {unit: number for number, units in enumerate(nx.connected_components(matching.related)) for unit in units}
    pairs = list(combinations(models, 2))
    truly = {pair for pair in pairs if tree[pair[0]] == tree[pair[1]]}
    claimed = {pair for pair in pairs if matching.same_family(*pair)}
    overall = sum(matching.parent_is_right(model) for model in models)
    return WholeScores(
        overall=Proportion(overall, len(models)),
        lineage=Proportion(len(pairs) - len(truly ^ claimed), len(pairs)),
        lineage_pairs=_detection(claimed, truly),
        edges=_detection(_inside(matching, set(matching.claimed.edges)), _inside(matching, set(matching.true.edges))),
        ancestors=_detection(
            _inside(matching, _ancestry(matching.claimed)), _inside(matching, _ancestry(matching.true))
        ),
        roots=_roots(matching, tree),
        exact=overall == len(models),
    )


def _inside(matching: Matching, pairs: set[tuple[Unit, Unit]]) -> set[tuple[Unit, Unit]]:
    models = set(matching.models)
    return {pair for pair in pairs if models.issuperset(pair)}


def _ancestry(tree: nx.DiGraph[Unit]) -> set[tuple[Unit, Unit]]:
    return {(node, below) for node in tree for below in nx.descendants(tree, node)}


def _detection(claimed: set[tuple[Unit, Unit]], true: set[tuple[Unit, Unit]]) -> Detection:
    hits = len(claimed & true)
    return Detection(Proportion(hits, len(claimed)), Proportion(hits, len(true)))


def _roots(matching: Matching, tree: dict[Unit, int]) -> Proportion:
    """Trees whose one root is in the collection and is right in the result."""
    members: dict[int, list[Unit]] = {}
    for unit in tree:
        if matching.true.degree(unit) or unit in matching.present | matching.unread:
            members.setdefault(tree[unit], []).append(unit)
    right = total = 0
    for units in members.values():
        roots = [unit for unit in units if not matching.true.in_degree(unit)]
        if len(roots) != 1 or roots[0] not in matching.models:
            continue
        total += 1
        roots_found = Counter(_root_of(matching, unit) for unit in units if unit in matching.present)
        most = roots_found.most_common(2)
        is_right = bool(most) and most[0][0] == roots[0] and (len(most) == 1 or most[1][1] < most[0][1])
        right += is_right
    return Proportion(right, total)


def _root_of(matching: Matching, unit: Unit) -> Unit:
    """The root of a unit's tree in the result, a model or a missing ancestor."""
    passed = set[Unit]()
    while unit in matching.main_parent and unit not in passed:
        passed.add(unit)
        unit = matching.main_parent[unit]
    return unit


def _direction_answers(matching: Matching, phylogeny: Phylogeny) -> Calibration:
    """Probabilities of directed claims between two models of which the truth says that one is the other's ancestor."""
    ancestry = _ancestry(matching.true)
    answers = []
    for edge in phylogeny.edges:
        parent, child = (matching.unit.get(f"model:{name}", -1) for name in (edge.parent, edge.child))
        if (parent, child) in ancestry or (child, parent) in ancestry:
            if edge.p_direction is not None:
                answers.append((edge.p_direction, (parent, child) in ancestry))
    return calibration(answers)


def _parent_answers(matching: Matching, phylogeny: Phylogeny, truth: Truth) -> Calibration:
    """Probabilities of parents, of models whose parents are known, or known not to be here."""
    known = matching.known_parents(truth)
    answers = []
    for edge in phylogeny.edges:
        parent, child = (matching.unit.get(f"model:{name}", -1) for name in (edge.parent, edge.child))
        if edge.p_parent is not None and min(parent, child) >= 0 and (truth.complete or child in known):
            answers.append((edge.p_parent, parent in matching.true_parents(child)))
    return calibration(answers)
