"""GGUF, the files of llama.cpp: blocks decoded as they are read, names and layouts as before the export."""

from neural_phylogeny.formats.gguf.reader import matches, open_file

__all__ = ["matches", "open_file"]
