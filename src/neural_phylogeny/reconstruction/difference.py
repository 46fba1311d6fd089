"""What changed from one model to another: every compared value of both is read once, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import NothingToCompareError
from neural_phylogeny.files.activity import announce
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.records import Changes, TensorChange
from neural_phylogeny.sources import Models, open_given
from neural_phylogeny.sources.far import released
from neural_phylogeny.statistics.blocks import BLOCK, blocks_of, read_block
from neural_phylogeny.statistics.one_pass import Progress
from neural_phylogeny.statistics.tables import mark_trained
from neural_phylogeny.tensors.alignment import AlignedTensor, align
from neural_phylogeny.tensors.roles import Role, role_of
from neural_phylogeny.tensors.samples import sampler_of

ROWS, COLUMNS = 512, 1024
"""At most this many rows and columns of a step, evenly spread, are kept for its rank."""

Step = NDArray[np.float32]


def difference(models: Models, reading: Reading) -> Changes:
    """What changed from the first of two models to the second, tensor by tensor.

    One read of every compared value of both, whatever their size; a block and a sample of one step are held at a time.

    Raises
    ------
    NothingToCompareError
        When there are not exactly two readable models, or they have no tensor in common.
    """
    opened, skipped = open_given(models, include=reading.include, exclude=reading.exclude, component=reading.component)
    try:
        if len(opened) != 2:
            reasons = "".join(f"; {item.path}: {item.reason}" for item in skipped)
            raise NothingToCompareError(f"{len(opened)} readable models instead of two{reasons}")
        (a, first), (b, second) = opened
        pair = (first, second)
        for checkpoint in pair:
            mark_trained(checkpoint)
        alignment = align([one.tensors for one in pair], [a.name, b.name], [sampler_of(one) for one in pair])
        boxes = [tensor for tensor in alignment.tensors if len(tensor.members) == 2]
        if not boxes:
            raise NothingToCompareError("the two models have no tensor in common")
        sums, found = _measured(boxes, pair, reading.progress)
        only = [_unmatched(one, {box.sources[k].name for box in boxes}) for k, one in enumerate(pair)]
    finally:
        for _, checkpoint in opened:
            checkpoint.close()
        released([ref for ref, _ in opened])
    total = sum(sums, start=_Sums())
    return Changes(
        a=a.name,
        b=b.name,
        changed=total.changed,
        similarity=total.similarity,
        equal=total.equal / max(total.values, 1),
        tensors=tuple(found),
        only_in_a=only[0],
        only_in_b=only[1],
        skipped=tuple(skipped),
    )


@dataclass
class _Sums:
    """Sums over the entries of both tensors."""

    values: int = 0
    equal: int = 0
    of_a: float = 0.0
    of_b: float = 0.0
    of_step: float = 0.0
    product: float = 0.0

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(*(one + two for one, two in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def changed(self) -> float:
        """Norm of the step over the norm of a."""
        if self.of_step == 0.0:
            return 0.0
        return math.sqrt(self.of_step / self.of_a) if self.of_a else math.inf if self.of_step > 0 else math.nan

    @property
    def similarity(self) -> float:
        """Cosine of the entries."""
        scale = math.sqrt(self.of_a * self.of_b)
        return self.product / scale if scale else 0.0


def _measured(
    boxes: Sequence[AlignedTensor], pair: Sequence[Checkpoint], progress: Progress | None
) -> tuple[list[_Sums], list[TensorChange]]:
    buffer = np.empty(2 * BLOCK, dtype=np.float32)
    total, done = 2 * sum(box.size for box in boxes), 0
    every, found = [], []
    for box in boxes:
        announce("reading", f"{box.sources[0].name} of both models", done, total)
        sums, sample = _Sums(), _Sample.of(box)
        for block in blocks_of(box):
            a, b = read_block(box, block, pair, buffer, {})
            with np.errstate(all="ignore"):
                step = b - a
                sums += _Sums(
                    block.size, int(np.count_nonzero(a == b)), _dot(a, a), _dot(b, b), _dot(step, step), _dot(a, b)
                )
            sample.add(block.start, step)
            done += 2 * block.size
            if progress is not None:
                progress(done, total)
        every.append(sums)
        found.append(_change(box, sums, sample))
    return every, found


def _dot(x: Step, y: Step) -> float:
    return float(np.dot(x.astype(np.float64), y.astype(np.float64)))


def _change(box: AlignedTensor, sums: _Sums, sample: _Sample) -> TensorChange:
    a, b = box.sources
    more = b.shape[0] - a.shape[0] if a.shape and b.shape and a.shape[1:] == b.shape[1:] and box.is_matrix else 0
    return TensorChange(
        name=a.name,
        name_in_b=b.name,
        role=str(box.role),
        shape=box.shape,
        changed=sums.changed,
        equal=sums.equal / max(sums.values, 1),
        effective_rank=effective_rank(sample.step) if box.is_matrix and sums.of_step > 0 else None,
        full_rank=min(sample.step.shape),
        new_rows=max(0, more),
        dropped_rows=max(0, -more),
    )


def effective_rank(step: Step) -> float | None:
    """Exponential of the entropy of the singular values, as shares of their sum; None where values are not finite.

    From the eigenvalues of the smaller product with its transpose: O(r^2 c) for r rows and c columns, r <= c.

    References
    ----------
    O. Roy and M. Vetterli, *The effective rank: a measure of effective dimensionality*, EUSIPCO 2007.

    Examples
    --------
    >>> round(effective_rank(np.eye(4, 6, dtype=np.float32)), 6), round(effective_rank(np.ones((4, 6), np.float32)), 4)
    (4.0, 1.0)
    """
    if not np.isfinite(step).all() or not step.any():
        return None
    wide = (step if step.shape[0] <= step.shape[1] else step.T).astype(np.float64)
    wide /= np.abs(wide).max()
    values = np.linalg.eigvalsh(wide @ wide.T)
    values = np.sqrt(np.where(values > values.max() * 1e-12, values, 0.0))
    share = values[values > 0] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


@dataclass
class _Sample:
    """Some rows and columns of a step, filled from blocks in flat order."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    width: int
    step: Step = field(repr=False)

    @classmethod
    def of(cls, box: AlignedTensor) -> _Sample:
        """Plan what is kept of a tensor; its rows are those of the first axis, or all but the last for outputs last."""
        width = math.prod(box.shape[1:]) if not box.output_axis else box.shape[-1]
        height = box.size // max(width, 1)
        rows, columns = (_spread(n, most) for n, most in ((height, ROWS), (width, COLUMNS)))
        return cls(rows, columns, width, np.zeros((len(rows), len(columns)), dtype=np.float32))

    def add(self, start: int, step: Step) -> None:
        """Keep what is wanted of the values from ``start`` on."""
        stop = start + step.size
        if len(self.columns) == self.width and self.rows[-1:] == len(self.rows) - 1:
            self.step.reshape(-1)[start:stop] = step  # the whole tensor is kept
            return
        low, high = np.searchsorted(self.rows, (start // max(self.width, 1), -(-stop // max(self.width, 1))))
        for k in range(int(low), int(high)):
            at = self.rows[k] * self.width + self.columns - start
            inside = (at >= 0) & (at < step.size)
            self.step[k, inside] = step[at[inside]]


def _spread(n: int, most: int) -> NDArray[np.int64]:
    """Up to ``most`` of n places, evenly spread."""
    if n <= most:
        return np.arange(max(n, 1))
    return np.unique(np.linspace(0, n - 1, most).round().astype(np.int64))


def _unmatched(checkpoint: Checkpoint, matched: set[str]) -> tuple[str, ...]:
    """Trained tensors of a model that no box compares."""
    return tuple(
        name
        for name, tensor in checkpoint.tensors.items()
        if name not in matched and role_of(tensor) is not Role.BUFFER
    )
