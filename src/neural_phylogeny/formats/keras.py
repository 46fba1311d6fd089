"""Keras ``.h5 .hdf5 .keras``: the weights of a saved model or a weights file, in the order of its layers.

Contiguous datasets are read in place, others in windows through h5py. Optimiser state is not a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zipfile import ZIP_STORED

import numpy as np

from neural_phylogeny.errors import NoModelError, UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.formats.windows import WindowedFile
from neural_phylogeny.formats.zips import directory, inflate, stored_offset
from neural_phylogeny.inputs import TensorInfo

if TYPE_CHECKING:
    from neural_phylogeny.formats.hdf5 import Tree

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

HDF5_STARTS = (0, 512, 1024, 2048)
"""Where an HDF5 file may begin, in bytes: others may write something before it."""

ZIP_MAGIC = b"PK\x03\x04"

WEIGHTS_MEMBER = "model.weights.h5"

NOT_WEIGHTS = ("optimizer", "metrics")
"""Beginnings of the outermost groups that hold a trainer's state."""

CONTAINERS = frozenset({"layers", "vars", "_layer_checkpoint_dependencies"})
"""Groups that structure a file and are no part of a weight's name."""

_SEPARABLE = re.compile(r"separable_conv\dd(_\d+)?/0$")


def matches(head: bytes, path: Path) -> bool:
    """An HDF5 file, or a zip named ``.keras``."""
    if head[:4] == ZIP_MAGIC:
        return path.suffix.lower() == ".keras"
    return any(head[start : start + 8] == HDF5_MAGIC for start in HDF5_STARTS)


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a Keras file; costs a read of its groups. Raises ModuleNotFoundError without h5py."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    with path.open("rb") as file:
        if file.read(4) != ZIP_MAGIC:
            return KerasFile(path)
        members = directory(file, str(path))
        if WEIGHTS_MEMBER not in members:
            raise UnsupportedFormatError(
                f"a .keras archive without {WEIGHTS_MEMBER}", path=path, remedy="Save the model with Keras 3."
            )
        member = members[WEIGHTS_MEMBER]
        if member.compress_type != ZIP_STORED:
            return KerasFile(path, inflate(file, member, str(path)))
    with SpanFile(path) as archive:
        window = (stored_offset(archive, member), member.file_size)
    return KerasFile(path, window=window)


class KerasFile(WindowedFile):
    """One HDF5 file of Keras weights; ``content`` or ``window`` is that of one inside a ``.keras`` archive.

    Names are ``layer/weight`` as Keras gives them; in files of Keras 3, whose weights have no names, the layer and
    the number of the weight. ``output_axis`` is guessed from the name where a kernel is not of the usual layout.
    """

    format = "keras"

    def __init__(
        self, path: Path, content: bytes | BinaryIO | None = None, window: tuple[int, int] | None = None
    ) -> None:
        from neural_phylogeny.formats.hdf5 import Tree

        super().__init__(path, content, window)
        self.tensors = {}
        self._tree: Tree | None = None
        self._apart: SpanFile | None = None
        self._datasets: dict[str, tuple[Any, np.dtype]] = {}
        try:
            if content is not None or window is not None:
                self._apart = SpanFile(path, content, window)
            self._tree = Tree(self.path, self.file_size, self._apart.stream() if self._apart else None)
            for name, dataset in _weights(self._tree):
                self._register(self._tree, name, dataset)
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

    def close(self) -> None:
        if self._tree is not None:
            self._tree.close()
        if self._apart is not None:
            self._apart.close()
        super().close()

    def _fetch(self, name: str, start: int, stop: int) -> AnyArray:
        assert self._tree is not None
        dataset, dtype = self._datasets[name]
        return self._tree.read(dataset, dtype, start, stop, name)

    def _register(self, tree: Tree, name: str, dataset: Any) -> None:
        place = tree.place(dataset, name)
        if place is None:
            return
        dtype, offset = place
        shape = tuple(int(n) for n in dataset.shape)
        tensor = TensorInfo(name=name, shape=shape, dtype=dtype.name, output_axis=output_axis(name, shape))
        self.tensors[name] = tensor
        if offset is None:
            self._datasets[name] = (dataset, dtype)
        else:
            self._spans[name] = Span(offset, dtype, tensor.size)


def output_axis(name: str, shape: tuple[int, ...]) -> int:
    """Axis of a weight's output units: the last, but for the kernels that Keras lays out otherwise.

    Examples
    --------
    >>> output_axis("dense/kernel:0", (3, 5)), output_axis("dw/depthwise_kernel:0", (3, 3, 16, 1))
    (-1, -2)
    """
    if len(shape) < 2:
        return 0
    turned = "depthwise" in name or "transpose" in name or _SEPARABLE.search(name)
    return -2 if len(shape) > 2 and turned else -1


def _weights(tree: Tree) -> Iterator[tuple[str, Any]]:
    """(name, dataset) in the order of the layers where the file tells it, else by name."""
    root = tree.child(tree.root, "model_weights") if tree.has(tree.root, "model_weights") else tree.root
    layers = tree.names(root, "layer_names")
    if layers is None:
        for path, dataset in tree.walk(root, NOT_WEIGHTS):
            yield "/".join([key for key in path[:-1] if key not in CONTAINERS] + [path[-1]]), dataset
        return
    if tree.has(root, "top_level_model_weights"):
        layers = [*layers, "top_level_model_weights"]
    for layer in dict.fromkeys(layers):
        group = tree.child(root, layer)
        weights = tree.names(group, "weight_names")
        if weights is None:
            for path, dataset in tree.walk(group):
                yield "/".join([layer, *path]), dataset
        else:
            for weight in weights:
                yield f"{layer}/{weight}", tree.child(group, weight)
