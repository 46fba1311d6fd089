"""Models that lie elsewhere: a hub, an object store, a web server. Their bytes are fetched when they are read."""

from neural_phylogeny.sources.remote.addresses import is_address, public
from neural_phylogeny.sources.remote.mirror import mirrored

__all__ = ["is_address", "mirrored", "public"]
