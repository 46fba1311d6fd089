"""ONNX models: their initializers, read from the file's own layout."""

from neural_phylogeny.formats.onnx.reader import matches, open_file

__all__ = ["matches", "open_file"]
