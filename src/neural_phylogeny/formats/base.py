"""What every reader offers: the same three verbs - open, tensors, read - whatever the format.

A reader proves its whole header before it touches a tensor, and never runs anything a file asks for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo, Unread

AnyArray = NDArray[Any]

UPPER_HALF = np.uint32(16)
"""Places by which bits move into the upper half of a word."""

DIMENSIONS_LIMIT = 64
"""Most dimensions a tensor may have: more do not fit a NumPy array."""


class Checkpoint(ABC):
    """One opened weight file: its tensors by name, in stored order, and their values by slice.

    Attributes
    ----------
    format : str
        Short name of the format, e.g. ``"safetensors"``.
    tensors : dict of str to TensorInfo
        Everything that can be read. Optimiser state is not among it.
    components : tuple of str
        Names of the state dicts in the file, the chosen one first; empty where the format has only one.
    notes : tuple of str
        Sentences for ``nphylo inspect``: what was left out or converted, and why.
    unread : tuple of Unread
        Weights that cannot be compared, because the file does not say what their codes stand for.

    Notes
    -----
    ``read`` must be safe to call from several threads at once.
    """

    format: ClassVar[str]
    tensors: dict[str, TensorInfo]
    components: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()

    @abstractmethod
    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        """Values ``start:stop`` of a tensor in flat C order, in its stored dtype.

        The array may be a read-only view of the file. Raises CheckpointError naming the tensor when the
        values cannot be had; costs a read of that slice where the format allows it.
        """

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        """Fill ``out`` (1-D, contiguous) with the values from ``start`` on, converted to float32."""
        convert(self.read(name, start, start + out.size), out)

    @abstractmethod
    def close(self) -> None:
        """Release the file; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def convert(values: AnyArray, out: NDArray[np.float32]) -> None:
    """Write ``values`` into ``out`` as float32; the same numbers as ``values.real.astype(float32)``.

    bfloat16 is the upper half of a float32, so it is widened by whole numbers, several times faster than by a cast.
    Floats of a byte, and float16, are looked up in a table of all their values, in a sixth and in half of the time.
    """
    kind = values.dtype.type.__name__
    if kind == "bfloat16":
        words = out.view(np.uint32)
        np.copyto(words, values.view(np.uint16))
        np.left_shift(words, UPPER_HALF, out=words)
    elif kind.startswith(("float8_", "float16")) and values.dtype.isnative and values.ndim == out.ndim == 1:
        codes = values.view(f"u{values.dtype.itemsize}")
        _table(values.dtype).take(codes, out=out, mode="wrap")  # no code is out of bounds: none need be looked at
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            np.copyto(out, values.real if values.dtype.kind == "c" else values, casting="unsafe")


@lru_cache(maxsize=16)
def _table(kind: np.dtype) -> NDArray[np.float32]:
    """All values of a number type of one byte or two, by their codes: 256 KiB at most."""
    codes = np.arange(1 << 8 * kind.itemsize, dtype=f"u{kind.itemsize}")
    return codes.view(kind).astype(np.float32)
