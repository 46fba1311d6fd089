"""ONNX: initializers and constants; external data only from inside the model's own folder."""

from __future__ import annotations

from pathlib import Path

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.quantised.base import Stored
from neural_phylogeny.formats.quantised.checkpoint import Dequantised
from neural_phylogeny.formats.quantised.settings import Settings


def matches(head: bytes, path: Path) -> bool:
    """ONNX files have no magic number: the suffix decides."""
    return path.suffix.lower() == ".onnx"


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open an ONNX model; costs a read of the file without its weights. Raises ModuleNotFoundError without onnx."""
    from neural_phylogeny.formats.onnx.file import OnnxFile
    from neural_phylogeny.formats.onnx.quantised import quantised_weights

    if component is not None:
        raise UnknownChoiceError("component", component, ())
    file = OnnxFile(path)
    weights, unread, scales = quantised_weights(file.nodes, Stored(file, Settings()), file.axes)
    return Dequantised(file, weights, unread, scales) if weights or unread else file
