"""Models in memory: arrays by name, from NumPy or from torch, read like any file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from neural_phylogeny.errors import UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.inputs import TensorInfo


class MemoryCheckpoint(Checkpoint):
    """Arrays or torch tensors by name; values are those a file reader would give, to the last bit.

    Contiguous arrays are not copied. Raises UnsupportedFormatError, naming the tensor, for anything that is not an
    array of numbers.

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
        self.tensors = {
            name: TensorInfo(name=name, shape=array.shape, dtype=array.dtype.name)
            for name, array in self._arrays.items()
        }

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        return self._arrays[name].reshape(-1)[start:stop]

    def close(self) -> None:
        """Nothing to release."""


def _as_numpy(name: Any, value: Any) -> AnyArray:
    """A C-contiguous array; torch is used only where the caller has already imported it."""
    if not isinstance(name, str):
        raise UnsupportedFormatError(f"expected the names of tensors to be strings, got {name!r}")
    torch = sys.modules.get("torch")
    try:
        array = _from_torch(torch, value) if torch and isinstance(value, torch.Tensor) else np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UnsupportedFormatError(
            f"expected an array of numbers, got {type(value).__name__} that is none ({error})", tensor=name
        ) from error
    if array.dtype.kind not in "biufc" and array.dtype.type.__module__ != "ml_dtypes":
        raise UnsupportedFormatError(
            f"expected an array of numbers, got {type(value).__name__} of dtype {array.dtype}", tensor=name
        )
    return np.ascontiguousarray(array).reshape(array.shape)


def _from_torch(torch: Any, tensor: Any) -> AnyArray:
    """The tensor's values; types that NumPy lacks travel as integers of their width."""
    tensor = tensor.detach().cpu()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    tensor = tensor.resolve_conj().resolve_neg().contiguous()
    name = str(tensor.dtype).removeprefix("torch.")
    if hasattr(ml_dtypes, name):
        carrier = torch.int16 if tensor.element_size() == 2 else torch.uint8
        values: AnyArray = tensor.view(carrier).numpy().view(getattr(ml_dtypes, name))
        return values
    array: AnyArray = tensor.numpy()
    return array
