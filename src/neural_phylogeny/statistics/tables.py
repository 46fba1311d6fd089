r"""Tables: matrices that a formula computes, such as masks, filter banks, sines. Equality in them proves nothing.

Two unrelated models may carry the same causal mask or mel filter bank. Its name does not tell, its content does:
trained weights are never exactly periodic, banded, constant along diagonals or of low rank to machine precision. Each
rule below is about the values alone, and none holds for trained, pruned or quantised weights.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.blocks import Block
from neural_phylogeny.statistics.products import Equality
from neural_phylogeny.statistics.sketch import leading_matrix
from neural_phylogeny.tensors.alignment import AlignedTensor

Matrix = NDArray[np.float64]

ROWS, COLUMNS = 128, 512
"""Size of the leading sub-matrix that is examined."""

SMALLEST = 8
"""Rows and columns below which structure among rows is not looked for."""

FEWEST = 64
"""Values below which no pattern is looked for: so few prove no relation either."""

LEVELS = 256
"""Values from so few levels can be compressed as symbols."""

COMPRESSED = 0.5
"""A table of few values compresses below this share of its entropy; quantised weights, random in order, do not."""

EXACT = 1e-5
"""Relative error that float32 leaves of an exact structure."""

PREDICTED, ORDER = 1e-4, 8
"""Relative residual of a linear recurrence of this order, below which a row is a sum of few sines or exponentials."""

NEARLY_ALL = 0.9
"""Share of the rows that must have the structure."""


class ComputedTables(Statistic):
    """``computed (n_members,)``: number in ``RULES``, from 1, of the rule that a member's matrix meets; 0 for none.

    Only matrices that two members hold alike are examined, and of those the leading rows of the first block: up to
    ``ROWS`` x ``COLUMNS`` values. Cost: nothing where models differ, else about ten milliseconds a matrix. Not
    among the standard statistics, since no relation uses it yet: register it to have it measured.
    """

    name = "tables"

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """The rule of each member, from block 0."""
        if block.index or not tensor.is_matrix:
            return {}
        label = Equality().measure(tensor, block, values)["label"]
        found = np.zeros(len(values), dtype=np.int8)
        for first in np.unique(label[label != np.arange(len(label))]):
            found[label == first] = rule_in(values[first], tensor)
        return {"computed": found}

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """What the first block says."""
        return dict(parts[0])


def rule_in(values: NDArray[np.float32], tensor: AlignedTensor) -> int:
    """``rule_of`` the leading values of a tensor, as a matrix and, of a stack of images or kernels, line by line."""
    found = rule_of(leading_matrix(values, tensor.shape, tensor.output_axis or 0))
    if found or len(tensor.shape) < 3:
        return found
    width = tensor.shape[-1]
    return rule_of(values[: len(values) // width * width].reshape(-1, width))


def rule_of(matrix: NDArray[np.float32]) -> int:
    """Number in ``RULES``, from 1, of the first rule that a matrix ``(units, inputs)`` meets; 0 for none.

    Examples
    --------
    >>> name = lambda matrix: ("", *RULES)[rule_of(matrix.astype(np.float32))]
    >>> name(np.tril(np.ones((64, 64)))), name(np.random.default_rng(0).normal(size=(64, 64)))
    ('few values in a pattern', '')
    """
    for part in (matrix[:ROWS, :COLUMNS], matrix[_spread(matrix.shape[0], ROWS)][:, _spread(matrix.shape[1], COLUMNS)]):
        values = part.astype(np.float64)
        if values.size < FEWEST or not np.isfinite(values).all():
            return 0
        for number, rule in enumerate(RULES.values(), start=1):
            if rule(values):
                return number
        if part.shape == matrix.shape:
            break
    return 0


def _spread(length: int, most: int) -> NDArray[np.int64]:
    """At most this many positions of an axis, evenly spread and symmetric about its middle."""
    count = min(length, most)
    half = np.round(np.linspace(0, length - 1, count)[: (count + 1) // 2]).astype(np.int64)
    return np.unique(np.concatenate([half, length - 1 - half]))


def few_values(matrix: Matrix) -> bool:
    """Whether a matrix of at most ``LEVELS`` different values has them in an order that compresses."""
    levels, symbols = np.unique(matrix, return_inverse=True)
    if len(levels) > LEVELS:
        return False
    share = np.bincount(symbols.reshape(-1)) / matrix.size
    entropy = float(-(share * np.log2(share)).sum()) * matrix.size / 8.0  # bytes
    orders = (symbols.reshape(matrix.shape), symbols.reshape(matrix.shape).T)
    length = min(len(zlib.compress(order.astype(np.uint8).tobytes(), 9)) for order in orders)
    return bool(length <= COMPRESSED * entropy + 16.0)


def constant_diagonals(matrix: Matrix) -> bool:
    """Whether a matrix is Toeplitz or Hankel: constant along its diagonals in one of both directions."""
    if min(matrix.shape) < SMALLEST:
        return False
    tolerance = EXACT * np.abs(matrix).max()
    return any(
        bool(np.abs(turned[1:, 1:] - turned[:-1, :-1]).max() <= tolerance) for turned in (matrix, matrix[:, ::-1])
    )


def mirrored(matrix: Matrix) -> bool:
    """Whether a square matrix equals its transpose, or every row its own mirror image, up to a sign."""
    used = matrix[np.abs(matrix).max(axis=1) > 0]
    if min(used.shape) < SMALLEST:
        return False
    tolerance = EXACT * np.abs(matrix).max()
    if matrix.shape[0] == matrix.shape[1]:
        both = (np.abs(matrix - matrix.T).max(), np.abs(matrix + matrix.T).max())
        if min(both) <= tolerance:
            return True
    even = np.abs(used - used[:, ::-1]).max(axis=1) <= tolerance
    odd = np.abs(used + used[:, ::-1]).max(axis=1) <= tolerance
    return bool((even | odd).mean() >= NEARLY_ALL)


def low_rank(matrix: Matrix) -> bool:
    """Whether the rank is at most a quarter of what is possible, to machine precision; rows and columns of zeros apart.

    Needs 16 rows and columns that are not zero: pruned units leave a small matrix, not one of low rank.
    """
    used = _used(matrix)
    if min(used.shape) < 16:
        return False
    singular = np.linalg.svd(used, compute_uv=False)
    return bool((singular > EXACT * singular[0]).sum() <= min(used.shape) // 4)


def unimodal_bands(matrix: Matrix) -> bool:
    """Whether most values are zero and each row, or each column, is one run that rises and falls: a filter bank."""
    return any(_is_bank(turned) for turned in (np.abs(matrix), np.abs(matrix.T)))


def _is_bank(rows: Matrix) -> bool:
    some = rows[rows.max(axis=1) > 0]
    if len(some) < SMALLEST or (some > 0).mean() > 0.5 or (some > 0).sum() < 3 * len(some):
        return False
    edges = np.diff((some > 0).astype(np.int8), axis=1, prepend=0, append=0) != 0
    change = np.sign(np.diff(some, axis=1, prepend=0.0, append=0.0))
    turns = np.array([np.count_nonzero(np.diff(signs[signs != 0])) for signs in change])
    return bool(((edges.sum(axis=1) == 2) & (turns == 1)).mean() >= NEARLY_ALL)


def predictable(matrix: Matrix) -> bool:
    """Whether rows, or columns, follow a linear recurrence: sines, windows times sines, exponentials, polynomials."""
    used = _used(matrix)
    return any(_is_recurrent(turned) for turned in (used, used.T))


def _used(matrix: Matrix) -> Matrix:
    """The matrix without rows and columns of zeros, which pruning leaves."""
    used: Matrix = matrix[np.abs(matrix).max(axis=1) > 0][:, np.abs(matrix).max(axis=0) > 0]
    return used


def _is_recurrent(matrix: Matrix) -> bool:
    length = matrix.shape[1]
    if length < 3 * ORDER:
        return False
    rows = matrix[:: max(1, len(matrix) // 32)]
    rows = rows[np.abs(rows).max(axis=1) > 0]
    if len(rows) < SMALLEST:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(rows, ORDER + 1, axis=1)
    past, now = windows[:, :, :ORDER], windows[:, :, ORDER]
    basis, singular, _ = np.linalg.svd(past, full_matrices=False)
    basis = basis * (singular > 1e-7 * singular[:, :1])[:, None, :]
    rest = now - np.einsum("rlk,rk->rl", basis, np.einsum("rlk,rl->rk", basis, now))
    residual = np.sqrt(np.square(rest).mean(axis=1) / np.square(rows).mean(axis=1))
    return bool((residual <= PREDICTED + 2.0 * _grid(rows)).mean() >= NEARLY_ALL)


def _grid(rows: Matrix) -> float:
    """Relative spacing of the numbers that the values are rounded to: 2^-8 for bf16, 2^-11 for fp16, else 2^-24."""
    mantissas = np.frexp(rows[rows != 0])[0]
    for bits in (8, 11):
        if np.array_equal(np.ldexp(mantissas, bits), np.round(np.ldexp(mantissas, bits))):
            return float(2.0**-bits)
    return 2.0**-24


RULES: dict[str, Callable[[Matrix], bool]] = {
    "few values in a pattern": few_values,
    "constant along its diagonals": constant_diagonals,
    "its own mirror image": mirrored,
    "of low rank to machine precision": low_rank,
    "a bank of filters": unimodal_bands,
    "sums of few sines": predictable,
}
"""Rules by what they say of a matrix; any one makes it a table."""
