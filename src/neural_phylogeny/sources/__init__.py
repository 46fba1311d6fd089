"""Which models are there: files, folders, globs, manifests, mappings in memory."""

from neural_phylogeny.sources.discover import discover
from neural_phylogeny.sources.given import ModelLike, Models, check_paths, open_given, open_models
from neural_phylogeny.sources.opening import from_memory, open_all, open_model

__all__ = [
    "ModelLike",
    "Models",
    "check_paths",
    "discover",
    "from_memory",
    "open_all",
    "open_given",
    "open_model",
    "open_models",
]
