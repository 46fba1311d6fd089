"""An unpickler that runs nothing: pickles become plain containers, tensor records and inert records.

Only names on the allow list mean anything, and what they mean is written here; nothing is ever imported or
called on a file's behalf. A class that is not known becomes an ``Inert`` record whose state can still be walked,
so that tensors inside an ``argparse.Namespace`` or a pickled module are found. A name that could run something
refuses the whole file, whether or not it is called.

The pure-Python unpickler of the standard library serves as the machine, because its memo is a dict: a forged
memo index cannot make it allocate gigabytes.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Literal

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError, DamagedFileError, UnsafeFileError

TUPLE_DEPTH = 50
"""Deepest nesting of tuples; hashing a deeper one would overflow the interpreter's stack."""

STORAGE_DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("<i1"),
    "ByteStorage": np.dtype("<u1"),
    "BoolStorage": np.dtype(np.bool_),
    "ComplexFloatStorage": np.dtype("<c8"),
    "ComplexDoubleStorage": np.dtype("<c16"),
    "QInt8Storage": np.dtype("<i1"),
    "QUInt8Storage": np.dtype("<u1"),
    "QInt32Storage": np.dtype("<i4"),
    "UntypedStorage": np.dtype("<u1"),
}

TORCH_DTYPES = {
    "float64": np.dtype("<f8"),
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "float8_e4m3fnuz": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "float8_e5m2fnuz": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "int64": np.dtype("<i8"),
    "int32": np.dtype("<i4"),
    "int16": np.dtype("<i2"),
    "int8": np.dtype("<i1"),
    "uint8": np.dtype("<u1"),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
    "uint64": np.dtype("<u8"),
    "bool": np.dtype(np.bool_),
    "complex64": np.dtype("<c8"),
    "complex128": np.dtype("<c16"),
    "qint8": np.dtype("<i1"),
    "quint8": np.dtype("<u1"),
    "qint32": np.dtype("<i4"),
}

DANGEROUS_MODULES = frozenset(
    """_io _pickle _posixsubprocess _socket _thread _winapi aiohttp ast asyncio asyncore atexit bdb builtins
    __builtin__ cProfile cloudpickle code codeop commands compileall concurrent ctypes dill distutils doctest
    ensurepip faulthandler ftplib http httplib importlib imp inspect io lib2to3 marshal mmap multiprocessing nt
    ntpath numpy.distutils numpy.f2py numpy.testing operator os pdb pickle pip pkgutil platform popen2 posix
    posixpath profile pty pydoc requests runpy sched select setuptools shelve shutil signal site smtplib socket
    socketserver sqlite3 ssl subprocess sys sysconfig telnetlib tempfile threading timeit urllib urllib2 venv
    webbrowser winreg wsgiref xmlrpc zipimport""".split()
)
"""Modules none of whose names a checkpoint has an honest use for; a few such names are on the allow list."""

DANGEROUS_NAMES = frozenset(
    """numpy.load numpy.loads numpy.fromfile numpy.memmap numpy.save numpy.savez numpy.loadtxt numpy.genfromtxt
    torch.load torch.save torch.compile torch.storage._load_from_bytes torch.serialization.load pandas.read_pickle
    types.CodeType types.FunctionType pandas.eval pandas.core.computation.eval.eval""".split()
)

DANGEROUS_PREFIXES = (
    "torch.hub.",
    "torch.jit.",
    "torch.ops.",
    "torch.classes.",
    "torch.utils.cpp_extension.",
    "torch.fx.",
    "torch._dynamo.",
    "torch._inductor.",
    "torch.distributed.",
    "torch.package.",
)


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

    add = append


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of values elsewhere in the file; ``size`` is the number of values the pickle claims."""

    key: str
    dtype: np.dtype
    size: int


@dataclass(frozen=True, slots=True)
class Quantizer:
    """How to turn codes into weights: (code - zero) * scale, per tensor or along ``axis``."""

    scale: Any
    zero: Any
    axis: Any = None


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """A view of a storage, unchecked: offset, shape and strides are whatever the file says."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any
    dtype: np.dtype | None = None
    quantizer: Quantizer | None = None


@dataclass(frozen=True, slots=True)
class StorageType:
    """A name such as ``torch.FloatStorage``."""

    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class Function:
    """An allowed callable, wrapped so that a pickle cannot set attributes on the real one."""

    run: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        return self.run(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("the file tries to change a function")


class NumpyDtype:
    """A pickled ``numpy.dtype``, restricted to plain numbers."""

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code = code if isinstance(code, str) else ""
        self.order: Literal["<", ">"] = "<"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] == ">":
            self.order = ">"

    def resolve(self) -> np.dtype | None:
        """The dtype, or None when it is not a plain number."""
        if len(self.code) < 2 or self.code[0] not in "biufc" or not self.code[1:].isdigit():
            return None
        try:
            return np.dtype(self.code).newbyteorder(self.order)
        except TypeError:
            return None


