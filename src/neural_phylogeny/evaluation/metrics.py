"""How right a result was, from the result and a truth file.

Pair direction is in ``evaluation.pairs``: it asks a method about each pair alone, which a forest does not tell.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from neural_phylogeny.evaluation.matching import Standing, Unit, stand
from neural_phylogeny.evaluation.rates import Calibration, Share, calibration, upper_bound
from neural_phylogeny.evaluation.truth import Truth
from neural_phylogeny.records import Phylogeny

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class EdgeScores:
    """Scores over known edges.

    Attributes
    ----------
    tree_direction : Share
        Edges whose parent is an ancestor of the child in the result; a half where undirected claims leave it open.
    exact_parent : Share
        Children whose first named parent is a true one.
    kin : Share
        Edges whose ends the result puts into one family.
    """

    tree_direction: Share
    exact_parent: Share
    kin: Share


@dataclass(frozen=True, slots=True)
class FalseKin:
    """Pairs documented as unrelated that the result calls related; ``upper`` is the 95 % upper bound of their rate."""

    share: Share
    upper: float | None
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """How well things were found: of those claimed, how many are true; of the true ones, how many were claimed."""

    precision: Share
    recall: Share

    @property
    def f1(self) -> float | None:
        """The harmonic mean; None where there was nothing to find and nothing was claimed."""
        total = self.precision.total + self.recall.total
        return 2.0 * self.recall.right / total if total else None


@dataclass(frozen=True, slots=True)
class WholeScores:
    """Scores that need every relation of the collection to be known.

    Attributes
    ----------
    overall : Share
        Models whose parent, or lack of one, is right.
    lineage : Share
        Pairs of models rightly called of one tree or of two; ``lineage_pairs`` has precision and recall.
    edges, ancestors : Detection
        Of parent-child pairs, and of all ancestor-descendant pairs.
    roots : Share
        Trees whose root is right: it leads, in the result, more of the tree's models than any other. Trees with a root
        outside the collection, or several, are left out.
    exact : bool
        Whether every model's parent is right.
    """

    overall: Share
    lineage: Share
    lineage_pairs: Detection
    edges: Detection
    ancestors: Detection
    roots: Share
    exact: bool


@dataclass(frozen=True, slots=True)
class Mistake:
    """A model whose parent the result has wrong; no names means no parent. ``undecided`` are its undirected kin."""

    model: str
    expected: tuple[str, ...]
    found: tuple[str, ...]
    undecided: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scores:
    """Everything that can be said of one result; ``whole`` is None where the truth is not complete.

    ``calibration_direction`` is about the confidences of directed claims between models whose order is known,
    ``calibration_kin`` about those of undirected claims.
    """

    group: str
    models: int
    documented: EdgeScores
    inferred: EdgeScores
    false_kin: FalseKin
    whole: WholeScores | None
    calibration_direction: Calibration
    calibration_kin: Calibration
    mistakes: tuple[Mistake, ...]
    unread: tuple[str, ...]
    absent: tuple[str, ...]


def score(phylogeny: Phylogeny, truth: Truth) -> Scores:
    """Score a result against a truth.

    Copies count as one model, and an edge to either is right. A parent that was not given counts as no parent; a model
    that was given but could not be read counts as wrong. Quadratic in the number of models.

    Raises
    ------
    SavedFileError
        When the truth belongs to another collection.
    """
    ground = stand(phylogeny, truth)
    named = {name: ground.of_truth(name) for name in truth.names()}
    return Scores(
        group=truth.group,
        models=len(ground.models),
        documented=_edge_scores(ground, _edges(ground, truth, documented=True)),
        inferred=_edge_scores(ground, _edges(ground, truth, documented=False)),
        false_kin=_false_kin(ground, truth),
        whole=_whole(ground) if truth.complete else None,
        calibration_direction=_direction_answers(ground, phylogeny),
        calibration_kin=_kin_answers(ground, phylogeny, truth),
        mistakes=_mistakes(ground, truth),
        unread=tuple(name for name, unit in named.items() if unit in ground.unread),
        absent=tuple(name for name, unit in named.items() if unit not in ground.present | ground.unread),
    )


Pairs = list[tuple[Unit, Unit]]


def _edges(ground: Standing, truth: Truth, documented: bool) -> Pairs:
    """Known edges of one certainty inside the collection, between units; those between copies by the truth are none."""
    copied = {frozenset(pair) for pair in truth.copies}
    inside = ground.present | ground.unread
    found: dict[tuple[Unit, Unit], bool] = {}
    for edge in truth.edges:
        pair = ground.of_truth(edge.parent), ground.of_truth(edge.child)
        if frozenset((edge.parent, edge.child)) not in copied and inside.issuperset(pair):
            found[pair] = found.get(pair, False) or edge.documented
    return [pair for pair, is_documented in found.items() if is_documented == documented]


def _edge_scores(ground: Standing, edges: Pairs) -> EdgeScores:
    readable = [pair for pair in edges if ground.present.issuperset(pair)]
    children = {child for _, child in edges}
    return EdgeScores(
        tree_direction=Share(sum(ground.direction(*pair) for pair in readable), len(edges)),
        exact_parent=Share(sum(ground.named_parent(c) in ground.true_parents(c) for c in children), len(children)),
        kin=Share(sum(ground.same_family(*pair) for pair in readable), len(edges)),
    )


def _false_kin(ground: Standing, truth: Truth) -> FalseKin:
    """Unrelated pairs are those that the truth lists and, where it is complete, all those of different trees."""
    import networkx as nx

    pairs = {}
    if truth.complete:
        tree = {unit: k for k, units in enumerate(nx.connected_components(ground.kin)) for unit in units}
        for a, b in combinations(sorted(ground.present), 2):
            if tree[a] != tree[b]:
                pairs[a, b] = ground.same_family(a, b)
    for pair in truth.unrelated:
        a, b = ground.of_truth(pair.a), ground.of_truth(pair.b)
        if pair.documented and ground.present.issuperset((a, b)):
            pairs[min(a, b), max(a, b)] = ground.same_family(a, b)
    false = tuple((ground.names[a], ground.names[b]) for (a, b), related in pairs.items() if related)
    return FalseKin(Share(len(false), len(pairs)), upper_bound(len(false), len(pairs)), false)


def _parent_is_right(ground: Standing, model: Unit) -> bool:
    """Whether the named parent, or its absence, is right; an unreadable model is wrong whatever was said of it."""
    parents = ground.true_parents(model)
    named = ground.named_parent(model)
    return model in ground.present and (named in parents if parents else named is None)


def _whole(ground: Standing) -> WholeScores:
    import networkx as nx

    models = ground.models
    tree = {unit: number for number, units in enumerate(nx.connected_components(ground.kin)) for unit in units}
    pairs = list(combinations(models, 2))
    truly = {pair for pair in pairs if tree[pair[0]] == tree[pair[1]]}
    said = {pair for pair in pairs if ground.same_family(*pair)}
    overall = sum(_parent_is_right(ground, model) for model in models)
    return WholeScores(
        overall=Share(overall, len(models)),
        lineage=Share(len(pairs) - len(truly ^ said), len(pairs)),
        lineage_pairs=_detection(said, truly),
        edges=_detection(_inside(ground, set(ground.claimed.edges)), _inside(ground, set(ground.true.edges))),
        ancestors=_detection(_inside(ground, _ancestry(ground.claimed)), _inside(ground, _ancestry(ground.true))),
        roots=_roots(ground, tree),
        exact=overall == len(models),
    )


def _inside(ground: Standing, pairs: set[tuple[Unit, Unit]]) -> set[tuple[Unit, Unit]]:
    models = set(ground.models)
    return {pair for pair in pairs if models.issuperset(pair)}


def _ancestry(tree: nx.DiGraph[Unit]) -> set[tuple[Unit, Unit]]:
    import networkx as nx

    return {(node, below) for node in tree for below in nx.descendants(tree, node)}


def _detection(said: set[tuple[Unit, Unit]], true: set[tuple[Unit, Unit]]) -> Detection:
    hits = len(said & true)
    return Detection(Share(hits, len(said)), Share(hits, len(true)))


def _roots(ground: Standing, tree: dict[Unit, int]) -> Share:
    """Of the trees with one root that is in the collection, those whose root the result has right."""
    members: dict[int, list[Unit]] = {}
    for unit in tree:
        if ground.true.degree(unit) or unit in ground.present | ground.unread:
            members.setdefault(tree[unit], []).append(unit)
    right = total = 0
    for units in members.values():
        roots = [unit for unit in units if not ground.true.in_degree(unit)]
        if len(roots) != 1 or roots[0] not in ground.models:
            continue
        total += 1
        leaders = Counter(_leader(ground, unit) for unit in units if unit in ground.present)
        most = leaders.most_common(2)
        is_lone_leader = bool(most) and most[0][0] == roots[0] and (len(most) == 1 or most[1][1] < most[0][1])
        right += is_lone_leader
    return Share(right, total)


def _leader(ground: Standing, unit: Unit) -> Unit:
    """The model or hidden ancestor at the top of a unit's tree in the result."""
    passed = set[Unit]()
    while unit in ground.main_parent and unit not in passed:
        passed.add(unit)
        unit = ground.main_parent[unit]
    return unit


