"""Which neural networks were fine-tuned from which: a directed forest from weights alone.

Importing this package opens no file and imports neither torch nor NumPy; the public names load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neural_phylogeny.errors import NeuralPhylogenyError
    from neural_phylogeny.reconstruction.api import compare, reconstruct
    from neural_phylogeny.records import Edge, Evidence, Phylogeny

__version__ = "0.1.0"

_HOMES = {
    "Edge": "records",
    "Evidence": "records",
    "NeuralPhylogenyError": "errors",
    "Phylogeny": "records",
    "compare": "reconstruction.api",
    "reconstruct": "reconstruction.api",
}

__all__ = ["Edge", "Evidence", "NeuralPhylogenyError", "Phylogeny", "compare", "reconstruct"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
