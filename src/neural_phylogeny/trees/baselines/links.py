"""Link prediction on the graph of similarities: how strongly two models are joined through others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.forest import Matrix

NEIGHBOURS = 3
"""Nearest neighbours that a model is joined to."""

LINKS = ("common-neighbours", "adamic-adar", "preferential-attachment")


def similarity_graph(distance: Matrix, neighbours: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """Who is among the nearest of the other, either way: ``(n, n)`` -> ``(n, n)``, symmetric, False on the diagonal.

    Parameters
    ----------
    distance : (n, n)
        Any dissimilarity; pairs that are not finite are never joined.

    Examples
    --------
    >>> import numpy as np
    >>> place = np.array([0.0, 1.0, 3.0])
    >>> similarity_graph(np.abs(place[:, None] - place), 1).astype(int).tolist()
    [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    """
    n = len(distance)
    apart = np.where(np.isfinite(distance), distance, np.inf)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, : min(neighbours, n - 1)]
    joined = np.zeros((n, n), dtype=bool)
    joined[np.arange(n)[:, None], nearest] = True
    joined &= np.isfinite(apart)
    found: NDArray[np.bool_] = joined | joined.T
    return found


def link_scores(graph: NDArray[np.bool_], how: str) -> Matrix:
    """Scores of all pairs of a graph: ``(n, n)`` -> ``(n, n)``, not negative, symmetric. O(n^3).

    Parameters
    ----------
    how : str
        ``common-neighbours``; ``adamic-adar``, where those with few neighbours count more (Adamic and Adar, Social
        Networks 25, 2003); ``preferential-attachment``, the product of the numbers of neighbours.

    Raises
    ------
    ValueError
        When there is no such score.

    Examples
    --------
    >>> import numpy as np
    >>> path = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)
    >>> link_scores(path, "common-neighbours").tolist()
    [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    joined = graph.astype(np.float64)
    degree = joined.sum(axis=1)
    if how == "common-neighbours":
        found = joined @ joined
    elif how == "adamic-adar":
        weight = np.divide(1.0, np.log(np.maximum(degree, 1.0)), out=np.zeros_like(degree), where=degree > 1)
        found = (joined * weight) @ joined
    elif how == "preferential-attachment":
        found = np.outer(degree, degree)
    else:
        raise ValueError(f"no link score is called {how!r}: choose from {', '.join(LINKS)}")
    np.fill_diagonal(found, 0.0)
    return found
