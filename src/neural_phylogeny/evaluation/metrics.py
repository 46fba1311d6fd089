"""How right a result is, against a truth file.

π(j) is the true parent of model j or none, π̂(j) the claimed one. Only claims whose certainty begins with
"documented" are scored. Copies count as one model: an edge to either is right. Pair direction - the method asked
about one pair alone - cannot be had from a result and is not here.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import PurePath
from typing import Any

from neural_phylogeny.evaluation.truth import Truth
from neural_phylogeny.records import Phylogeny


@dataclass(frozen=True, slots=True)
class Share:
    """``right`` of ``n``; ``value`` is None when there is nothing to count."""

    right: float
    n: int

    @property
    def value(self) -> float | None:
        """The share itself."""
        return self.right / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class Score:
    """Every metric that a result and a truth determine, each with its count.

    Attributes
    ----------
    exact_parent : share of documented edges whose child has exactly that parent
    tree_direction : share of documented edges whose parent is an ancestor of the child; undecided counts 1/2
    false_kin : documented unrelated pairs put in one family
    false_kin_bound : upper 95 % bound of their rate
    overall, root, exact_forest : share of models, of trees, of the whole that are right; complete truths only
    lineage, lineage_precision, lineage_recall : pairs of models rightly called same tree or not
    edge_f1, ancestor_f1 : harmonic mean of precision and recall of edges, and of ancestor-descendant pairs
    missing : names of the truth that the result does not have
    """

    exact_parent: Share
    tree_direction: Share
    false_kin: Share
    false_kin_bound: float | None
    overall: Share | None
    lineage: Share | None
    lineage_precision: Share | None
    lineage_recall: Share | None
    root: Share | None
    exact_forest: Share | None
    edge_f1: float | None
    ancestor_f1: float | None
    missing: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)

    def as_rows(self) -> list[tuple[str, str]]:
        """(metric, value with its count), for a table; metrics that do not apply are left out."""
        rows = []
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            title = name.replace("_", " ")
            if isinstance(value, Share) and value.n:
                rows.append((title, f"{value.right / value.n:.3f}  ({value.right:g} of {value.n})"))
            elif isinstance(value, float):
                rows.append((title, f"{value:.4f}"))
            elif name == "missing" and value:
                rows.append((title, ", ".join(value)))
        return rows


def score(phylogeny: Phylogeny, truth: Truth) -> Score:
    """Score a result against a truth.

    Names of the truth match models by name, else by the last part of their path. A model that was skipped counts
    as wrong. O(n^2) in the number of models.
    """
    claimed = _Claimed(phylogeny, truth)
    edges = [(p, c) for p, c, certainty in truth.edges if certainty.startswith("documented")]
    unrelated = [(a, b) for a, b, certainty in truth.unrelated if certainty.startswith("documented")]
    false_kin = sum(claimed.same_family(a, b) for a, b in unrelated)
    exact = sum(claimed.parent(child) == claimed.one(parent) for parent, child in edges)
    direction = sum(claimed.direction(parent, child) for parent, child in edges)
    return Score(
        exact_parent=Share(exact, len(edges)),
        tree_direction=Share(direction, len(edges)),
        false_kin=Share(false_kin, len(unrelated)),
        false_kin_bound=upper_bound(false_kin, len(unrelated)) if unrelated else None,
        missing=tuple(sorted(claimed.missing)),
        **_complete(claimed, truth),
    )


def upper_bound(count: int, n: int) -> float:
    """Upper 95 % bound of a rate: exact for a count of zero, Wilson's (one-sided) otherwise.

    Examples
    --------
    >>> round(upper_bound(0, 1000), 4), round(upper_bound(5, 100), 4)
    (0.003, 0.1014)
    """
    if count == 0:
        return float(1.0 - 0.05 ** (1.0 / n))
    z, rate = 1.6448536269514722, count / n
    centre = rate + z * z / (2 * n)
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return (centre + spread) / (1 + z * z / n)


class _Claimed:
    """A result with the copies of the truth and of the result merged, asked by the truth's names."""

    def __init__(self, phylogeny: Phylogeny, truth: Truth) -> None:
        by_base = {PurePath(model.path or model.name).name: model.name for model in phylogeny.models}
        names = {model.name for model in phylogeny.models}
        self._names = {name: name for name in names}
        wanted = {name for edge in truth.edges for name in edge[:2]} | set(truth.roots)
        wanted |= {name for pair in (*truth.unrelated, *truth.siblings, *truth.copies) for name in pair[:2]}
        self._names |= {name: by_base[name] for name in wanted - names if name in by_base}
        self.missing = {name for name in wanted if name not in self._names}
        self._merged: dict[str, str] = {}
        for group in phylogeny.copies:
            for name in group[1:]:
                self._merge(group[0], name)
        for source, copy in truth.copies:
            self._merge(self._names.get(source, source), self._names.get(copy, copy))
        self.models = sorted({self.one(name) for name in names} | {self.one(name) for name in self.missing})
        hidden = {item.name for item in phylogeny.hidden}
        self._parents: dict[str, str] = {}
        for edge in phylogeny.edges:
            parent, child = self.one(edge.parent), self.one(edge.child)
            if parent != child and edge.parent not in hidden:
                self._parents.setdefault(child, parent)
        self._family = {self.one(model.name): model.family for model in phylogeny.models if model.family is not None}

    def one(self, name: str) -> str:
        """The name that stands for a model and all its copies."""
        name = self._names.get(name, name)
        while name in self._merged:
            name = self._merged[name]
        return name

    def parent(self, name: str) -> str | None:
        """The claimed parent, None for a root."""
        return self._parents.get(self.one(name))

    def ancestors(self, name: str) -> list[str]:
        """Claimed ancestors, nearest first."""
        found: list[str] = []
        above = self.parent(name)
        while above is not None and above not in found:
            found.append(above)
            above = self._parents.get(above)
        return found

    def direction(self, parent: str, child: str) -> float:
        """1 when the parent is above the child, 1/2 when only undirected claims join the two, 0 otherwise."""
        parent, child = self.one(parent), self.one(child)
        if {parent, child} & self.missing:
            return 0.0
        if parent in self.ancestors(child):
            return 1.0
        if child in self.ancestors(parent):
            return 0.0
        undecided = self.same_family(parent, child) and not self._same_tree(parent, child)
        return 0.5 if undecided else 0.0

    def same_family(self, a: str, b: str) -> bool:
        """Whether two models are claimed to be related."""
        family = self._family.get(self.one(a))
        return family is not None and family == self._family.get(self.one(b))

    def _same_tree(self, a: str, b: str) -> bool:
        """Whether directed claims join two models, which then places neither above the other."""
        return [a, *self.ancestors(a)][-1] == [b, *self.ancestors(b)][-1]

    def _merge(self, keep: str, drop: str) -> None:
        keep, drop = self.one(keep), self.one(drop)
        if keep != drop:
            self._merged[drop] = keep


