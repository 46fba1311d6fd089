"""Models in memory: arrays by name, from NumPy or from torch, read like any file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from neural_phylogeny.errors import UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.records import TensorInfo


class MemoryCheckpoint(Checkpoint):
    """Arrays or torch tensors by name; values are those a file reader would give, to the last bit.

    Contiguous arrays are not copied. Raises UnsupportedFormatError for anything that is not an array of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> checkpoint = MemoryCheckpoint({"w": np.arange(6.0).reshape(2, 3)})
    >>> checkpoint.tensors["w"].shape, checkpoint.read("w", 1, 3)
    ((2, 3), array([1., 2.]))
    """

    format = "memory"

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        self._arrays = {name: _as_numpy(name, value) for name, value in arrays.items()}
        self.tensors = {name: TensorInfo(name, array.shape, array.dtype.name) for name, array in self._arrays.items()}

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        return self._arrays[name].reshape(-1)[start:stop]

    def close(self) -> None:
        """Nothing to release."""


def _as_numpy(name: str, value: Any) -> AnyArray:
    """A C-contiguous array; torch is used only where the caller has already imported it."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach().cpu().contiguous()
        if value.dtype == torch.bfloat16:
            return np.ascontiguousarray(value.view(torch.int16).numpy()).view(ml_dtypes.bfloat16)
        value = value.numpy()
    array = np.asarray(value)
    if array.dtype.kind not in "biufc" and array.dtype.name not in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        raise UnsupportedFormatError(
            f"expected an array of numbers, got {type(value).__name__} of dtype {array.dtype}", tensor=name
        )
    return np.ascontiguousarray(array).reshape(array.shape)
