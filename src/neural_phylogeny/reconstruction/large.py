"""A family that was measured in neighbourhoods: one forest over all of it from the forests of the neighbourhoods.

Every model is in the core of one neighbourhood, which says who its parent may be. What the neighbourhoods say of their
cores is put together as one sparse table of log-probabilities, and the most probable forest of that is found exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.graphs import Groups
from neural_phylogeny.reconstruction.claim import Answer
from neural_phylogeny.trees.family import groups_of
from neural_phylogeny.trees.forest import Forest, Matrix, Vector
from neural_phylogeny.trees.fusion import LEAST
from neural_phylogeny.trees.likeliest import EVEN
from neural_phylogeny.trees.rooting import forest_probabilities, root_probabilities
from neural_phylogeny.trees.sparse_arborescence import sparse_forest

CHOSEN = 0.9
"""Probability of the parent that a method chose without one."""


MOST = 1000
"""Models of all large families up to which the sums over all forests are made: they are cubic, half a second here."""


@dataclass(frozen=True)
class Whole:
    """What the neighbourhoods say of their cores, over all n models in them.

    Attributes
    ----------
    place : dict of int to int
        Of each model by its position in the collection.
    above, below, weights : (n_edges,)
        Possible parents, their children, and logarithms of their probabilities.
    roots : (n,)
        Logarithms of the probabilities of having no parent here.
    """

    place: dict[int, int]
    above: NDArray[np.int64]
    below: NDArray[np.int64]
    weights: Vector
    roots: Vector

    @classmethod
    def of(cls, parts: Sequence[Answer]) -> Whole:
        """The columns of the cores; O(n_models SIZE)."""
        models = sorted({answer.group.members[row] for answer in parts for row in answer.rows})
        place = {model: k for k, model in enumerate(models)}
        edges: list[NDArray[np.float64]] = []
        roots = np.zeros(len(models))
        for answer in parts:
            at = np.array([place[answer.group.members[row]] for row in answer.rows])
            logs = np.log(np.maximum(_posterior(answer.forest), LEAST))
            for k in np.flatnonzero(answer.claimed).tolist():
                roots[at[k]] = logs[k, k]
                others = np.flatnonzero(np.arange(len(at)) != k)
                edges.append(np.stack([at[others], np.full(len(others), at[k]), logs[others, k]]))
        above, below, weights = np.concatenate(edges, axis=1) if edges else np.zeros((3, 0))
        return cls(place, above.astype(np.int64), below.astype(np.int64), weights, roots)

    def at(self, answer: Answer) -> NDArray[np.int64]:
        """The places of the rows of a neighbourhood's answer."""
        return np.array([self.place[answer.group.members[row]] for row in answer.rows], dtype=np.int64)

    def parents(self) -> NDArray[np.int64]:
        """Those of the most probable forest."""
        return sparse_forest(self.above, self.below, self.weights, self.roots)

    def dense(self) -> Matrix:
        """As ``Posterior.parent``, (n, n)."""
        found = np.zeros((len(self.roots),) * 2)
        found[self.above, self.below] = np.exp(self.weights)
        np.fill_diagonal(found, np.exp(self.roots))
        return found


def stitched(answers: Sequence[Answer]) -> list[Answer]:
    """The answers, those of neighbourhoods with the parents, roots and families of one forest over all of them.

    O(n_models SIZE) for neighbourhoods of ``SIZE``, and for at most ``MOST`` models O(n_models^3).
    """
    parts = [answer for answer in answers if answer.group.core]
    if not parts:
        return list(answers)
    whole = Whole.of(parts)
    parents = whole.parents()
    found = [_with_parents(answer, parents, whole) for answer in parts]
    families = _families(parts, found, whole)
    found = _without_lone(found, families, whole)
    if len(parents) <= MOST and all(answer.forest.p_root is not None for answer in parts):
        found = _with_roots(found, whole, families)
    of_part = iter([_with_families(answer, families[whole.at(answer)]) for answer in found])
    return [next(of_part) if answer.group.core else answer for answer in answers]


def _posterior(forest: Forest) -> Matrix:
    """Of a forest that has none, the parents that it chose, at odds of nine to one against a root."""
    if forest.posterior is not None:
        return forest.posterior
    found = np.zeros((len(forest.parents),) * 2)
    np.fill_diagonal(found, 1.0 - CHOSEN)
    every = np.arange(len(found))
    found[np.where(forest.parents < 0, every, forest.parents), every] = CHOSEN
    return found


