"""PyTorch files of both formats, read without torch and without executing anything."""

from neural_phylogeny.formats.pytorch.reader import matches, open_file

__all__ = ["matches", "open_file"]
