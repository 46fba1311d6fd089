"""Steps of low rank: what a merged adapter adds, and rows that were brought to learnt lengths besides."""

from __future__ import annotations

import math

import numpy as np

from neural_phylogeny.relations.explanations.step import Floats, Step, powers, rms
from neural_phylogeny.relations.explanations.together import Mask, Stack

ROUNDING = 4.0
"""Roundings to the last place that arithmetic may leave."""

CLEARLY = 10.0
"""The step over what is left, at least."""

OF_SIZE = 3
"""The rank is at most this part of the sample's smaller side."""

ROWS_RANK, ROUNDS = 8, 60
"""Rank that is tried where rows have learnt lengths, and rounds of the search."""


def rank_of(step: Step) -> tuple[int, Floats] | None:
    """Least rank that explains a step but for rounding, and what is left over; None where none does.

    The eigenvalues of a product of the sample; one singular value decomposition where they are low.
    """
    most = min(step.child.shape) // OF_SIZE
    size = step.length
    allowed = _allowed(step)
    if most < 1 or size == 0.0 or size < CLEARLY * allowed or _left(step.powers, most, step.child.size) > allowed:
        return None
    u, s, v = np.linalg.svd(step.difference, full_matrices=False)
    rest = np.sqrt(np.cumsum((s**2)[::-1])[::-1] / step.child.size)
    fitting = np.flatnonzero(rest[1 : most + 1] <= allowed)
    if not fitting.size:
        return None
    rank = int(fitting[0]) + 1
    return rank, step.difference - (u[:, :rank] * s[:rank]) @ v[:rank]


def may_have_rank(stack: Stack) -> Mask:
    """Whether such a rank may be found of steps of one form, or one with lengths besides: necessary."""
    most = min(stack.form) // OF_SIZE
    if most < 1:
        return np.zeros(len(stack.steps), dtype=bool)
    (of_parent, of_child), bits = stack.own("rms"), 2.0 ** -stack.own("bits")
    allowed = ROUNDING * np.maximum(of_parent * bits[0], of_child * bits[1])
    found: Mask = (stack.length > 0.0) & (stack.length >= CLEARLY * allowed)
    if min(stack.form) < OF_SIZE * ROWS_RANK:
        left = stack.powers[:, : min(stack.form) - most].sum(axis=1) - 1e-12 * stack.powers.sum(axis=1)
        found &= np.sqrt(np.maximum(left, 0.0) / stack.child[0].size) <= allowed
    return found


def rank_with_lengths(step: Step) -> tuple[int, Floats] | None:
    """The same where each row was multiplied by a number as well: child = d (parent + B A).

    Rows of the child lie in the span of the parent's row and A; A and d are fitted in turn.
    """
    if min(step.child.shape) < OF_SIZE * ROWS_RANK or step.length == 0.0:
        return None
    allowed = _allowed(step)
    if step.length < CLEARLY * allowed or not _may_have_lengths(step, allowed, step.samples[0].first):
        return None
    if not _may_have_lengths(step, allowed):
        return None
    x, y = step.parent, step.child
    norms = np.maximum((x * x).sum(axis=1), 1e-300)
    d, left = (x * y).sum(axis=1) / norms, y
    for _ in range(ROUNDS):
        rest = y - d[:, None] * x
        _, _, v = np.linalg.svd(rest, full_matrices=False)
        a = v[:ROWS_RANK]
        inside_x, inside_y = x @ a.T, y @ a.T
        beyond_x, beyond_y = x - inside_x @ a, y - inside_y @ a
        d = (beyond_x * beyond_y).sum(axis=1) / np.maximum((beyond_x * beyond_x).sum(axis=1), 1e-300)
        left = beyond_y - d[:, None] * beyond_x
        if rms(left) <= allowed:
            break
    return (ROWS_RANK, left) if rms(left) <= allowed else None


def _may_have_lengths(step: Step, allowed: float, basis: Floats | None = None) -> bool:
    """Whether a low rank with lengths could leave no more than ``allowed``: necessary, at a hundredth of the price.

    Beside the span of some rows of the parent, d times these rows is nothing, so that what is left of the same rows of
    the child has the rank of B A. Of the rows of a ``basis (inputs, rows)``, or of all that leave inputs beside them.
    """
    if basis is None:
        basis, _ = np.linalg.qr(step.parent[: step.child.shape[1] // 2].T)
    some = step.difference[: basis.shape[1]]
    beside = some - (some @ basis) @ basis.T
    return _beyond(beside, ROWS_RANK) * math.sqrt(beside.size / step.child.size) <= allowed


def _beyond(matrix: Floats, rank: int) -> float:
    """About the root mean square that the best matrix of a rank leaves over, and not more than that.

    From the eigenvalues of a product, so that what lies below a millionth of the matrix is taken for nothing.
    """
    return _left(powers(matrix), rank, matrix.size)


def _left(squares: Floats, rank: int, size: int) -> float:
    """The same from those eigenvalues, ascending."""
    left = squares[: max(len(squares) - rank, 0)].sum() - 1e-12 * squares.sum()
    return float(np.sqrt(max(left, 0.0) / size))


def _allowed(step: Step) -> float:
    """Root mean square that roundings of either model's values may leave."""
    return ROUNDING * float(max(one.rms * 2.0**-one.bits for one in step.samples))