def _direction_answers(ground: Standing, phylogeny: Phylogeny) -> Calibration:
    """Confidences of directed claims between two models of which the truth says that one is the other's ancestor."""
    ancestry = _ancestry(ground.true)
    answers = []
    for edge in phylogeny.edges:
        parent, child = (ground.unit.get(f"model:{name}", -1) for name in (edge.parent, edge.child))
        if (parent, child) in ancestry or (child, parent) in ancestry:
            sure = edge.confidence if math.isnan(edge.direction) else edge.direction
            answers.append((sure, (parent, child) in ancestry))
    return calibration(answers)


def _kin_answers(ground: Standing, phylogeny: Phylogeny, truth: Truth) -> Calibration:
    """Confidences of undirected claims between two models of which the truth says whether they are related."""
    import networkx as nx

    strangers = {frozenset((ground.of_truth(pair.a), ground.of_truth(pair.b))) for pair in truth.unrelated}
    answers = []
    for pair in phylogeny.undirected:
        a, b = (ground.unit.get(f"model:{name}") for name in (pair.a, pair.b))
        if a is None or b is None:
            continue
        related = nx.has_path(ground.kin, a, b)
        if related or truth.complete or frozenset((a, b)) in strangers:
            answers.append((pair.confidence, related))
    return calibration(answers)


def _mistakes(ground: Standing, truth: Truth) -> tuple[Mistake, ...]:
    """Models with a wrong parent, of those whose parent is documented or, where all is known, of all."""
    asked = {child: None for _, child in _edges(ground, truth, documented=True)}
    if truth.complete:
        asked |= dict.fromkeys(ground.models)
    wrong = [model for model in asked if not _parent_is_right(ground, model)]
    return tuple(
        Mistake(
            model=ground.names[model],
            expected=tuple(sorted(ground.names[parent] for parent in ground.true_parents(model))),
            found=(ground.names[parent],) if (parent := ground.named_parent(model)) is not None else (),
            undecided=tuple(sorted(ground.names[kin] for kin in ground.undirected_kin(model))),
        )
        for model in wrong
    )
