"""What a pickle becomes when nothing of it is run: records that keep what they were given.

Every class here may be handed to a hostile pickle, which can call it, create it without calling its constructor,
set its state and its items. So none lets its fields be changed except as written here, none hashes or compares
by its content (content can contain itself), and each has its fields even when its constructor never ran.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


class Sealed:
    """Something a pickle may pass around but not change."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError(f"it tries to change a {type(self).__name__}")


class Function(Sealed):
    """An allowed callable; ``run`` is ours."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self.run = run

    def __call__(self, *args: Any) -> Any:
        return self.run(*args)


class Mapping(dict[Any, Any]):
    """An ordered dict whose attributes a pickle cannot set; torch hangs version numbers on its own."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """Ignored: attributes of a dict hold no tensors."""


class Inert:
    """What an unknown class or function becomes: arguments, state and items are kept, nothing is run."""

    qualified_name = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        """Any arguments are accepted and kept."""
        record = super().__new__(cls)
        record.args = (*args, *kwargs.values())
        record.state = {}
        record.items = []
        return record

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args: tuple[Any, ...]
        self.state: dict[Any, Any]
        self.items: list[Any]

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.state.update(part)
            else:
                self.items.append(part)

    def __call__(self, *args: Any) -> Inert:
        return Inert(*args)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.state[key] = value

    def append(self, item: Any) -> None:
        """Keep a list item."""
        self.items.append(item)

    def extend(self, items: Any) -> None:
        """Keep list items."""
        self.items.extend(items)


@dataclass(frozen=True, eq=False)
class StorageType(Sealed):
    """A name such as ``torch.FloatStorage`` or ``torch.float32``."""

    dtype: np.dtype


@dataclass(frozen=True, eq=False)
class Storage(Sealed):
    """A block of values, elsewhere in the file unless ``content`` is given; ``size`` is the number claimed."""

    key: str
    dtype: np.dtype
    size: int
    content: bytes | None = None


@dataclass(frozen=True, eq=False)
class Quantizer(Sealed):
    """How to turn codes into weights: (code - zero) * scale, per tensor or along ``axis``."""

    scale: Any
    zero: Any
    axis: Any = None


@dataclass(frozen=True, eq=False)
class TensorRecord(Sealed):
    """A view of a storage, unchecked: offset, shape and strides are whatever the file says."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any
    dtype: np.dtype | None = None
    quantizer: Quantizer | None = None


@dataclass(frozen=True, eq=False)
class LeftOut(Sealed):
    """A tensor of a kind that is not read, such as a sparse one."""

    kind: str


class NumpyDtype:
    """A pickled ``numpy.dtype``, restricted to plain numbers."""

    code = ""
    order: Literal["<", ">"] = "<"

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = code if isinstance(code, str) else ""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"

    def resolve(self) -> np.dtype | None:
        """The dtype, or None when it is not a plain number."""
        if len(self.code) < 2 or self.code[0] not in "biufc" or not self.code[1:].isdecimal():
            return None
        try:
            return np.dtype(self.code).newbyteorder(self.order)
        except TypeError:
            return None


class NumpyArray:
    """A pickled ``numpy.ndarray``; ``values`` is None when it holds anything but numbers."""

    values: NDArray[Any] | None = None

    def __init__(self, *_: Any) -> None:
        """The arguments make an empty array; the state that follows makes the real one."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 5:
            _, shape, dtype, fortran, data = state
            self.fill(data, dtype, shape, "F" if fortran is True else "C")

    def fill(self, data: Any, dtype: Any, shape: Any, order: Literal["C", "F"]) -> None:
        """View ``data`` as an array, where it holds plain numbers; raises UnpicklingError where they do not fit."""
        resolved = dtype.resolve() if isinstance(dtype, NumpyDtype) else None
        if resolved is None or not isinstance(data, bytes) or not isinstance(shape, list | tuple):
            return
        if not all(isinstance(n, int) and n >= 0 for n in shape):
            return
        try:
            self.values = np.frombuffer(data, dtype=resolved).reshape(shape, order=order)
        except (ValueError, OverflowError) as error:
            raise pickle.UnpicklingError(f"an array's shape and values disagree ({error})") from error
