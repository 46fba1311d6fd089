"""The allow list: the few names a pickle may call, and what each means here.

They cover how torch and NumPy describe tensors and arrays, and Python's plain containers. Sets stay lists and
frozen sets tuples: the keys of dicts are all that is ever hashed.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from neural_phylogeny.formats.pytorch.inert import (
    Function,
    Inert,
    LeftOut,
    Mapping,
    NumpyArray,
    NumpyDtype,
    Quantizer,
    StorageType,
    TensorRecord,
)


def _rebuild_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any = None, _hooks: Any = None, metadata: Any = None
) -> TensorRecord | LeftOut:
    if isinstance(metadata, dict) and (metadata.get("conj") or metadata.get("neg")):
        return LeftOut("conjugated")
    if isinstance(storage, TensorRecord) and isinstance(offset, int) and isinstance(storage.offset, int):
        return TensorRecord(storage.storage, storage.offset + offset, shape, strides)
    return TensorRecord(storage, offset, shape, strides)


def _rebuild_tensor_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> TensorRecord | LeftOut:
    if not isinstance(dtype, StorageType):
        return LeftOut("of an unknown number type")
    return TensorRecord(storage, offset, shape, strides, dtype.dtype)


def _rebuild_qtensor(storage: Any, offset: Any, shape: Any, strides: Any, quantizer: Any, *_: Any) -> TensorRecord:
    if not isinstance(quantizer, tuple) or len(quantizer) < 3:
        raise pickle.UnpicklingError("a quantised tensor without scale and zero point")
    axis = quantizer[3] if len(quantizer) > 3 else None
    return TensorRecord(storage, offset, shape, strides, None, Quantizer(quantizer[1], quantizer[2], axis))


def _rebuild_from_type(function: Any, _type: Any, args: Any, *_: Any) -> Any:
    known = isinstance(function, Function) and function in _TENSOR_FUNCTIONS.values() and isinstance(args, tuple)
    return function(*args) if known else Inert(args)


def _left_out(kind: str) -> Function:
    return Function(lambda *_: LeftOut(kind))


def _numpy_scalar(dtype: Any, data: Any = b"") -> Any:
    resolved = dtype.resolve() if isinstance(dtype, NumpyDtype) else None
    data = _as_bytes(data)
    if resolved is None or len(data) < resolved.itemsize:
        return None
    return np.frombuffer(data[: resolved.itemsize], dtype=resolved)[0]


def _numpy_from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C", *_: Any) -> NumpyArray:
    array = NumpyArray()
    array.fill(data, dtype, shape, "F" if order == "F" else "C")
    return array


def _reconstructor(cls: Any, _base: Any, state: Any) -> Any:
    return cls() if isinstance(cls, type) and issubclass(cls, Inert) else Inert(state)


def _as_list(items: Any = (), *_: Any) -> list[Any]:
    return list(items) if isinstance(items, list | tuple) else []


def _as_tuple(items: Any = (), *_: Any) -> tuple[Any, ...]:
    return tuple(items) if isinstance(items, list | tuple) else ()


def _listed(*items: Any) -> Any:
    return items


def _as_mapping(pairs: Any = (), *_: Any) -> Mapping:
    if isinstance(pairs, dict):
        return Mapping(pairs)
    mapping = Mapping()
    for key, value in pairs if isinstance(pairs, list) else ():
        check_key(key)
        mapping[key] = value
    return mapping


def _as_bytes(value: Any = b"", *_: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    return value if isinstance(value, bytes) else b""


def _first(value: Any = None, *_: Any) -> Any:
    return value


KEY_SIZE = 1000
"""Most objects in a tuple that serves as a key of a dict; hashing a larger one could take forever."""


def check_key(key: Any) -> None:
    """Refuse, with UnpicklingError, a key whose hash would cost more than a moment (tuples within tuples)."""
    if not isinstance(key, tuple):
        return
    waiting, left = list(key), KEY_SIZE
    while waiting:
        left -= 1
        if left < 0 or len(waiting) > KEY_SIZE:
            raise pickle.UnpicklingError("a key of a dict that is too large")
        item = waiting.pop()
        if isinstance(item, tuple):
            waiting += item[: KEY_SIZE + 1]


_TENSOR_FUNCTIONS = {
    "torch._utils._rebuild_tensor": Function(_rebuild_tensor),
    "torch._utils._rebuild_tensor_v2": Function(_rebuild_tensor),
    "torch._utils._rebuild_tensor_v3": Function(_rebuild_tensor_v3),
    "torch._utils._rebuild_qtensor": Function(_rebuild_qtensor),
    "torch._utils._rebuild_parameter": Function(_first),
    "torch._utils._rebuild_parameter_with_state": Function(_first),
    "torch._utils._rebuild_device_tensor_from_numpy": Function(_first),
    "torch._utils._rebuild_sparse_tensor": _left_out("sparse"),
    "torch._utils._rebuild_sparse_csr_tensor": _left_out("sparse"),
    "torch._utils._rebuild_nested_tensor": _left_out("nested"),
    "torch._utils._rebuild_meta_tensor_no_storage": _left_out("without values (on the meta device)"),
    "torch._utils._rebuild_wrapper_subclass": _left_out("of a class of its own"),
}

_TORCH = (
    _TENSOR_FUNCTIONS
    | {
        "torch._tensor._rebuild_from_type": Function(_rebuild_from_type),
        "torch._tensor._rebuild_from_type_v2": Function(_rebuild_from_type),
        "torch.serialization._get_layout": Function(_first),
        "torch.Size": Function(_as_tuple),
        "torch.device": Function(_first),
    }
    | {
        f"torch.jit._pickle.{name}": Function(_first)
        for name in ("build_boollist", "build_doublelist", "build_intlist", "build_tensorlist", "restore_type_tag")
    }
)

_NUMPY: dict[str, Any] = {"numpy.dtype": NumpyDtype, "numpy.ndarray": NumpyArray} | {
    f"numpy.{core}.{name}": Function(meaning)
    for core in ("core", "_core")
    for name, meaning in (
        ("multiarray.scalar", _numpy_scalar),
        ("multiarray._reconstruct", NumpyArray),
        ("numeric._frombuffer", _numpy_from_buffer),
    )
}

_PYTHON: dict[str, Any] = {
    "collections.OrderedDict": Function(_as_mapping),
    "collections.defaultdict": Function(lambda *_: Mapping()),
    "collections.Counter": Function(_as_mapping),
    "copyreg._reconstructor": Function(_reconstructor),
    "copy_reg._reconstructor": Function(_reconstructor),
    "_codecs.encode": Function(_as_bytes),
} | {
    f"{module}.{name}": meaning if meaning is Inert else Function(meaning)
    for module in ("builtins", "__builtin__")
    for name, meaning in (
        ("bool", _first),
        ("bytearray", _as_bytes),
        ("bytes", _as_bytes),
        ("complex", _first),
        ("dict", _as_mapping),
        ("float", _first),
        ("frozenset", _as_tuple),
        ("int", _first),
        ("list", _as_list),
        ("long", _first),
        ("object", Inert),
        ("range", _listed),
        ("set", _as_list),
        ("slice", _listed),
        ("str", _first),
        ("tuple", _as_tuple),
        ("unicode", _first),
    )
}

ALLOWED: dict[str, Any] = _TORCH | _NUMPY | _PYTHON
"""Every name that means more than an inert record, and its meaning."""