def _complete(claimed: _Claimed, truth: Truth) -> dict[str, Any]:
    """The metrics that need to know every relation of the group."""
    names = ("overall", "lineage", "lineage_precision", "lineage_recall", "root", "exact_forest")
    if not truth.complete:
        return dict.fromkeys((*names, "edge_f1", "ancestor_f1"))
    parents = {claimed.one(child): claimed.one(parent) for parent, child, _ in truth.edges}
    ancestors = {model: _chain(model, parents) for model in claimed.models}
    root = {model: chain[-1] if chain else model for model, chain in ancestors.items()}
    right = [claimed.parent(model) == parents.get(model) for model in claimed.models]
    pairs = list(combinations(claimed.models, 2))
    same = [root[a] == root[b] for a, b in pairs]
    told = [claimed.same_family(a, b) for a, b in pairs]
    both = sum(s and t for s, t in zip(same, told, strict=True))
    roots = sorted(set(root.values()))
    edges = {(parent, child) for child, parent in parents.items()}
    claimed_edges = {(parent, m) for m in claimed.models if (parent := claimed.parent(m)) is not None}
    lines = {(above, model) for model, chain in ancestors.items() for above in chain}
    claimed_lines = {(above, model) for model in claimed.models for above in claimed.ancestors(model)}
    return {
        "overall": Share(sum(right), len(right)),
        "lineage": Share(sum(s == t for s, t in zip(same, told, strict=True)), len(pairs)),
        "lineage_precision": Share(both, sum(told)),
        "lineage_recall": Share(both, sum(same)),
        "root": Share(sum(claimed.parent(name) is None for name in roots), len(roots)),
        "exact_forest": Share(int(all(right)), 1),
        "edge_f1": _f1(edges, claimed_edges),
        "ancestor_f1": _f1(lines, claimed_lines),
    }


def _chain(model: str, parents: dict[str, str]) -> list[str]:
    chain: list[str] = []
    while model in parents and parents[model] not in chain:
        model = parents[model]
        chain.append(model)
    return chain


def _f1(true: set[tuple[str, str]], told: set[tuple[str, str]]) -> float:
    """Harmonic mean of precision and recall; 1 when there is nothing to find and nothing was claimed."""
    return 2 * len(true & told) / (len(true) + len(told)) if true or told else 1.0