class NumpyArray:
    """A pickled ``numpy.ndarray``; ``values`` is None when it holds anything but numbers."""

    def __init__(self, *_: Any) -> None:
        self.values: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            return
        _, shape, dtype, fortran, data = state
        resolved = dtype.resolve() if isinstance(dtype, NumpyDtype) else None
        if isinstance(data, str):  # bytes, as Python 2 pickled them
            data = data.encode("latin-1", "replace")
        if resolved is None or not isinstance(data, bytes) or not isinstance(shape, list | tuple):
            return
        if not all(isinstance(n, int) and n >= 0 for n in shape):
            return
        flat = np.frombuffer(data, dtype=resolved)
        try:
            self.values = flat.reshape(shape, order="F" if fortran else "C")
        except (ValueError, OverflowError) as error:
            raise pickle.UnpicklingError(f"an array's shape and values disagree ({error})") from error


def load(file: BinaryIO, path: str) -> Any:
    """Load one pickle as inert records.

    Raises
    ------
    UnsafeFileError
        When it names something that could run.
    DamagedFileError
        When it is not a whole pickle.
    """
    try:
        return InertUnpickler(file, path).load()
    except CheckpointError:
        raise
    except DAMAGE as error:
        raise DamagedFileError(
            f"its pickle cannot be read ({type(error).__name__}: {str(error)[:200]})",
            path=path,
            remedy="Copy or download the file again.",
        ) from error


DAMAGE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""Whatever a damaged pickle makes the standard library raise."""


class InertUnpickler(pickle._Unpickler):
    """Loads one pickle from a bounded file; see the module's docstring.

    Raises one of ``DAMAGE`` for a broken pickle, ``UnsafeFileError`` for a dangerous name.
    """

    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: BinaryIO, path: str) -> None:
        super().__init__(file, encoding="latin-1")
        self._path = path
        self._classes: dict[str, type[Inert]] = {}
        self._depths: dict[int, tuple[Any, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The inert meaning of a global name."""
        qualified = f"{module}.{name}"
        if qualified in _ALLOWED:
            return _ALLOWED[qualified]
        if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGE_DTYPES:
            return StorageType(STORAGE_DTYPES[name])
        if module == "torch" and name in TORCH_DTYPES:
            return StorageType(TORCH_DTYPES[name])
        if is_dangerous(module, name):
            raise UnsafeFileError(
                f"loading it would hand over to {qualified}",
                path=self._path,
                callable_name=qualified,
                remedy="Do not load this file with any other program; ask its author for safetensors.",
            )
        if qualified not in self._classes:
            self._classes[qualified] = type("Inert", (Inert,), {"qualified_name": qualified})
        return self._classes[qualified]

    def persistent_load(self, pid: Any) -> Any:
        """A storage: ``("storage", type, key, location, size[, view])``."""
        if isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], StorageType):
            view = pid[5] if len(pid) > 5 else None
            storage = Storage(str(pid[2]), pid[1].dtype, pid[4] if isinstance(pid[4], int) else -1)
            return storage if view is None else _storage_view(storage, view)
        raise pickle.UnpicklingError("a reference to something that is not a tensor's storage")

    def get_extension(self, code: int) -> Any:
        """Extension codes are names registered in a process; a file has no business with them."""
        raise pickle.UnpicklingError(f"extension code {code}")

    def _push_tuple(self, count: int | None) -> None:
        items = tuple(self.pop_mark()) if count is None else tuple(self.stack[len(self.stack) - count :])
        if count is not None:
            del self.stack[len(self.stack) - count :]
        depth = 1 + max((self._depths[id(item)][1] for item in items if id(item) in self._depths), default=0)
        if depth > TUPLE_DEPTH:
            raise pickle.UnpicklingError("tuples nested too deeply")
        if items:
            self._depths[id(items)] = (items, depth)  # kept alive, so that its id stays its own
        self.append(items)

    dispatch: ClassVar[dict[int, Callable[..., None]]] = pickle._Unpickler.dispatch | {
        pickle.TUPLE[0]: lambda self: self._push_tuple(None),
        pickle.TUPLE1[0]: lambda self: self._push_tuple(1),
        pickle.TUPLE2[0]: lambda self: self._push_tuple(2),
        pickle.TUPLE3[0]: lambda self: self._push_tuple(3),
    }


def is_dangerous(module: str, name: str) -> bool:
    """Whether a global name could run something when called.

    Examples
    --------
    >>> is_dangerous("os", "system"), is_dangerous("posix.path", "x"), is_dangerous("argparse", "Namespace")
    (True, True, False)
    """
    qualified = f"{module}.{name}"
    parts = module.split(".")
    parents = {".".join(parts[:k]) for k in range(1, len(parts) + 1)}
    return bool(parents & DANGEROUS_MODULES) or qualified in DANGEROUS_NAMES or qualified.startswith(DANGEROUS_PREFIXES)


