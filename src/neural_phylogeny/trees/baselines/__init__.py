"""What `auto` is compared with: the paper's stars and clusterings, MoTHer, nearest neighbours.

This is also the home of the scikit-learn estimators, which take arrays and need the extra ``cluster``:

    from neural_phylogeny.trees.baselines import KMeansPhylogeny
    KMeansPhylogeny(n_clusters=2).fit(X).parents_

They are imported when they are first used, so that the rest of this folder needs no optional library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neural_phylogeny.trees.baselines.estimators import (
        AgglomerativePhylogeny,
        DBSCANPhylogeny,
        HDBSCANPhylogeny,
        KMeansPhylogeny,
        MeanShiftPhylogeny,
        MotherPhylogeny,
        NearestPhylogeny,
        SpanningTreePhylogeny,
        SpectralPhylogeny,
    )

__all__ = [
    "AgglomerativePhylogeny",
    "DBSCANPhylogeny",
    "HDBSCANPhylogeny",
    "KMeansPhylogeny",
    "MeanShiftPhylogeny",
    "MotherPhylogeny",
    "NearestPhylogeny",
    "SpanningTreePhylogeny",
    "SpectralPhylogeny",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.estimators"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