def _with_parents(answer: Answer, parents: NDArray[np.int64], whole: Whole) -> Answer:
    """A neighbourhood's answer with the parents of the whole forest, as far as they are in it."""
    forest, claimed = answer.forest, answer.claimed
    at = whole.at(answer).tolist()
    row_of = {place: k for k, place in enumerate(at)}
    chosen = np.array([row_of.get(int(parents[place]), -1) for place in at], dtype=np.int64)
    is_link = (forest.parents >= 0) & (forest.p_direction == EVEN) & claimed & (chosen < 0)
    found = np.where(is_link, forest.parents, chosen)
    moved = np.flatnonzero(claimed & (found != forest.parents))
    p_direction, p_parent = forest.p_direction.copy(), forest.p_parent
    if forest.posterior is not None and p_parent is not None:
        p, p_parent = forest.posterior, p_parent.copy()
        for k in moved.tolist():
            above = int(found[k])
            p_parent[k] = p[above, k] if above >= 0 else p[k, k]
            p_direction[k] = p[above, k] / max(p[above, k] + p[k, above], LEAST) if above >= 0 else 1.0
    forest = replace(
        forest,
        parents=found,
        p_direction=p_direction,
        p_parent=p_parent,
        missing=None if forest.missing is None else np.where(claimed & (found < 0), forest.missing, 0.0),
        p_root=None if forest.p_root is None else np.where(claimed, forest.p_root, np.nan),
        p_rooted=None,
    )
    shares = None if answer.support is None else answer.support.of_those(claimed & (found == answer.forest.parents))
    return replace(answer, forest=forest, support=shares)


def _families(parts: Sequence[Answer], found: Sequence[Answer], whole: Whole) -> NDArray[np.int64]:
    """Labels of all models, ``(n,)``: edges, merges and missing ancestors join them.

    Models of several cores have one missing ancestor where some neighbourhood, of ``parts`` as they were placed, has
    them as siblings whose parent is missing, and the own neighbourhood of each says the same of it in ``found``.
    """
    lacking = _lacking(found)
    joined = Groups()
    for part, answer in zip(parts, found, strict=True):
        forest, models = answer.forest, [answer.group.members[row] for row in answer.rows]
        for k in np.flatnonzero(answer.claimed).tolist():
            merged = [] if forest.merged is None else np.flatnonzero(forest.merged[:, k]).tolist()
            for other in (*merged, *([int(forest.parents[k])] if forest.parents[k] >= 0 else []), k):
                joined.join(models[other], models[k])
        siblings = [] if part.forest.missing is None else np.flatnonzero(part.forest.missing > 0).tolist()
        together = [models[k] for k in siblings if models[k] in lacking]
        for model in together[1:]:
            joined.join(together[0], model)
    labels = np.zeros(len(whole.place), dtype=np.int64)
    for label, models in enumerate(joined.lists(whole.place)):
        labels[[whole.place[model] for model in models]] = label
    return labels


def _without_lone(found: Sequence[Answer], families: NDArray[np.int64], whole: Whole) -> list[Answer]:
    """The answers without missing ancestors of a single model: without a sibling nothing shows one."""
    lacking = [whole.place[model] for model in _lacking(found)]
    count = np.bincount(families[lacking], minlength=len(families))
    made = []
    for answer in found:
        forest = answer.forest
        if forest.missing is not None:
            missing = np.where(count[families[whole.at(answer)]] > 1, forest.missing, 0.0)
            forest = replace(forest, missing=missing)
        made.append(replace(answer, forest=forest))
    return made


def _lacking(answers: Sequence[Answer]) -> set[int]:
    """The models whose own neighbourhood says that their parent is missing."""
    return {
        answer.group.members[answer.rows[k]]
        for answer in answers
        if answer.forest.missing is not None
        for k in np.flatnonzero(answer.claimed & (answer.forest.missing > 0)).tolist()
    }


def _with_roots(found: Sequence[Answer], whole: Whole, families: NDArray[np.int64]) -> list[Answer]:
    """The answers with probabilities of roots over all forests of all models, see ``Forest.p_root``."""
    parent, lacking = whole.dense(), [whole.place[model] for model in _lacking(found)]
    p_root, p_rooted = np.diag(forest_probabilities(parent)), np.full(len(parent), np.nan)
    for members in groups_of(families):
        if len(members) > 1 and not np.isin(members, lacking).any():
            p_rooted[members] = root_probabilities(parent[np.ix_(members, members)])
    made = []
    for answer in found:
        at = whole.at(answer)
        p, rooted = (np.where(answer.claimed, values[at], np.nan) for values in (p_root, p_rooted))
        made.append(replace(answer, forest=replace(answer.forest, p_root=p, p_rooted=rooted)))
    return made


def _with_families(answer: Answer, labels: NDArray[np.int64]) -> Answer:
    """A neighbourhood's answer with labels that those of other neighbourhoods have too, where a method has any."""
    if answer.forest.families is None:
        return answer
    return replace(answer, forest=replace(answer.forest, families=labels))
