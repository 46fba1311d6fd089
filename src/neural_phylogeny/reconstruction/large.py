"""A family that was measured in neighbourhoods: one forest over all of it from the forests of the neighbourhoods.

Every model is in the core of one neighbourhood, which says who its parent may be. What the neighbourhoods say of their
cores is put together as one sparse table of log-probabilities, and the most probable forest of that is found exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.graphs import Groups
from neural_phylogeny.reconstruction.claim import Answer
from neural_phylogeny.trees.forest import Forest, Matrix
from neural_phylogeny.trees.fusion import LEAST
from neural_phylogeny.trees.likeliest import EVEN
from neural_phylogeny.trees.sparse_arborescence import sparse_forest

CHOSEN = 0.9
"""Probability of the parent that a method chose without one."""


def stitched(answers: Sequence[Answer]) -> list[Answer]:
    """The answers, those of neighbourhoods with the parents of one forest over all of them.

    O(n_models SIZE) for neighbourhoods of ``SIZE``.
    """
    parts = [answer for answer in answers if answer.group.core]
    if not parts:
        return list(answers)
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
    parents = sparse_forest(above.astype(np.int64), below.astype(np.int64), weights, roots)
    return [_with_parents(answer, parents, place) if answer.group.core else answer for answer in answers]


def _posterior(forest: Forest) -> Matrix:
    """Of a forest that has none, the parents that it chose, at odds of nine to one against a root."""
    if forest.posterior is not None:
        return forest.posterior
    found = np.zeros((len(forest.parents),) * 2)
    np.fill_diagonal(found, 1.0 - CHOSEN)
    every = np.arange(len(found))
    found[np.where(forest.parents < 0, every, forest.parents), every] = CHOSEN
    return found


def _with_parents(answer: Answer, parents: NDArray[np.int64], place: dict[int, int]) -> Answer:
    """A neighbourhood's answer with the parents of the whole forest, as far as they are in it."""
    forest, claimed = answer.forest, answer.claimed
    row_of = {place[answer.group.members[row]]: k for k, row in enumerate(answer.rows)}
    every = [place[answer.group.members[row]] for row in answer.rows]
    whole = np.array([row_of.get(int(parents[k]), -1) for k in every], dtype=np.int64)
    is_link = (forest.parents >= 0) & (forest.p_direction == EVEN) & claimed & (whole < 0)
    found = np.where(is_link, forest.parents, whole)
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
    return replace(answer, forest=forest)


def labels_of(answers: Sequence[Answer]) -> list[list[int]]:
    """The families of the models of neighbourhoods: those that edges, merges and missing ancestors join."""
    joined = Groups()
    for answer in answers:
        forest, models = answer.forest, [answer.group.members[row] for row in answer.rows]
        siblings = [] if forest.missing is None else np.flatnonzero(forest.missing > 0).tolist()
        for k in np.flatnonzero(answer.claimed).tolist():
            parts = [] if forest.merged is None else np.flatnonzero(forest.merged[:, k]).tolist()
            for other in (*parts, *([int(forest.parents[k])] if forest.parents[k] >= 0 else []), k):
                joined.join(models[other], models[k])
        for k in siblings[1:]:
            joined.join(models[siblings[0]], models[k])
    return joined.lists(
        answer.group.members[answer.rows[k]] for answer in answers for k in np.flatnonzero(answer.claimed).tolist()
    )
