r"""Rows and columns of matrices, pair by pair: which of them only shrank, and whether those that moved more also grew.

A row is what one unit reads, a column what all units read of one input. With a and b a row in two models let
:math:`l = \log\lVert b\rVert / \lVert a\rVert` be its growth and :math:`p^2 = 1 - \cos^2(a, b)` the share of it that is
new. Weight decay multiplies a row without a gradient by one constant and leaves p at rounding, so it shrinks all such
rows alike; gradients move rows and let them grow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.statistics.moments import mantissa_bits
from neural_phylogeny.tensors.alignment import AlignedTensor

Array = NDArray[np.float64]

SHORTEST, FEWEST = 16, 12
"""Values of a row, and rows of a matrix, below which they say nothing."""

RELATIVE, FLOOR, SURELY = 0.05, 4e-8, 1e-4
"""A row is a multiple where p is below ``RELATIVE |l| + FLOOR`` and below ``SURELY``: rounding leaves so much."""

LEAST, MOST, NEAR, ROUNDING = 2e-7, 0.3, 0.03, 6e-8
"""Growth of a row that only decayed lies between these magnitudes; rows agree within ``NEAR`` of their median."""

AT_ONCE, ONE_ROUNDING, SOME = 0.01, 5e-8, 0.1
"""Rows that grew or shrank by more than the first in one multiplication are off by one rounding, p below the second;
decay takes many steps, each of which rounds. Where such a share of them is so near, a matrix was multiplied at once."""

MOVED = 1e-14
"""Rows with a smaller p squared did not move."""

CAP = 0.98
"""Quantile of p squared above which it is cut, so that no single row decides."""

STEP_ROWS, STEP_COLUMNS = 32, 64
"""Of the sample, what the directions of a step are taken of."""

NARROWEST = 8
"""Rows and columns that a matrix must have for its step to have directions."""

CHANGED, GRIDS = 10, (7.0, 10.0)
"""Values of a row that must differ on a grid of few bits; mantissa bits of bfloat16 and float16."""

PAIRS_AT_ONCE = 1 << 8

PAIRS_KNOWN = 64
"""Models up to which the pairs are kept from one matrix to the next."""

FIRST = 8
"""Values of a row that are looked at before all of them."""


class Rows(Statistic):
    """What rows and columns of a matrix tell of each pair: ``(n_members, n_members, 2)``, of rows, of columns.

    Positive where the first model looks like the other's parent: ``grow``, the correlation of p squared and growth
    times the root of the number of rows; ``indep``, by how much more the slope of a row of the first on the second
    depends on p squared, by rank, than that of the second on the first. ``step (n_members, n_members)`` is the growth
    along the strong directions of the step between the two beyond the growth along all of it. NaN where undefined.

    Of rows that only shrank: ``multiples``, their number, 0 where all rows of a matrix are multiples (that was
    rescaled); ``factor``, the median of their growth; ``agree``, how many lie near it. ``still``: rows equal to the
    last bit in a matrix that changed. ``shrunk[i, j]``: rows of two models on one grid of 7 or 10 mantissa bits that
    are a multiple up to one step, at least ``CHANGED`` values of which differ, all of j's nearer to zero.

    At most ``plan.rows`` rows and as many columns of ``plan.row_values`` values each, the same in all models. NaN or 0
    for a model with values that are not finite. Cost: three milliseconds a matrix for 8 models, and a look-up
    for each block.
    """

    name = "rows"
    in_runs = True
    stacks = True
    pairwise = ("grow", "indep", "step", "multiples", "factor", "agree", "still", "shrunk")

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """The sampled values that lie in this block, in flat order."""
        if not tensor.is_matrix:
            return {}
        return {
            name: sample.within(block, values)
            for name, sample in zip(("rows", "columns"), self.plan.rows_and_columns(tensor), strict=True)
        }

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Put rows and columns together and compare them in all pairs."""
        if not tensor.is_matrix:
            return {}
        found = []
        for name, sample in zip(("rows", "columns"), self.plan.rows_and_columns(tensor), strict=True):
            order = sample.order.reshape(sample.units, sample.inputs)
            lines = order if name == "rows" else order.T
            flat = np.concatenate([part[name] for part in parts], axis=-1)
            matrices = np.take(flat, lines.reshape(-1), axis=-1).reshape(*flat.shape[:-1], *lines.shape)
            found.append(of_rows(matrices))
            if name == "rows":
                step = steps_of(matrices)
        return {key: np.stack([one[key] for one in found], axis=-1) for key in found[0]} | {"step": step}