def _storage_view(storage: Storage, view: Any) -> Any:
    """An old-style view ``(key, offset, size)`` of another storage, as a one-dimensional tensor record."""
    if not (isinstance(view, tuple) and len(view) == 3):
        raise pickle.UnpicklingError("a storage view that is not (key, offset, size)")
    return TensorRecord(storage, view[1], (view[2],), (1,))


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorRecord:
    if isinstance(storage, TensorRecord) and isinstance(offset, int) and isinstance(storage.offset, int):
        return TensorRecord(storage.storage, storage.offset + offset, shape, strides)
    return TensorRecord(storage, offset, shape, strides)


def _rebuild_tensor_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *_: Any
) -> TensorRecord:
    return TensorRecord(storage, offset, shape, strides, dtype.dtype if isinstance(dtype, StorageType) else None)


def _rebuild_qtensor(storage: Any, offset: Any, shape: Any, strides: Any, quantizer: Any, *_: Any) -> TensorRecord:
    if not isinstance(quantizer, tuple) or len(quantizer) < 3:
        raise pickle.UnpicklingError("a quantised tensor without scale and zero point")
    axis = quantizer[3] if len(quantizer) > 3 else None
    return TensorRecord(storage, offset, shape, strides, None, Quantizer(quantizer[1], quantizer[2], axis))


def _rebuild_from_type(function: Any, _type: Any, args: Any, *_: Any) -> Any:
    return function(*args) if isinstance(function, Function) and isinstance(args, tuple) else Inert(args)


def _numpy_scalar(dtype: Any, data: Any = b"") -> Any:
    resolved = dtype.resolve() if isinstance(dtype, NumpyDtype) else None
    if resolved is None or not isinstance(data, bytes) or len(data) < resolved.itemsize:
        return None
    return np.frombuffer(data[: resolved.itemsize], dtype=resolved)[0]


def _reconstructor(cls: Any, base: Any, state: Any) -> Any:
    return cls() if isinstance(cls, type) and issubclass(cls, Inert) else Inert(state)


def _as_list(items: Any = ()) -> list[Any]:
    """Sets and tuples made by a call become lists too: of a file nothing but the keys of its dicts is hashed."""
    return list(items) if isinstance(items, list | tuple) else []


def _listed(*items: Any) -> list[Any]:
    return list(items)


def _as_dict(pairs: Any = (), *_: Any) -> OrderedDict[Any, Any]:
    return OrderedDict(pairs) if isinstance(pairs, list | tuple | dict) else OrderedDict()


def _encode(text: Any = "", *_: Any) -> bytes:
    return text.encode("latin-1", "replace") if isinstance(text, str) else b""


def _as_bytes(value: Any = b"", *_: Any) -> bytes:
    return value if isinstance(value, bytes) else _encode(value)


def _first(value: Any = None, *_: Any) -> Any:
    return value


_ALLOWED: dict[str, Any] = (
    {
        "collections.OrderedDict": Function(_as_dict),
        "collections.defaultdict": Function(lambda *_: OrderedDict()),
        "collections.Counter": Function(_as_dict),
        "torch._utils._rebuild_tensor": Function(_rebuild_tensor),
        "torch._utils._rebuild_tensor_v2": Function(_rebuild_tensor),
        "torch._utils._rebuild_tensor_v3": Function(_rebuild_tensor_v3),
        "torch._utils._rebuild_parameter": Function(_first),
        "torch._utils._rebuild_parameter_with_state": Function(_first),
        "torch._utils._rebuild_qtensor": Function(_rebuild_qtensor),
        "torch._utils._rebuild_device_tensor_from_numpy": Function(_first),
        "torch._tensor._rebuild_from_type": Function(_rebuild_from_type),
        "torch._tensor._rebuild_from_type_v2": Function(_rebuild_from_type),
        "torch.serialization._get_layout": Function(_first),
        "torch.Size": Function(_as_list),
        "torch.device": Function(_first),
        "numpy.dtype": NumpyDtype,
        "numpy.ndarray": NumpyArray,
        "copyreg._reconstructor": Function(_reconstructor),
        "copy_reg._reconstructor": Function(_reconstructor),
        "_codecs.encode": Function(_encode),
    }
    | {
        f"{module}.{name}": meaning
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for name, meaning in (("scalar", Function(_numpy_scalar)), ("_reconstruct", Function(NumpyArray)))
    }
    | {
        f"{module}.{name}": Function(meaning)
        for module in ("builtins", "__builtin__")
        for name, meaning in (
            ("dict", _as_dict),
            ("list", _as_list),
            ("set", _as_list),
            ("frozenset", _as_list),
            ("tuple", _as_list),
            ("bytearray", _as_bytes),
            ("bytes", _as_bytes),
            ("complex", _first),
            ("slice", _listed),
            ("int", _first),
            ("float", _first),
            ("bool", _first),
            ("str", _first),
            ("long", _first),
            ("unicode", _first),
            ("range", _listed),
            ("object", Inert),
        )
    }
)
