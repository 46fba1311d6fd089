"""From a method's answer on one family to the forest of all models: the one place where families are joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.family import Families, Family, Labels, groups_of
from neural_phylogeny.trees.forest import CommonInitialisation, Forest, Matrix, Parents, Rivals

O = TypeVar("O")  # noqa: E741
"""A method's options."""


def in_each_family(solve: Callable[[Family, O], Forest]) -> Callable[[Families, O], Forest]:
    """A method on families from a method on one family, which is called for families of at least two models."""

    def method(families: Families, options: O) -> Forest:
        answers = [(members, solve(family, options)) for members, family in families]
        return joined(len(families), answers)

    return method


def joined(n: int, answers: list[tuple[Labels, Forest]]) -> Forest:
    """One forest over n models from forests over some of them each; all others are roots.

    Parameters
    ----------
    answers : list of ((k,), Forest)
        The members of a family, and its forest over them.

    Raises
    ------
    ValueError
        When some of the forests have a field that others lack.
    """
    forests = [forest for _, forest in answers]

    def has(name: str) -> bool:
        known = {getattr(forest, name) is not None for forest in forests}
        if len(known) > 1:
            raise ValueError(f"a method must give `{name}` for all families or for none")
        return known == {True}

    def values(name: str, otherwise: float) -> NDArray[np.float64]:
        found = np.full(n, otherwise)
        for members, forest in answers:
            found[members] = getattr(forest, name)
        return found

    return Forest(
        parents=_parents(n, [(members, forest.parents) for members, forest in answers]),
        p_direction=values("p_direction", 1.0),
        p_parent=values("p_parent", 1.0) if has("p_parent") else None,
        missing=values("missing", 0.0) if has("missing") else None,
        families=_labels(n, answers) if has("families") else None,
        rivals=_rivals(n, answers) if has("rivals") else None,
        p_root=values("p_root", np.nan) if has("p_root") else None,
        p_rooted=values("p_rooted", np.nan) if has("p_rooted") else None,
        common_initialisations=tuple(
            CommonInitialisation(members=tuple(members[list(one.members)].tolist()), certain=one.certain)
            for members, forest in answers
            for one in forest.common_initialisations
        ),
        merged=_placed(n, answers, "merged") if has("merged") else None,
        posterior=_placed(n, answers, "posterior") if has("posterior") else None,
    )


def parents_in_groups(labels: Labels, solve: Callable[[Labels], Parents]) -> Parents:
    """Parents ``(n,)`` from the parents of each group alone; ``solve`` gets the members ``(k,)`` of a group.

    A model with a negative label is in no group, and a root.
    """
    return _parents(len(labels), [(members, solve(members)) for members in groups_of(labels)])


def without_uncompared_edges(forest: Forest, comparable: NDArray[np.bool_]) -> Forest:
    """The forest less its edges between models that have no compared matrix; their children become roots."""
    children = np.flatnonzero(forest.parents >= 0)
    cut = children[~comparable[forest.parents[children], children]]
    if not len(cut):
        return forest
    parents, p_direction = forest.parents.copy(), forest.p_direction.copy()
    parents[cut], p_direction[cut] = -1, 1.0
    return replace(forest, parents=parents, p_direction=p_direction)


def _parents(n: int, answers: list[tuple[Labels, Parents]]) -> Parents:
    parents = np.full(n, -1, dtype=np.int64)
    for members, local in answers:
        parents[members] = np.where(local >= 0, members[local], -1)
    return parents


def _labels(n: int, answers: list[tuple[Labels, Forest]]) -> Labels:
    """The first member of each model's family, as its label."""
    labels = np.arange(n)
    for members, forest in answers:
        _, first, at = np.unique(forest.families, return_index=True, return_inverse=True)  # type: ignore[call-overload]
        labels[members] = members[first[at]]
    return labels


def _rivals(n: int, answers: list[tuple[Labels, Forest]]) -> Rivals:
    local = [(members, forest.rivals) for members, forest in answers if forest.rivals is not None]
    probability = np.zeros(n)
    for members, rivals in local:
        probability[members] = rivals.probability
    return Rivals(
        parents=_parents(n, [(members, rivals.parents) for members, rivals in local]), probability=probability
    )


def _placed(n: int, answers: list[tuple[Labels, Forest]], name: str) -> Matrix:
    """A matrix of each family in its place, ``(n, n)``; 0 elsewhere."""
    found = np.zeros((n, n))
    for members, forest in answers:
        found[np.ix_(members, members)] = getattr(forest, name)
    return found
