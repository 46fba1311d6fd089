"""What a method is given and what it answers: arrays over the models of one group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.fake_init import FakeInitialisation

Matrix = NDArray[np.float64]


def kin_are_kin(rows: list[int]) -> int:
    """Where nothing is measured that could tell, kin are kin: an ancestor."""
    return 1


def no_merges(rows: list[int]) -> Matrix:
    """Where nothing is measured that could tell, nobody is a mean of others."""
    return np.zeros((len(rows), len(rows)))


@dataclass(frozen=True)
class Problem:
    """What a method may look at: a family, or the whole collection, as arrays over its models.

    Attributes
    ----------
    families : (n,)
        Label of the family of each model, from the existence test.
    cosine : (n, n)
        Cosine of the compared matrices; NaN where none are.
    gram : (n, n)
        Inner products of the compared matrices.
    distance : (n, n)
        Euclidean distance of the matrices that a pair shares; NaN where it shares none.
    direction : (n, n)
        Log-odds that i is the parent of j, all witnesses together.
    lighter_tails : (n, n)
        Kurtosis of j less that of i, summed over the matrices that both have.
    nearer : callable
        The paper's direction metric by ``FakeInitialisation``: ``(n, n)``, positive where i is nearer to it.
    seed : int
        For methods that draw.
    even : callable
        Inner products of k of the models, ``(k, k)``, over matrices that all of them kept, scaled to one length.
    exact : callable
        Log-odds that i is the parent of j, of k of the models, ``(k, k)`` by the name of each exact witness.
    learned : callable
        What a learned detector says of k of the models: probabilities ``(k, k)`` that i is the parent of j, with those
        of having no parent here on the diagonal; and ``(k,)`` that the parent is missing but a sibling is here.
    ancestral : callable
        Whether k siblings whose parent is not here have a trained ancestor, 1, or an initialisation in common, -1; 0
        where nobody can tell.
    merged : callable
        Of k of the models, ``(k, k)``: the share of i in j where j is a mean of others, columns of zeros elsewhere.
    """

    families: NDArray[np.int64]
    cosine: Matrix
    gram: Matrix
    distance: Matrix
    direction: Matrix
    lighter_tails: Matrix
    nearer: Callable[[FakeInitialisation], Matrix]
    seed: int
    even: Callable[[list[int]], Matrix]
    exact: Callable[[list[int]], Mapping[str, Matrix]]
    learned: Callable[[list[int]], tuple[Matrix, Matrix]]
    ancestral: Callable[[list[int]], int] = kin_are_kin
    merged: Callable[[list[int]], Matrix] = no_merges
