"""What a forest says of the parent of a model: the probabilities that an edge tells."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.fusion import LEAST


class Told(TypedDict):
    """The probabilities of a model's parent, by the names that an edge gives them."""

    p_parent: float | None
    p_if_present: float | None


def told_of(forest: Forest, k: int) -> Told:
    """What a forest says of the parent of its model k; None for what the method does not know."""
    return {
        "p_parent": None if forest.p_parent is None else float(forest.p_parent[k]),
        "p_if_present": if_present(forest, k),
    }


def if_present(forest: Forest, k: int) -> float | None:
    """Probability of a model's parent in a forest, given that its parent is among the models; None among two."""
    if forest.posterior is None or np.count_nonzero(forest.posterior[:, k]) < 3:
        return None
    column, above = forest.posterior[:, k], forest.parents[k]
    return float(min(column[above] / max(1.0 - column[k], LEAST), 1.0))
