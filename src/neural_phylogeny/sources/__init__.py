"""Which models are there: files, folders, globs, manifests, mappings in memory."""

from neural_phylogeny.sources.discover import discover
from neural_phylogeny.sources.opening import from_memory, open_all, open_model

__all__ = ["discover", "from_memory", "open_all", "open_model"]
