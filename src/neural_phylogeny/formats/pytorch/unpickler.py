"""An unpickler that runs nothing: pickles become plain containers, tensor records and inert records.

Only names on the allow list (see ``rebuild``) mean anything, and what they mean is written there; nothing is ever
imported or called on a file's behalf. A class that is not known becomes an ``Inert`` record whose state can still
be walked, so that tensors inside an ``argparse.Namespace`` or a pickled module are found. A name that could run
something (see ``dangerous``) refuses the whole file, whether or not it is called.

The pure-Python unpickler of the standard library serves as the machine, because its memo is a dict (a forged memo
index cannot make it allocate gigabytes) and because its steps can be counted: a short pickle cannot work forever
or fill the memory.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from itertools import repeat
from typing import Any, BinaryIO, ClassVar

from neural_phylogeny.errors import CheckpointError, DamagedFileError, UnsafeFileError, UnsupportedFormatError
from neural_phylogeny.formats.dangerous import is_dangerous
from neural_phylogeny.formats.limits import check, limit, tick
from neural_phylogeny.formats.pytorch.dtypes import STORAGE_DTYPES, TORCH_DTYPES
from neural_phylogeny.formats.pytorch.inert import Function, Inert, Storage, StorageType, TensorRecord
from neural_phylogeny.formats.pytorch.rebuild import ALLOWED, check_key

BYTES_PER_STEP = 100
"""Bytes of a file for which its pickle may take one more step: a tensor takes about forty, and is seldom that small."""

LOOK = 1 << 13
"""Steps after which the clock is looked at."""

TEXT_PER_STEP = 128
"""Characters of a text argument that count as one step."""

CLASS_STEPS = 50
"""Steps that one more unknown class costs; a class takes a kilobyte."""

MAGIC = 0x1950A86A20F9469CFC6C
"""First pickled object of a file as torch wrote it before version 1.6."""

NESTED_FILE = "torch.storage._load_from_bytes"
"""What pickle, used without torch's help, makes of a storage: a whole old file, in a bytes object."""

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

Handler = Callable[[Any], None]


def load(
    file: BinaryIO,
    path: str,
    storages: dict[str, Storage] | None = None,
    nbytes: int = 0,
    machine: type[InertUnpickler] | None = None,
) -> Any:
    """Load one pickle as inert records; ``storages`` collects every storage it refers to, by key.

    The opcodes, arguments and items that it may use follow from the limit ``steps`` and the ``nbytes`` of its file.

    Costs about a microsecond per opcode. ``file`` must answer a read beyond its end without allocating.

    Raises
    ------
    UnsafeFileError
        When it names something that could run.
    UnsupportedFormatError
        When its values are of a type that is not known, or lie outside the pickle as joblib writes them.
    DamagedFileError
        When it is not a whole pickle.
    LimitError
        When it takes too many steps.
    """
    try:
        kind = InertUnpickler if machine is None else machine
        return kind(file, path, {} if storages is None else storages, nbytes=nbytes).load()
    except CheckpointError:
        raise
    except DAMAGE as error:
        raise DamagedFileError(
            f"its pickle cannot be read ({type(error).__name__}: {str(error)[:200]})",
            path=path,
            remedy="Copy or download the file again.",
        ) from error


def refusal(qualified: str, path: str) -> UnsafeFileError:
    """The error of a file that names something that could run."""
    return UnsafeFileError(
        f"loading it would hand over to {qualified}",
        path=path,
        callable_name=qualified,
        remedy="Do not load this file with any other program; ask its author for safetensors.",
    )


