"""The clock of weight decay: rows and columns without a gradient only shrink, all by one factor; the shorter is later.

A row of an embedding whose token never occurs, the column of an input that is always zero, the row of a class without
examples get no gradient. Decoupled or not, weight decay multiplies them by (1 - rate x decay) at each step, so that
between two models of one lineage they differ by one constant, to the last digits. It says which of two models decayed
longer, not that one was made from the other. Where both lie on one grid of bfloat16 or float16, such rows are a
multiple up to one step of the grid, and all values that differ came nearer to zero.

It is silent where something else explains the lengths: all rows of a matrix are multiples (it was rescaled, or a norm
was folded into it), the rows have factors of their own, they were multiplied at once, or the two lie on different grids
and a cast may undo the decay. A model that decayed and was then rescaled as a whole would fool it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.overlap import Overlap
from neural_phylogeny.statistics.results import Statistics, pairs_of, stacked
from neural_phylogeny.statistics.rows import NEAR, ROUNDING

Array = NDArray[np.float64]

ROWS, SHARE = 4, 0.6
"""Least number of rows, and least share of those that only shrank, that must agree in the factor."""

GRID_ROWS, GRID_RATIO = 8, 10
"""On a grid: least number of rows that came nearer to zero, and least ratio of them to those that went away."""

APART = 2.0
"""Mantissa bits by which the grids of two models differ; as ``exact.rounded`` has it."""

NAMES = ("multiples", "agree", "factor", "still")


@dataclass(frozen=True)
class Clock:
    """What rows that only shrank tell of n models.

    Attributes
    ----------
    later : (n, n)
        1 where the second model is the later one, -1 where the first is, 0 where the clock is silent.
    factor : (n, n)
        Log of the second's length over the first's, in the rows that agree; 0 where silent.
    rows : (n, n)
        Rows and columns that agree.
    still : (n, n)
        Rows and columns that are equal to the last bit in matrices that changed: they prove that nothing decayed.
    """

    later: Array
    factor: Array
    rows: Array
    still: Array

    @classmethod
    def of(cls, multiples: Array, agree: Array, factor: Array, still: Array) -> Clock:
        """From the numbers of ``statistics.rows`` for k matrices, rows and columns apart, ``(k, n, n)``. O(k log k)."""
        multiples, agree, still = (np.nan_to_num(x) for x in (multiples, agree, still))
        factor = np.where(agree > 0, np.nan_to_num(factor), 0.0)
        middle = _weighted_median(factor, agree)
        near = np.abs(factor - middle) < NEAR * np.abs(middle) + ROUNDING
        rows, total = (agree * near).sum(axis=0), multiples.sum(axis=0)
        together = (rows >= ROWS) & (rows >= SHARE * total)
        alone = (agree >= ROWS) & (agree >= SHARE * multiples)
        signs = np.where(alone, np.sign(factor), 0.0)
        apart = ~together & alone.any(axis=0) & (np.abs(signs.sum(axis=0)) == alone.sum(axis=0))
        mean = (alone * agree * factor).sum(axis=0) / np.maximum((alone * agree).sum(axis=0), 1.0)
        found = np.where(together, middle, np.where(apart, mean, 0.0))
        counted = np.where(together, rows, np.where(apart, (alone * agree).sum(axis=0), 0.0))
        return cls(-np.sign(found), found, counted, still.sum(axis=0))

    @classmethod
    def of_statistics(cls, statistics: Statistics, overlap: Overlap) -> Clock:
        """Of all matrices that each pair compares, on grids too; silent where ``rows`` were not measured."""
        shrunk, *numbers = (_all_rows(statistics, name) for name in ("shrunk", *NAMES))
        clock, toward = cls.of(*numbers), np.nan_to_num(shrunk).sum(axis=0)
        nearer = (toward >= GRID_ROWS) & (toward >= GRID_RATIO * toward.T)
        silent = (clock.later == 0)[None] & np.stack([nearer, nearer.T])
        later = clock.later + silent[0] * 1.0 - silent[1] * 1.0
        rows = np.where(silent.any(axis=0), np.maximum(toward, toward.T), clock.rows)
        lost = np.abs(clock.factor) < _rounding(overlap.bits)
        later, factor, rows = (np.where(lost, 0.0, values) for values in (later, clock.factor, rows))
        return cls(later, factor, rows, clock.still)


def _rounding(bits: Array) -> Array:
    """How far a cast may move values, relative to them, where one of two models lies on a coarser grid; else 0.

    A cast to the grid on which a base lay takes back all decay that is smaller.
    """
    coarser = np.minimum.outer(bits, bits)
    apart = (coarser > 0) & (np.abs(np.subtract.outer(bits, bits)) > APART)
    return np.where(apart, 2.0 ** -(coarser + 1.0), 0.0)


def _all_rows(statistics: Statistics, name: str) -> Array:
    """A number of rows and columns of all matrices, NaN where a pair does not compare one: ``(k, n, n)``."""
    n = statistics.alignment.n_models
    found, places = [np.empty((0, 2, n, n))], list[int]()
    for here, alike in statistics.runs(f"rows.{name}"):
        members = np.array(alike[0][0].members)
        values = np.where(pairs_of(alike)[..., None], stacked(alike, f"rows.{name}"), np.nan)
        both = np.full((len(alike), 2, n, n), np.nan)
        both[:, :, members[:, None], members] = np.moveaxis(values, -1, 1)
        found.append(both)
        places += here
    return np.concatenate(found)[np.argsort(places)].reshape(-1, n, n)


def _weighted_median(values: Array, weights: Array) -> Array:
    """Over the first axis; 0 where all weights are."""
    if not len(values):
        return np.zeros(values.shape[1:])
    order = np.argsort(values, axis=0, kind="stable")
    ordered, weight = (np.take_along_axis(x, order, axis=0) for x in (values, weights))
    place = np.argmax(2.0 * weight.cumsum(axis=0) >= weight.sum(axis=0), axis=0)
    found: Array = np.take_along_axis(ordered, place[None], axis=0)[0]
    return np.where(weights.sum(axis=0) > 0, found, 0.0)