def of_rows(rows: NDArray[np.float32]) -> Arrays:
    """All results for rows ``(..., n, n_rows, n_values)``, ``(..., n, n)`` each; see ``Rows``. O(n^2) a row."""
    *stack, n, _, n_values = rows.shape
    rows = rows.reshape(-1, *rows.shape[-3:])
    shape = (len(rows), n, n)
    result: Arrays = {key: np.full(shape, np.nan, dtype=np.float32) for key in ("grow", "indep")}
    result |= {key: np.zeros(shape, dtype=np.int16) for key in ("multiples", "agree", "still", "shrunk")}
    result["factor"] = np.zeros(shape, dtype=np.float64)
    finite = np.asarray(np.isfinite(rows).all(axis=(2, 3)))
    if n_values >= SHORTEST:
        rows = rows if finite.all() else np.where(finite[:, :, None, None], rows, np.float32(0.0))
        exact = rows.swapaxes(1, 2).astype(np.float64)
        gram = np.matmul(exact, exact.swapaxes(2, 3))  # (n_tensors, n_rows, n, n)
        equal = _equal_rows(rows)
        for t, i, j in _pairs(finite):
            own_i, own_j, product = gram[t, :, i, i], gram[t, :, j, j], gram[t, :, i, j]  # (pairs, n_rows)
            for key, values in _rules(own_i, own_j, product).items():
                result[key][t, i, j], result[key][t, j, i] = values, -values
            for key, values in _multiples(own_i, own_j, product, equal[t, i, j]).items():
                result[key][t, i, j] = values
                result[key][t, j, i] = -values if key == "factor" else values
        _on_grids(rows, finite, result["shrunk"])
    return {key: found.reshape(*stack, n, n) for key, found in result.items()}


