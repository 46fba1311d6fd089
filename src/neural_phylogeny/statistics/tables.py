r"""Tables: matrices that a formula computes, such as masks, filter banks, sines. Equality in them proves nothing.

Two unrelated models may carry the same causal mask or mel filter bank. Its name does not tell, its content does:
trained weights are never exactly periodic, banded, constant along diagonals or of low rank to machine precision. Each
rule below is about the values alone, and none holds for trained, pruned or quantised weights.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.graphs import components
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.blocks import BLOCK, Block, read_block
from neural_phylogeny.statistics.patterns import on_a_constant, one_magnitude
from neural_phylogeny.statistics.remembered import remembered
from neural_phylogeny.statistics.sampling import Grid, Part
from neural_phylogeny.statistics.sketch import leading_matrix
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import is_float, names_a_table

Matrix = NDArray[np.float64]

ROWS, COLUMNS = 128, 512
"""Size of the leading sub-matrix that is examined."""

SMALLEST = 8
"""Rows and columns below which structure among rows is not looked for."""

DISTINCT = 64
"""Different values that a trained table has at least."""

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

CLEAR = 14.0
"""Negative log-likelihood from which a single matrix relates two models by itself: a p-value of a millionth."""

IMAGE, SMOOTH, PART = 11, 1e-4, 0.75
"""Images of this many lines and columns have less than this part of the full rank, to this precision: Gabor filters."""

UNEVEN = 0.1
"""A table of low rank is smooth: differences of neighbours have less than this part of the mean square."""

NEARLY_ALL = 0.9
"""Share of the rows that must have the structure."""


def computed_tables(
    tensor: AlignedTensor,
    results: Mapping[str, Arrays],
    checkpoints: Sequence[Checkpoint],
    part: Part | Grid | None = None,
) -> Arrays:
    """``computed (n_members,)``: number in ``RULES``, from 1, of the rule that a member's tensor meets; 0 for none.

    Empty where no member holds a table. Only tensors that would relate two members are examined: those that are equal
    in two, and matrices whose units match clearly by themselves. One member stands for those that match; where it holds
    a table all of them are examined. Cost: a read of one block and about two milliseconds for each tensor of each
    family, a hash where its values were met before; nothing where models are unrelated. Of a tensor that is read in
    part, that part is examined: a symmetric matrix or a filter bank is not recognised by it.
    """
    found: dict[int, int] = {}
    for group in _alike(tensor, results):
        if _examined(tensor, group[0], checkpoints, part):
            found |= {row: _examined(tensor, row, checkpoints, part) for row in group}
    if not any(found.values()):
        return {}
    return {"computed": np.array([found.get(row, 0) for row in range(len(tensor.members))], dtype=np.int8)}


def _alike(tensor: AlignedTensor, results: Mapping[str, Arrays]) -> list[list[int]]:
    """Members that are equal in a tensor or match in it, in groups, that which is nearest to another first."""
    if len(tensor.shape) < 2 or tensor.size < FEWEST or "equality" not in results:
        return []
    label = results["equality"]["label"]
    matched: dict[str, NDArray[np.float64]] = dict(results.get("matching", {}))
    firsts = set(label[label != np.arange(len(label))].tolist())
    groups = [np.flatnonzero(label == first).tolist() for first in sorted(firsts)]
    if "aligned" in matched:
        groups += _clearly_matched(matched)
    return groups


def _clearly_matched(matched: Mapping[str, NDArray[np.float64]]) -> list[list[int]]:
    aligned, own = matched["aligned"], np.diag(matched["aligned"])
    with np.errstate(all="ignore"):
        terms = matched["variance"] + np.outer(matched["bound"], matched["bound"]) * np.abs(aligned) / 3.0
        clear = np.square(aligned) / (2.0 * terms) > CLEAR
        np.fill_diagonal(clear, False)
        if not clear.any():
            return []
        cosine = np.nan_to_num(np.abs(aligned) / np.sqrt(np.outer(own, own)))
    np.fill_diagonal(cosine, 0.0)
    labels = components(clear)
    groups = [np.flatnonzero(labels == one) for one in np.unique(labels[clear.any(axis=1)])]
    nearest = [int(group[cosine[np.ix_(group, group)].max(axis=1).argmax()]) for group in groups]
    return [
        [first, *(row for row in group.tolist() if row != first)] for first, group in zip(nearest, groups, strict=True)
    ]


def _examined(tensor: AlignedTensor, row: int, checkpoints: Sequence[Checkpoint], part: Part | Grid | None) -> int:
    """The rule that the first block of a member meets."""
    member = tensor.members[row]
    one = replace(tensor, members=(member,), sources=(tensor.sources[row],), sides=(), links=())
    seen = tensor if part is None else part.tensor
    block = Block(0, 0, min(seen.size, BLOCK))
    values = read_block(one, block, checkpoints, np.empty(block.size, dtype=np.float32), {}, part)[0]
    return rule_in(values, seen)


def mark_trained(checkpoint: Checkpoint) -> None:
    """Note of each matrix that is called a table, such as ``pos_emb.weight``, whether its values are trained.

    Reads the first block of each such matrix. What cannot be read stays a table.
    """
    for name, tensor in checkpoint.tensors.items():
        if len(tensor.shape) > 1 and tensor.size and is_float(tensor.dtype) and names_a_table(name):
            values = np.empty(min(tensor.size, BLOCK), dtype=np.float32)
            try:
                checkpoint.read_into(name, 0, values)
            except CheckpointError:
                continue
            matrix = leading_matrix(values, tensor.shape, 0)
            rows = values[: len(values) // tensor.shape[-1] * tensor.shape[-1]].reshape(-1, tensor.shape[-1])
            looks_computed = rule_of(matrix) or rule_of(rows) or not np.isfinite(values).all()
            if not looks_computed and len(np.unique(values)) >= DISTINCT:
                checkpoint.tensors[name] = replace(tensor, is_trained=True)


def rule_in(values: NDArray[np.float32], tensor: AlignedTensor) -> int:
    """``rule_of`` the leading values of a tensor, as a matrix and, of a stack of images or kernels, line by line."""
    found = rule_of(leading_matrix(values, tensor.shape, tensor.output_axis or 0))
    if found or len(tensor.shape) < 3:
        return found
    width, height = tensor.shape[-1], tensor.shape[-2]
    lines = values[: len(values) // width * width].reshape(-1, width)
    found = rule_of(lines)
    if not found and smooth_images(lines[: len(lines) // height * height].reshape(-1, height, width)):
        return 1 + list(RULES).index("of low rank to machine precision")
    return found


def rule_of(matrix: NDArray[np.float32]) -> int:
    """Number in ``RULES``, from 1, of the first rule that a matrix ``(units, inputs)`` meets; 0 for none.

    Examples
    --------
    >>> name = lambda matrix: ("", *RULES)[rule_of(matrix.astype(np.float32))]
    >>> name(np.tril(np.ones((64, 64)))), name(np.random.default_rng(0).normal(size=(64, 64)))
    ('few values in a pattern', '')
    """
    if not _may_be_table(matrix):
        return 0
    return remembered(np.ascontiguousarray(matrix), matrix.shape, lambda: _rule_of(matrix))


def _rule_of(matrix: NDArray[np.float32]) -> int:
    leading = matrix[:ROWS, :COLUMNS]
    found, is_constant = _first_rule(leading, RULES)
    if found or leading.shape == matrix.shape:
        return found
    evenly = matrix[_spread(matrix.shape[0], ROWS)][:, _spread(matrix.shape[1], COLUMNS)]
    return _first_rule(evenly, RULES if is_constant else OF_THE_WHOLE)[0]


def _may_be_table(matrix: NDArray[np.float32]) -> bool:
    """Whether the first values could meet a rule: what each needs, at a tenth of the price; false for most weights."""
    corner = matrix[:16, : 8 * ORDER].astype(np.float64)
    if corner.size < 2 * LEVELS or not corner.all() or not np.isfinite(corner).all():
        return True
    if len(set(corner.reshape(-1).tolist())) <= LEVELS:
        return True
    close = EXACT * np.abs(corner).max()
    first, last = np.abs(matrix[:16, 0]), np.abs(matrix[:16, -1])
    if (np.abs(first - last) <= close).sum() > len(first) // 2:
        return True
    if matrix.shape[0] == matrix.shape[1] and abs(last[0] - abs(matrix[-1, 0])) <= close:
        return True
    turned = matrix[:8, ::-1][:, :8]
    if any(np.abs(c[1:, 1:] - c[:-1, :-1]).max() <= close for c in (corner[:8, :8], turned)):
        return True
    power = np.square(corner).mean()
    if min(np.square(np.diff(corner, axis=axis)).mean() for axis in (0, 1)) <= 3.0 * UNEVEN * power:
        return True
    allowed = PREDICTED + 2.0 * _grid(corner)
    lines = (corner[:2], matrix[: 8 * ORDER, :2].T.astype(np.float64))
    return any(line.shape[1] >= 3 * ORDER and bool((_unpredicted(line) <= allowed).any()) for line in lines)


def _first_rule(part: NDArray[np.float32], rules: Collection[str]) -> tuple[int, bool]:
    """The number of the first rule that a part of a matrix meets, and whether it is one value everywhere."""
    values = _finite(part.astype(np.float64))
    if values.size < FEWEST or np.isnan(values).any() or (values == values[0, 0]).all():
        return 0, values.size >= FEWEST
    for number, (name, rule) in enumerate(RULES.items(), start=1):
        if name in rules and rule(values):
            return number, False
    return 0, False


def _finite(values: Matrix) -> Matrix:
    """Infinite values, as masks have them, as values beyond all others."""
    if not np.isinf(values).any():
        return values
    beyond = 2.0 * np.abs(values[np.isfinite(values)]).max(initial=1.0)
    return np.where(np.isinf(values), np.sign(values) * beyond, values)


def _spread(length: int, most: int) -> NDArray[np.int64]:
    """At most this many positions of an axis, evenly spread and symmetric about its middle."""
    count = min(length, most)
    half = np.round(np.linspace(0, length - 1, count)[: (count + 1) // 2]).astype(np.int64)
    return np.unique(np.concatenate([half, length - 1 - half]))


def few_values(matrix: Matrix) -> bool:
    """Whether a matrix of at most ``LEVELS`` different values has them in an order that compresses."""
    if len(set(matrix.reshape(-1)[: 4 * LEVELS].tolist())) > LEVELS:
        return False
    matrix = _used(matrix)
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
    corners = (matrix[:SMALLEST, :SMALLEST], matrix[:SMALLEST, ::-1][:, :SMALLEST])
    if all(bool(np.abs(corner[1:, 1:] - corner[:-1, :-1]).max() > tolerance) for corner in corners):
        return False
    return any(
        bool(np.abs(turned[1:, 1:] - turned[:-1, :-1]).max() <= tolerance) for turned in (matrix, matrix[:, ::-1])
    )


def mirrored(matrix: Matrix) -> bool:
    """Whether a square matrix equals its transpose, or every row its own mirror image, up to a sign."""
    used = matrix[np.abs(matrix).max(axis=1) > 0]
    if min(used.shape) < SMALLEST:
        return False
    tolerance = EXACT * np.abs(matrix).max()
    if matrix.shape[0] == matrix.shape[1] and abs(abs(matrix[0, -1]) - abs(matrix[-1, 0])) <= tolerance:
        both = (np.abs(matrix - matrix.T).max(), np.abs(matrix + matrix.T).max())
        if min(both) <= tolerance:
            return True
    if (np.abs(np.abs(used[:, 0]) - np.abs(used[:, -1])) <= tolerance).mean() < NEARLY_ALL:
        return False
    even = np.abs(used - used[:, ::-1]).max(axis=1) <= tolerance
    odd = np.abs(used + used[:, ::-1]).max(axis=1) <= tolerance
    return bool((even | odd).mean() >= NEARLY_ALL)


def low_rank(matrix: Matrix) -> bool:
    """Whether the rank is at most a quarter of what is possible, to machine precision, and neighbours are alike.

    Rows and columns of zeros apart; needs 16 that are not zero, since pruned units leave a small matrix, not one of low
    rank. Products of two trained factors, as of an adapter, are of low rank, too, but not smooth.
    """
    used = _used(matrix)
    if min(used.shape) < 16 or not _is_smooth(used):
        return False
    singular = np.linalg.svd(used, compute_uv=False)
    return bool((singular > EXACT * singular[0]).sum() <= min(used.shape) // 4)


def _is_smooth(matrix: Matrix) -> bool:
    """Whether neighbours along the rows, or along the columns, are nearly equal."""
    power = np.square(matrix).mean()
    return any(bool(np.square(np.diff(matrix, axis=axis)).mean() <= UNEVEN * power) for axis in (0, 1))


def smooth_images(images: NDArray[np.float32]) -> bool:
    """Whether images ``(n, height, width)`` are so smooth that their ranks are low, as those of Gabor filters.

    Lines and columns of zeros apart, and images of zeros. Sampled 64 at most; images of fewer than ``IMAGE`` lines or
    columns do not show it, and neither do values of few bits.
    """
    if min(images.shape[1:], default=0) < IMAGE or len(images) < 2:
        return False
    some = images[:: max(1, len(images) // 64)].astype(np.float64)
    some = some[np.abs(some).max(axis=(1, 2)) > 0]
    if len(some) < 2 or not np.isfinite(some).all() or _grid(some[0]) > EXACT:
        return False
    low: list[bool] = []
    for image in some:
        if len(low) == SMALLEST and not any(low):
            return False
        used = _used(image)
        singular = np.linalg.svd(used, compute_uv=False)
        low.append(min(used.shape) >= IMAGE and (singular > SMOOTH * singular[0]).sum() <= PART * min(used.shape))
    return bool(np.mean(low) >= PART)


def unimodal_bands(matrix: Matrix) -> bool:
    """Whether most values are zero and each row, or each column, is one run that rises and falls: a filter bank."""
    if not (matrix == 0).any():
        return False
    used = np.abs(_used(matrix))
    return used.size > 0 and any(_is_bank(turned) for turned in (used, used.T))


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
    allowed = PREDICTED + 2.0 * _grid(rows)
    first = rows[:: max(1, len(rows) // 2)][:2, : 8 * ORDER]
    return bool((_unpredicted(first) <= allowed).any() and (_unpredicted(rows) <= allowed).mean() >= NEARLY_ALL)


def _unpredicted(rows: Matrix) -> NDArray[np.float64]:
    """Relative residual of the best linear recurrence of each row: ``(n, length) -> (n,)``."""
    windows = np.lib.stride_tricks.sliding_window_view(rows, ORDER + 1, axis=1)
    past, now = windows[:, :, :ORDER], windows[:, :, ORDER]
    basis, singular, _ = np.linalg.svd(past, full_matrices=False)
    basis = basis * (singular > 1e-7 * singular[:, :1])[:, None, :]
    rest = now - np.einsum("rlk,rk->rl", basis, np.einsum("rlk,rl->rk", basis, now))
    power = np.maximum(np.square(rows).mean(axis=1), np.finfo(np.float64).tiny)
    residual: NDArray[np.float64] = np.sqrt(np.square(rest).mean(axis=1) / power)
    return residual


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
    "a permutation, or orthogonal in one magnitude": one_magnitude,
    "a bank of filters on a constant": on_a_constant(unimodal_bands),
}
"""Rules by what they say of a matrix; any one makes it a table."""

OF_THE_WHOLE = ("few values in a pattern", "its own mirror image")
"""Rules that the leading part of a large matrix may not meet though the whole does."""
