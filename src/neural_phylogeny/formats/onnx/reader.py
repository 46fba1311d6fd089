"""ONNX: initializers and constants; external data only from inside the model's own folder."""

from __future__ import annotations

from pathlib import Path

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.formats.base import Checkpoint


def matches(head: bytes, path: Path) -> bool:
    """ONNX files have no magic number: the suffix decides."""
    return path.suffix.lower() == ".onnx"


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open an ONNX model; costs a read of the file without its weights. Raises ModuleNotFoundError without onnx."""
    from neural_phylogeny.formats.onnx.file import OnnxFile

    if component is not None:
        raise UnknownChoiceError("component", component, ())
    return OnnxFile(path)
