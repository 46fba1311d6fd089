"""All merges of a family: sums first, then what was put together by layers, then by values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.explanations.shapes import GROWN, PRUNED, read_as
from neural_phylogeny.relations.merging.affine import sums
from neural_phylogeny.relations.merging.layered import layered
from neural_phylogeny.relations.merging.partial import partial
from neural_phylogeny.relations.merging.values import Values
from neural_phylogeny.statistics.results import Statistics

Matrix = NDArray[np.float64]

SUM, LAYERS, PARTLY = "sum", "layers", "values"
"""How a model was put together: the same in all matrices, layer by layer, value by value."""

LEAST = 1e-6
"""Weight of a base where the multiples of the others' steps add up to one."""

MOST = 64
"""Models of a family in which merges by layers and values are looked for."""


@dataclass(frozen=True)
class Merges:
    """Weights ``(k, k)`` of i in j, columns of zeros where j is not a merge, and ``how`` each one was made, by j."""

    weights: Matrix
    how: dict[int, str]

    def without(self, later: NDArray[np.bool_]) -> Merges:
        """Those of which no part i was made from the merge j, ``later[i, j]``: a cast or pruned copy adds up to it."""
        wrong = ((self.weights != 0) & later).any(axis=0)
        how = {j: how for j, how in self.how.items() if not wrong[j]}
        return Merges(np.where(wrong[None, :], 0.0, self.weights), how)


def merges(statistics: Statistics, rows: Sequence[int]) -> Merges:
    """The merged models of one family, for k rows of the statistics, each with all of its parts.

    Weights of a sum add up to 1. Those of layers are means over the matrices; of what was merged value by value the
    parts have the multiples of their steps, and the base has the rest. Merges are not parts of others.
    """
    weights = sums(statistics, rows)
    how = {j: SUM for j in np.flatnonzero(weights.any(axis=0)).tolist()}
    k = len(rows)
    if not 3 <= k <= MOST:
        return Merges(weights, how)
    values = Values.kept(statistics, rows)
    is_resized = (read_as(statistics, GROWN) | read_as(statistics, PRUNED))[list(rows)]
    for j, others in _possible(values, weights, how, is_resized):
        if (by_layers := layered(values, j, others)) is not None:
            how[j] = LAYERS
            weights[list(by_layers), j] = list(by_layers.values())
    for j, others in _possible(values, weights, how, is_resized):
        if (by_values := partial(values, j, others)) is not None:
            base, multiples = by_values
            how[j] = PARTLY
            weights[list(multiples), j] = list(multiples.values())
            weights[base, j] = round(1.0 - sum(multiples.values()), 4) or LEAST
    return Merges(weights, how)


def _possible(
    values: Values, weights: Matrix, how: dict[int, str], is_resized: NDArray[np.bool_]
) -> Iterator[tuple[int, list[int]]]:
    """Models that may still be merges, with those that may be their parts; none was grown or shrunk."""
    for j in range(len(weights)):
        others = [i for i in values.having(j) if i not in how and not is_resized[i]]
        if j not in how and not weights[j].any() and not is_resized[j] and len(others) > 1:
            yield j, others
