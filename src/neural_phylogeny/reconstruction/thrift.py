"""What may be fetched of large models that lie elsewhere: some of their matrices, in long stretches of whole rows.

A request costs as much as 64 kB, and hubs count them. So of each chosen matrix neighbouring rows are read, and matrices
are left out where all would cost too much. What is chosen of a model depends on the names and sizes of its own tensors.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.sources.far import allowance
from neural_phylogeny.sources.opening import Opened
from neural_phylogeny.statistics.sampling import VECTOR, coarse_rows, coarse_size, grid_part, rows_of
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment
from neural_phylogeny.tensors.reading import BAND

MATRICES, VECTORS = 128, 24
"""Most stretches of matrices, and most vectors, that are fetched of a model: a request each."""

FOR_VECTORS = 0.05
"""Share of the bytes that vectors may take."""

MOST_STRETCHES = 4
"""Most stretches of one matrix."""

DEAR = 8
"""A tensor that takes more than one part in so many of the bytes is left out, as one that must be transposed may be."""


@dataclass(frozen=True)
class Plan:
    """What is read of one model: its tensors by stored name, the share of each matrix, and the stretches of one."""

    names: frozenset[str]
    share: float
    stretches: int
    allowed: int

    @classmethod
    def of(cls, tensors: Mapping[str, TensorInfo], allowed: int, most: float) -> Plan:
        """Within so many bytes, at most a share ``most`` of each matrix. Linear in the number of tensors."""
        floats = [t for t in tensors.values() if t.dtype.startswith(("float", "bfloat")) and t.size]
        ordered = sorted(floats, key=lambda tensor: zlib.crc32(tensor.name.encode()))
        vectors = [t for t in ordered if not _is_matrix(t)]
        few = _within([(t, t.size * _width(t)) for t in vectors], FOR_VECTORS * allowed, VECTORS)
        rest = allowed - sum(t.size * _width(t) for t in few)
        chosen = _within([(t, _cost(t, 0.0)) for t in ordered if _is_matrix(t)], rest, MATRICES)
        stretches = max(1, min(MOST_STRETCHES, MATRICES // max(1, len(chosen))))
        names = frozenset(tensor.name for tensor in (*few, *chosen))
        return cls(names, _share(chosen, rest, most), stretches, allowed)

    def reads(self, tensor: AlignedTensor, source: TensorInfo) -> bool:
        """Whether one member of an aligned tensor is read."""
        if source.pieces:
            return False
        if source.view is None:
            return source.name in self.names
        rows, width = coarse_rows(tensor, self.share)
        values = source.size if source.view.axes[0] else max(rows * width, min(BAND, source.size))
        return source.name in self.names and DEAR * values * _width(source) < self.allowed


def affordable(alignment: Alignment, opened: Sequence[Opened], sample: float | None) -> Alignment:
    """The part of an alignment that can be fetched within the limit ``remote``; all of it where no large model is far.

    A tensor is left out where one of its members is. Linear in the number of tensors.
    """
    alignment = _known(alignment)
    most = 1.0 if sample is None else sample
    allowed = [allowance(ref) for ref, _ in opened]
    plans = [
        None if nbytes is None else Plan.of(one.tensors, nbytes, most)
        for nbytes, (_, one) in zip(allowed, opened, strict=True)
    ]
    if not any(plans):
        return alignment

    def is_read(tensor: AlignedTensor) -> bool:
        pairs = zip(tensor.members, tensor.sources, strict=True)
        return all((plan := plans[k]) is None or plan.reads(tensor, source) for k, source in pairs)

    kept = tuple(tensor for tensor in alignment.tensors if is_read(tensor))
    counts = [sum(tensor.is_matrix for tensor in some) for some in (kept, alignment.tensors)]
    note = f"{counts[0]:,} of {counts[1]:,} matrices are compared, to stay within --limit remote"
    coarse = tuple(None if plan is None else (plan.share, plan.stretches) for plan in plans)
    return replace(alignment, tensors=kept, notes=(*alignment.notes, note), coarse=coarse)


def _known(alignment: Alignment) -> Alignment:
    """Without the tensors of which the fingerprints among the models know nothing in common."""
    parts = [grid_part(tensor) for tensor in alignment.tensors]
    kept = [tensor for tensor, part in zip(alignment.tensors, parts, strict=True) if part is None or part.tensor.size]
    return alignment if len(kept) == len(parts) else replace(alignment, tensors=tuple(kept))


def _is_matrix(tensor: TensorInfo) -> bool:
    return len(tensor.shape) > 1 or tensor.size > VECTOR


def _within(tensors: Sequence[tuple[TensorInfo, float]], allowed: float, most: int) -> list[TensorInfo]:
    """Tensors in the given order whose costs fit together."""
    kept: list[TensorInfo] = []
    spent = 0.0
    for tensor, cost in tensors:
        if len(kept) < most and spent + cost <= allowed:
            kept.append(tensor)
            spent += cost
    return kept


def _share(tensors: Sequence[TensorInfo], allowed: float, most: float) -> float:
    """The largest share of each matrix that can be fetched of all."""
    low, high = 0.0, most
    if sum(_cost(tensor, high) for tensor in tensors) <= allowed:
        return high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(_cost(t, middle) for t in tensors) <= allowed else (low, middle)
    return low


def _cost(tensor: TensorInfo, share: float) -> float:
    """Bytes that are fetched of a tensor for a share of it."""
    rows, width = coarse_size(*rows_of(tensor.shape, tensor.output_axis % max(1, len(tensor.shape))), share)
    return rows * width * _width(tensor)


def _width(source: TensorInfo) -> float:
    """Bytes of a stored value."""
    return source.code_bits / 8 * 1.1 if source.codes else float(np.dtype(source.dtype).itemsize)
