"""ONNX: initializers and constants; external data only from inside the model's own folder."""

from __future__ import annotations

from pathlib import Path

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.quantised.base import Stored
from neural_phylogeny.formats.quantised.checkpoint import Dequantised
from neural_phylogeny.formats.quantised.settings import Settings


def matches(head: bytes, path: Path) -> bool:
    """The suffix, or the way such files begin: a version, then the name of the program that wrote it."""
    return path.suffix.lower() == ".onnx" or _begins_like_a_model(head)


def _begins_like_a_model(head: bytes) -> bool:
    """Whether the head is ``ir_version`` (field 1, a small number) and ``producer_name`` (field 2, a short text)."""
    if len(head) < 5 or head[0] != 0x08 or not 1 <= head[1] <= 32 or head[2] != 0x12:
        return False
    producer = head[4 : 4 + head[3]]
    return 1 <= head[3] <= 64 and len(producer) == head[3] and producer.isascii() and producer.decode().isprintable()


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open an ONNX model; costs a read of the file without its weights. Raises ModuleNotFoundError without onnx."""
    from neural_phylogeny.formats.onnx.file import OnnxFile
    from neural_phylogeny.formats.onnx.quantised import quantised_weights

    if component is not None:
        raise UnknownChoiceError("component", component, ())
    file = OnnxFile(path)
    weights, unread, scales = quantised_weights(file.nodes, Stored(file, Settings()), file.axes)
    return Dequantised(file, weights, unread, scales) if weights or unread else file
