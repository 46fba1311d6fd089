"""What may be fetched of large models that lie elsewhere: some of their matrices, in long stretches of whole rows.

A request costs as much as 64 kB, and hubs count them. So of each chosen matrix neighbouring rows are read, and matrices
are left out where all would cost too much. The choice depends on names and sizes, not on values or on other models of
the same layout.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neural_phylogeny.inputs import ModelRef, TensorInfo
from neural_phylogeny.sources.far import allowance
from neural_phylogeny.statistics.sampling import VECTOR, coarse_rows
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment
from neural_phylogeny.tensors.reading import BAND

MATRICES, VECTORS = 128, 24
"""Most stretches of matrices, and most vectors, that are fetched of a model: a request each."""

FOR_VECTORS = 0.05
"""Share of the bytes that vectors may take."""

MOST_STRETCHES = 4
"""Most stretches of one matrix."""


def affordable(alignment: Alignment, refs: Sequence[ModelRef], sample: float | None) -> Alignment:
    """The part of an alignment that can be fetched within the limit ``remote``; all of it where no large model is far.

    Linear in the number of tensors.
    """
    allowed = allowance(refs)
    if allowed is None or not alignment.tensors:
        return alignment
    ordered = sorted(range(len(alignment.tensors)), key=lambda k: zlib.crc32(alignment.tensors[k].name.encode()))
    matrices = [k for k in ordered if alignment.tensors[k].is_matrix or alignment.tensors[k].size > VECTOR]
    vectors = [k for k in ordered if k not in set(matrices)]
    few = _within(alignment, vectors, FOR_VECTORS * allowed, VECTORS)
    for_matrices = allowed - sum(_cost(alignment.tensors[k], 0.0) for k in few)
    chosen = _within(alignment, matrices, for_matrices, MATRICES)
    share = _share([alignment.tensors[k] for k in chosen], for_matrices, 1.0 if sample is None else sample)
    stretches = max(1, min(MOST_STRETCHES, MATRICES // max(1, len(chosen))))
    kept = sorted([*few, *chosen])
    note = (
        f"of models that lie elsewhere {len(chosen):,} of {len(matrices):,} matrices and {len(few):,} of "
        f"{len(vectors):,} vectors are compared, to stay within --limit remote"
    )
    return replace(
        alignment,
        tensors=tuple(alignment.tensors[k] for k in kept),
        notes=(*alignment.notes, note),
        coarse=(share, stretches),
    )


def _within(alignment: Alignment, order: Sequence[int], allowed: float, most: int) -> list[int]:
    """Tensors in the given order whose least cost fits together."""
    kept: list[int] = []
    spent = 0.0
    for k in order:
        cost = _cost(alignment.tensors[k], 0.0)
        if len(kept) < most and spent + cost <= allowed:
            kept.append(k)
            spent += cost
    return kept


def _share(tensors: Sequence[AlignedTensor], allowed: float, most: float) -> float:
    """The largest share of each matrix that can be fetched of all."""
    low, high = 0.0, most
    if sum(_cost(tensor, high) for tensor in tensors) <= allowed:
        return high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(_cost(t, middle) for t in tensors) <= allowed else (low, middle)
    return low


def _cost(tensor: AlignedTensor, share: float) -> float:
    """Bytes that are fetched of one member for a share of a tensor, at most."""
    if not tensor.is_matrix and tensor.size <= VECTOR:
        return tensor.size * max(map(_width, tensor.sources))
    rows, width = coarse_rows(tensor, share)
    return max(_of_member(rows * width, source) for source in tensor.sources)


def _of_member(values: int, source: TensorInfo) -> float:
    if source.view is not None:  # read in bands, see ``tensors.reading``
        values = source.size if source.view.axes[0] else max(values, min(BAND, source.size))
    return values * max(1, len(source.pieces)) * _width(source)


def _width(source: TensorInfo) -> float:
    """Bytes of a stored value."""
    return source.code_bits / 8 * 1.1 if source.codes else float(np.dtype(source.dtype).itemsize)