def steps_of(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """``step`` of ``Rows`` for rows ``(..., n, n_rows, n_values)``: ``(..., n, n)``."""
    *stack, n, n_rows, _ = rows.shape
    found = np.full((math.prod(stack), n, n), np.nan, dtype=np.float32)
    exact = rows[..., :: max(1, n_rows // STEP_ROWS), :][..., :STEP_ROWS, :STEP_COLUMNS].astype(np.float64)
    exact = exact.reshape(len(found), *exact.shape[-3:])
    if min(exact.shape[2:]) >= NARROWEST:
        finite = np.asarray(np.isfinite(exact).all(axis=(2, 3)))
        for t, i, j in _pairs(finite):
            step = _step(exact[t, i], exact[t, j])
            found[t, i, j], found[t, j, i] = step, -step
    return found.reshape(*stack, n, n)


@lru_cache(maxsize=8)
def _above_diagonal(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    i, j = np.triu_indices(n, 1)
    return i, j


def _pairs(counted: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Of all tensors the pairs of models that count, some at a time: tensor, first and second, ``(n_tensors, n)``."""
    n_tensors, n = counted.shape
    i, j = _above_diagonal(n) if n <= PAIRS_KNOWN else np.triu_indices(n, 1)
    for start in range(0, n_tensors * len(i), PAIRS_AT_ONCE):
        t, k = np.divmod(np.arange(start, min(start + PAIRS_AT_ONCE, n_tensors * len(i))), len(i))
        both = counted[t, i[k]] & counted[t, j[k]]
        if both.any():
            t, k = t[both], k[both]
            yield t, i[k], j[k]


def _equal_rows(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rows that are not zero are equal to the last bit in two models: ``(n_tensors, n, n, n_rows)``."""
    starts = np.ascontiguousarray(rows[..., :2]).view(np.uint64)[..., 0]
    found: NDArray[np.bool_] = np.equal(starts[:, :, None], starts[:, None, :])
    own = np.arange(rows.shape[1])
    found[:, own, own] = False
    for t in np.flatnonzero(found.any(axis=(1, 2, 3))):  # elsewhere every row begins otherwise in every other model
        labels = np.array([[hash(row.tobytes()) for row in model] for model in rows[t]], dtype=np.int64)
        some = np.abs(rows[t]).max(axis=2, initial=0.0) > 0
        found[t] = np.equal(labels[:, None], labels[None, :]) & some[:, None]
    return found


def _growth(own_i: Array, own_j: Array, product: Array) -> tuple[NDArray[np.bool_], Array, Array]:
    """Which rows are there in both, their growth l and p squared, 0 for the others."""
    there = (own_i > 0) & (own_j > 0)
    own_i, own_j = np.where(there, own_i, 1.0), np.where(there, own_j, 1.0)
    growth = 0.5 * (np.log(own_j) - np.log(own_i))
    cosine = np.where(there, product, 1.0) / np.sqrt(own_i) / np.sqrt(own_j)
    return there, growth, np.maximum((1.0 - cosine) * (1.0 + cosine), 0.0)


def _rules(own_i: Array, own_j: Array, product: Array) -> Arrays:
    """``grow`` and ``indep`` of some pairs, from squared lengths and products ``(pairs, n_rows)``."""
    there, growth, new = _growth(own_i, own_j, product)
    moved = there & (new > MOVED)
    count = moved.sum(axis=1)
    ordered = np.sort(np.where(moved, new, np.inf), axis=1)
    cap = np.take_along_axis(ordered, (CAP * np.maximum(count - 1, 0)).astype(int)[:, None], axis=1)
    grow = _correlation(np.where(moved, np.minimum(new, cap), 0.0), growth, moved) * np.sqrt(count)
    by_new = _ranks(new, moved)
    slope, back = (np.where(moved, product / np.where(own > 0, own, 1.0), 0.0) for own in (own_i, own_j))
    indep = np.abs(_correlation(_ranks(back, moved), by_new, moved))
    indep -= np.abs(_correlation(_ranks(slope, moved), by_new, moved))
    enough = (count >= FEWEST) & (np.where(moved, new, 0.0).max(axis=1) > ordered[:, 0])
    return {"grow": np.where(enough, grow, np.nan), "indep": np.where(enough, indep, np.nan)}


def _ranks(values: Array, known: NDArray[np.bool_]) -> Array:
    order = np.argsort(np.where(known, values, np.inf), axis=1, kind="stable")
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(values.shape[1], dtype=np.float64), values.shape), axis=1)
    return ranks


def _correlation(x: Array, y: Array, known: NDArray[np.bool_]) -> Array:
    count = np.maximum(known.sum(axis=1), 1)[:, None]
    x, y = (np.where(known, z - (z * known).sum(axis=1, keepdims=True) / count, 0.0) for z in (x, y))
    scale = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    found: Array = np.divide((x * y).sum(axis=1), scale, out=np.zeros(len(x)), where=scale > 0)
    return found


def _step(a: Array, b: Array) -> Array:
    r"""Growth along strong directions of the step beyond that along all: D = b - a = U S V', t = diag(U'(a + b) V).

    With weights S^4 for strong ones, :math:`\sum t S^3 / \sum S^4 - \sum t S / \sum S^2`, as traces; in [-1, 1].
    """
    step, both = b - a, b + a
    squared, along = np.matmul(step, step.swapaxes(1, 2)), np.matmul(both, step.swapaxes(1, 2))
    total, strong = np.einsum("puu->p", squared), (squared * squared).sum(axis=(1, 2))
    moved = strong > 0
    strong, total = np.where(moved, strong, 1.0), np.where(moved, total, 1.0)
    growth = (squared * along).sum(axis=(1, 2)) / strong - np.einsum("puu->p", along) / total
    return np.where(moved, np.tanh(growth), np.nan)


def _multiples(own_i: Array, own_j: Array, product: Array, equal: NDArray[np.bool_]) -> Arrays:
    """Number, median growth and agreement of rows that are multiples of themselves, and rows that are equal."""
    there, growth, new = _growth(own_i, own_j, product)
    rest = np.sqrt(new)
    multiple = there & (product > 0) & ((rest < RELATIVE * np.abs(growth) + FLOOR) & (rest < SURELY) | equal)
    some = (multiple.sum(axis=1) < there.sum(axis=1))[:, None]
    shrank = multiple & some & (np.abs(growth) > LEAST) & (np.abs(growth) < MOST)
    far = shrank & (np.abs(growth) > AT_ONCE)
    at_once = (far & (rest < ONE_ROUNDING)).sum(axis=1) > SOME * far.sum(axis=1)
    shrank &= ~(far & at_once[:, None])
    count = shrank.sum(axis=1)
    ordered = np.sort(np.where(shrank, growth, np.inf), axis=1)
    places = np.stack([np.maximum(count - 1, 0) // 2, count // 2 * (count > 0)], axis=1)
    middle = np.take_along_axis(ordered, np.minimum(places, growth.shape[1] - 1), axis=1)
    median = np.where(count > 0, np.where(np.isfinite(middle), middle, 0.0).mean(axis=1), 0.0)
    near = np.abs(growth - median[:, None]) < NEAR * np.abs(median)[:, None] + ROUNDING
    still = (equal & there & (equal.sum(axis=1) < there.sum(axis=1))[:, None]).sum(axis=1)
    return {"multiples": count, "factor": median, "agree": (shrank & near).sum(axis=1), "still": still}


def _on_grids(rows: NDArray[np.float32], finite: NDArray[np.bool_], shrunk: NDArray[np.int16]) -> None:
    """Fill ``shrunk`` for the pairs of models that lie on one grid of few bits; O(values) for each such pair."""
    bits = np.where(finite, mantissa_bits(rows.reshape(*rows.shape[:2], -1)), np.nan)
    for grid in GRIDS:
        lower = max((other for other in GRIDS if other < grid), default=0.0)
        on_grid = (bits > lower) & (bits <= grid)
        for t in np.flatnonzero(on_grid.sum(axis=1) > 1):
            chosen = np.flatnonzero(on_grid[t])
            first = rows[t, chosen, :, :FIRST]
            for i, own in zip(chosen, first, strict=True):
                near = _is_toward(own, first).any(axis=1)  # of most pairs no row is left
                for j in chosen[near & (chosen != i)]:
                    shrunk[t, i, j] = _nearer_to_zero(rows[t, i], rows[t, j], grid)


def _nearer_to_zero(a: NDArray[np.float32], b: NDArray[np.float32], bits: float) -> int:
    """Rows of b that are one multiple of a's up to a step of the grid and differ only by lying nearer to zero."""
    rows = np.flatnonzero(_is_toward(a, b) & (np.count_nonzero(a != b, axis=1) >= CHANGED))
    if not len(rows):
        return 0
    x, y = a[rows].astype(np.float64), b[rows].astype(np.float64)
    factor = (x * y).sum(axis=1) / np.maximum((x * x).sum(axis=1), np.finfo(np.float64).tiny)
    _, exponent = np.frexp(np.maximum(np.abs(x), np.finfo(np.float32).tiny))
    off = np.abs(y - factor[:, None] * x) <= 1.05 * np.ldexp(1.0, exponent - 1 - int(bits))
    return int((off.all(axis=1) & (factor > 0.5)).sum()) if len(rows) < len(a) else 0


def _is_toward(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Rows of b no value of which is farther from zero than a's, or beyond it."""
    toward = (np.abs(b) <= np.abs(a)) & ((np.signbit(a) == np.signbit(b)) | (b == 0))
    found: NDArray[np.bool_] = toward.all(axis=-1)
    return found