class InertUnpickler(pickle._Unpickler):
    """Loads one pickle from a bounded file; see the module's docstring.

    Raises one of ``DAMAGE`` for a broken pickle, a CheckpointError for one that is refused.
    """

    stack: list[Any]
    metastack: list[list[Any]]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]
    _file_read: Callable[[int], bytes]
    _file_readline: Callable[[], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(
        self, file: BinaryIO, path: str, storages: dict[str, Storage], nested: bool = False, nbytes: int = 0
    ) -> None:
        super().__init__(file, encoding="latin-1")
        self._path = path
        self._nested = nested
        self._storages = storages
        self._classes: dict[str, type[Inert]] = {}
        self._steps_left = limit("steps") + nbytes // BYTES_PER_STEP
        self._look_at = self._steps_left - LOOK

    def load(self) -> Any:
        """Run the pickle: the loop of the standard library, with steps counted and without frames.

        A frame only says how far to read ahead; the loader in C passes over it too.
        """
        read = self.read = self._file_read
        self.readline = self._file_readline
        self.metastack = []
        self.stack = []
        self.append = self.stack.append
        handlers = self._handlers
        try:
            while opcode := read(1):
                self._steps_left -= 1
                if self._steps_left < self._look_at:
                    self._look()
                handlers[opcode[0]](self)
        except pickle._Stop as stopped:  # type: ignore[attr-defined]
            return stopped.value
        raise EOFError

    def spend(self, steps: int) -> None:
        """Pay for work; raises LimitError when too much was requested."""
        self._steps_left -= steps
        if self._steps_left < self._look_at:
            self._look()

    def _look(self) -> None:
        """At the clock, and at the steps that are left."""
        self._look_at = self._steps_left - LOOK
        tick()
        if self._steps_left < 0:
            check("steps", limit("steps") - self._steps_left, self._path)

    def find_class(self, module: str, name: str) -> Any:
        """The inert meaning of a global name."""
        known = self._classes.get(f"{module}.{name}")
        return self._found(module, name) if known is None else known

    def _found(self, module: str, name: str) -> Any:
        """The same of a name that is met for the first time; inert classes are kept."""
        qualified = f"{module}.{name}"
        if qualified in ALLOWED:
            return ALLOWED[qualified]
        if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGE_DTYPES:
            return StorageType(STORAGE_DTYPES[name])
        if module == "torch" and name in TORCH_DTYPES:
            return StorageType(TORCH_DTYPES[name])
        if qualified == NESTED_FILE and not self._nested:
            return Function(self._nested_file)
        if is_dangerous(module, name):
            raise refusal(qualified, self._path)
        if module.startswith("joblib."):
            raise UnsupportedFormatError("a joblib file", path=self._path, remedy="Save the arrays as .npz.")
        self.spend(CLASS_STEPS)
        found = self._classes[qualified] = type("Inert", (Inert,), {"qualified_name": qualified})
        return found

    def persistent_load(self, pid: Any) -> Any:
        """A storage ``("storage", type, key, location, size[, view])``, or a class with its source code."""
        if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module":
            return pid[1]
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage"):
            raise pickle.UnpicklingError("a reference to something that is not a tensor's storage")
        _, kind, key, _, size, *view = pid
        if isinstance(kind, type) and issubclass(kind, Inert):
            raise UnsupportedFormatError(
                f"values of type {kind.qualified_name}", path=self._path, remedy="Save them as float32."
            )
        if not isinstance(kind, StorageType) or not isinstance(key, str | int) or not isinstance(size, int):
            raise pickle.UnpicklingError("a storage without type, key or size")
        storage = self._storages.setdefault(str(key), Storage(str(key), kind.dtype, size))
        if storage.dtype != kind.dtype:
            raise pickle.UnpicklingError(f"storage {key} is said to be of two types")
        return storage if not view or view[0] is None else _storage_view(storage, view[0])

    def _nested_file(self, content: Any) -> Storage:
        """The one storage of an old file inside this pickle; there is no third level."""
        stream, storages = io.BytesIO(content), dict[str, Storage]()
        magic, _, _, storage, keys = [
            InertUnpickler(stream, self._path, storages, nested=True).load() for _ in range(5)
        ]
        if magic != MAGIC or not isinstance(storage, Storage) or keys != [storage.key]:
            raise pickle.UnpicklingError("a storage in the pickle is not a file of torch")
        self.spend(stream.tell())
        count, nbytes = int.from_bytes(stream.read(8), "little"), storage.size * storage.dtype.itemsize
        values = stream.read(max(0, nbytes))
        if count != storage.size or len(values) != nbytes:
            raise pickle.UnpicklingError("a storage in the pickle is not as long as it claims")
        return Storage(storage.key, storage.dtype, storage.size, values)

    def get_extension(self, code: int) -> Any:
        """Extension codes are names registered in a process; a file has no business with them."""
        raise pickle.UnpicklingError(f"extension code {code}")

    def _reduce(self) -> None:
        args = self._plain_arguments(self.stack[-1])
        self.spend(sum(map(_cost, args)))
        function = self.stack[-2]
        self.stack[-2:] = [function(*args)]

    def _newobj(self) -> None:
        args = self._plain_arguments(self.stack[-1])
        cls = self.stack[-2]
        self.stack[-2:] = [cls.__new__(cls, *args)]

    def _newobj_ex(self) -> None:
        keywords = self.stack.pop()
        self.spend(len(keywords))
        self.stack[-1] = (*self._plain_arguments(self.stack[-1]), *keywords.values())
        self._newobj()

    def _plain_arguments(self, args: Any) -> tuple[Any, ...]:
        if not isinstance(args, tuple):
            raise pickle.UnpicklingError("arguments that are not a tuple")
        self.spend(len(args))
        return args

    def _build(self) -> None:
        state = self.stack.pop()
        parts = state if isinstance(state, tuple) else (state,)
        self.spend(sum(len(part) for part in parts if isinstance(part, dict)) + len(parts))
        self.stack[-1].__setstate__(state)

    def _dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set(items)

    def _set_one(self) -> None:
        items = self.stack[-2:]
        del self.stack[-2:]
        self._set(items)

    def _set_many(self) -> None:
        self._set(self.pop_mark())

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            target[key] = value

    def _add_items(self) -> None:
        items = self.pop_mark()
        self.stack[-1].extend(items)

    def _frozen_set(self) -> None:
        items = self.pop_mark()
        self.append(tuple(items))

    def _byte_array(self) -> None:
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(length))

    def _frame(self) -> None:
        self.read(8)

    def _unknown(self) -> None:
        raise pickle.UnpicklingError("an unknown opcode")

    _known: ClassVar[dict[int, Handler]] = pickle._Unpickler.dispatch | {
        pickle.REDUCE[0]: _reduce,
        pickle.NEWOBJ[0]: _newobj,
        pickle.NEWOBJ_EX[0]: _newobj_ex,
        pickle.BUILD[0]: _build,
        pickle.DICT[0]: _dict,
        pickle.SETITEM[0]: _set_one,
        pickle.SETITEMS[0]: _set_many,
        pickle.EMPTY_SET[0]: pickle._Unpickler.dispatch[pickle.EMPTY_LIST[0]],
        pickle.ADDITEMS[0]: _add_items,
        pickle.FROZENSET[0]: _frozen_set,
        pickle.BYTEARRAY8[0]: _byte_array,
        pickle.FRAME[0]: _frame,
    }
    _handlers: ClassVar[list[Handler]] = list(map(_known.get, range(256), repeat(_unknown)))
    """By opcode."""


def _cost(argument: Any) -> int:
    """Steps that handing over an argument may be worth: allowed functions copy what they are given."""
    if isinstance(argument, list | tuple | dict):
        return len(argument)
    return len(argument) // TEXT_PER_STEP if isinstance(argument, str | bytes) else 0


def _storage_view(storage: Storage, view: Any) -> TensorRecord:
    """An old-style view ``(key, offset, size)`` of another storage, as a one-dimensional tensor record."""
    if not (isinstance(view, tuple) and len(view) == 3):
        raise pickle.UnpicklingError("a storage view that is not (key, offset, size)")
    return TensorRecord(storage, view[1], (view[2],), (1,))
