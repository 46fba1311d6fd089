"""Keras ``.h5 .hdf5 .keras``: the weights of a saved model or a weights file, in the order of its layers.

Contiguous datasets are read in place, others in windows through h5py. Optimiser state is not a model.
"""

from __future__ import annotations

import importlib.util
import io
import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, cast
from zipfile import ZIP_STORED

import numpy as np

from neural_phylogeny.errors import DamagedFileError, NoModelError, UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.hdf5_client import ask
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.windows import WindowedFile
from neural_phylogeny.formats.zips import directory, inflate, stored_offset
from neural_phylogeny.inputs import TensorInfo, keras_output_axis

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

HDF5_STARTS = (0, 512, 1024, 2048)
"""Where an HDF5 file may begin, in bytes: others may write something before it."""

ZIP_MAGIC = b"PK\x03\x04"

WEIGHTS_MEMBER = "model.weights.h5"


def matches(head: bytes, path: Path) -> bool:
    """An HDF5 file, or a zip named ``.keras``."""
    if head[:4] == ZIP_MAGIC:
        return path.suffix.lower() == ".keras"
    return any(head[start : start + 8] == HDF5_MAGIC for start in HDF5_STARTS)


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a Keras file; costs a read of its groups. Raises ModuleNotFoundError without h5py."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    if importlib.util.find_spec("h5py") is None:
        raise ModuleNotFoundError("No module named 'h5py'", name="h5py")
    with SpanFile(path) as archive:
        if archive.read_bytes(0, min(4, archive.file_size)) != ZIP_MAGIC:
            return KerasFile(path)
        members = directory(archive.stream(), str(path))
        if WEIGHTS_MEMBER not in members:
            raise UnsupportedFormatError(
                f"a .keras archive without {WEIGHTS_MEMBER}", path=path, remedy="Save the model with Keras 3."
            )
        member = members[WEIGHTS_MEMBER]
        if member.compress_type == ZIP_STORED:
            return KerasFile(path, window=(stored_offset(archive, member), member.file_size))
        content = inflate(archive.stream(), member, str(path))
        return UnpackedKerasFile(path, content)


class KerasFile(WindowedFile):
    """One HDF5 file of Keras weights; ``window`` is that of one inside a ``.keras`` archive.

    The HDF5 library reads it in a process of its own, see ``hdf5_client``; datasets that lie in the file as they are
    are read here, in place.

    Names are ``layer/weight`` as Keras gives them; in files of Keras 3, whose weights have no names, the layer and
    the number of the weight. ``output_axis`` is guessed from the name where a kernel is not of the usual layout.
    """

    format = "keras"

    _unpacked_as = 0

    def __init__(self, path: Path, window: tuple[int, int] | None = None, unpacked: str = "") -> None:
        super().__init__(unpacked or path, None, window)
        self.tensors = {}
        self._window = list(window) if window else None
        self._shown = str(path)
        self._datasets: dict[str, tuple[int, np.dtype]] = {}
        try:
            found, _ = ask(self._request("list"), self._shown)
            for number, row in enumerate(found["weights"]):
                self._register(number, *row)
            if not self.tensors:
                raise NoModelError(
                    "an HDF5 file without weights",
                    "no weights",
                    path=path,
                    remedy="Save the model or its weights, not only its settings.",
                )
        except BaseException:
            self.close()
            raise

    def _request(self, do: str) -> dict[str, Any]:
        path = os.path.abspath(self.path)
        return {"do": do, "path": path, "window": self._window, "content": self._unpacked_as}

    def _fetch(self, name: str, start: int, stop: int) -> AnyArray:
        number, dtype = self._datasets[name]
        request = {**self._request("read"), "weight": number, "start": start, "stop": stop}
        _, values = ask(request, self._shown)
        if len(values) != (stop - start) * dtype.itemsize:
            raise DamagedFileError("it does not hold the values that it claims", path=self._shown, tensor=name)
        return np.frombuffer(values, dtype=dtype)

    def _register(self, number: int, name: str, lengths: list[int], code: str, order: str, offset: int | None) -> None:
        dtype, shape = np.dtype(code), tuple(lengths)
        if order == ">":
            dtype = dtype.newbyteorder(">")
        if name in self.tensors:
            raise DamagedFileError("two weights have this name", path=self._shown, tensor=name)
        tensor = TensorInfo(name=name, shape=shape, dtype=dtype.name, output_axis=keras_output_axis(name, shape))
        self.tensors[name] = tensor
        if offset is None:
            self._datasets[name] = (number, dtype)
        else:
            self._spans[name] = Span(offset, dtype, tensor.size)


_CONTENTS = itertools.count(1)
"""Numbers of unpacked files: another one may get the place of one that was closed."""


class UnpackedKerasFile(KerasFile):
    """The same out of a compressed archive, through a temporary file that goes with it."""

    def __init__(self, path: Path, content: bytes | BinaryIO) -> None:
        self._temporary: BinaryIO = cast(BinaryIO, tempfile.TemporaryFile())
        name = f"/proc/{os.getpid()}/fd/{self._temporary.fileno()}"  # without a name of its own nothing can stay
        if not os.path.exists(name):
            self._temporary.close()
            named = tempfile.NamedTemporaryFile(suffix=".h5")
            self._temporary, name = cast(BinaryIO, named), named.name
        with self._temporary_content(content) as file:
            shutil.copyfileobj(file, self._temporary)
        self._temporary.flush()
        self._unpacked_as = next(_CONTENTS)
        super().__init__(path, (0, self._temporary.tell()), name)

    @staticmethod
    def _temporary_content(content: bytes | BinaryIO) -> BinaryIO:
        if isinstance(content, bytes):
            return io.BytesIO(content)
        content.seek(0)
        return content

    def close(self) -> None:
        super().close()
        self._temporary.close()
