"""Codes that no scheme knows, distinguished from masks and indices by their values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neural_phylogeny.formats.quantised.base import MisfitError, Stored, estimate
from neural_phylogeny.inputs import TensorInfo, Unread

SMALLEST = 256
"""Fewer integers are counters, shapes and marks."""

SAMPLE = 4096
"""Values that are looked at."""

DIFFERENT = 5
"""Codes take more values than masks do."""

PACKED = 1 << 20
"""Words that hold several codes are larger than indices."""


def find(stored: Stored, taken: set[str]) -> Iterator[Unread]:
    """Integer tensors, none of ``taken``, that look like codes."""
    for name, tensor in stored.tensors.items():
        if name not in taken and _may_be_codes(tensor) and _looks_like_codes(stored, tensor):
            yield Unread(tensors=(name,), weights=estimate(tensor), reason="codes without their scales")


def _may_be_codes(tensor: TensorInfo) -> bool:
    kinds = ("int8", "uint8", "int32", "uint32")
    return tensor.dtype in kinds and tensor.size >= SMALLEST and len(tensor.shape) >= 2


def _looks_like_codes(stored: Stored, tensor: TensorInfo) -> bool:
    try:
        values = stored.small(tensor.name, SAMPLE).astype(np.int64)
    except MisfitError:
        return False
    if tensor.dtype in ("int32", "uint32"):
        return bool((np.abs(values) > PACKED).mean() > 0.5)
    return len(np.unique(values)) >= DIFFERENT
