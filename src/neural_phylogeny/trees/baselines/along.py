"""Clustering along directions on Gram matrices: centres move to parents with probability alpha, else to means.

A centre is a row of weights over the models, so that no step depends on the number of parameters: the squared distance
of model i to the centre w is ``G[i, i] - 2 (G w)[i] + w G w``. The paper (Neural Phylogeny, ICLR 2025) sets alpha by
hand; ``stable_alpha`` chooses it without labels. NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.baselines.agglomerative import cut, merges_along
from neural_phylogeny.trees.baselines.distances import distances
from neural_phylogeny.trees.baselines.star import oldest
from neural_phylogeny.trees.family import Labels
from neural_phylogeny.trees.forest import Matrix, Parents

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""The values that ``stable_alpha`` compares."""

SETTLED = 3
"""Rounds without change after which a clustering with random moves has converged."""

ROUNDS = 100
"""Largest number of rounds of a clustering."""


def kmeans_along(
    gram: Matrix,
    direction: Matrix,
    n_clusters: int,
    alpha: float,
    *,
    seed: int = 0,
    n_starts: int = 10,
    rounds: list[int] | None = None,
) -> Labels:
    """KMeans whose centres move to the current parent estimate with probability ``alpha``, else to the mean.

    Parameters
    ----------
    gram : (n, n)
        Inner products of the models.
    direction : (n, n)
        Positive where i looks like the parent of j; the parent estimate of a cluster is its most frequent one.
    n_clusters : int
        Most clusters there may be.
    alpha : float
        0 is KMeans itself; at 1 all centres are models.
    seed, n_starts : int
        Starts as in k-means++; the one of least squared distance to the means is kept.
    rounds : list, optional
        Gets the number of rounds of each start.

    Returns
    -------
    (n,)
        Labels from 0.

    Notes
    -----
    O(n^2 k) a round, at most 100 rounds a start. Our reading of the paper's clustering along directions. Assumes
    directions that are right more often than not; where they are wrong, centres leave the middle of their cluster.
    """
    rng = np.random.default_rng(seed)
    runs = [_kmeans_once(gram, direction, n_clusters, alpha, rng) for _ in range(n_starts)]
    if rounds is not None:
        rounds += [run[2] for run in runs]
    return min(runs, key=lambda run: run[1])[0]


def _kmeans_once(
    gram: Matrix, direction: Matrix, n_clusters: int, alpha: float, rng: np.random.Generator
) -> tuple[Labels, float, int]:
    """(labels, squared distance to the means, rounds) of one start."""
    centres = np.eye(len(gram))[_spread(gram, n_clusters, rng)]
    labels, unchanged, done = np.full(len(gram), -1, dtype=np.int64), 0, 0
    while done < ROUNDS:
        done += 1
        found = np.argmin(_squared(gram, centres), axis=0)
        unchanged = unchanged + 1 if np.array_equal(found, labels) else 0
        labels = found
        if unchanged >= (1 if alpha in (0.0, 1.0) else SETTLED):
            break
        groups = labels[None, :] == np.arange(len(centres))[:, None]
        kept = groups.any(axis=1)  # a centre that lost its last model stays where it is
        centres[kept] = _move(groups[kept], direction, alpha, rng)
    groups = labels[None, :] == np.unique(labels)[:, None]
    return np.argmax(groups, axis=0), float(_squared(gram, _means(groups)).min(axis=0).sum()), done


def mean_shift_along(
    gram: Matrix,
    direction: Matrix,
    bandwidth: float,
    alpha: float,
    *,
    seed: int = 0,
    rounds: list[int] | None = None,
) -> Labels:
    """MeanShift whose shifts go to the parent estimate of the window with probability ``alpha``, else to its mean.

    Parameters
    ----------
    gram, direction : (n, n)
        As in ``kmeans_along``.
    bandwidth : float
        Radius of the window, a distance; not positive where all models are equal, which gives one cluster.
    alpha : float
        0 is MeanShift itself, with a flat window.
    seed : int
        Of the draws, one for each point and round.
    rounds : list, optional
        Gets the number of rounds.

    Returns
    -------
    (n,)
        Labels from 0, the fullest cluster first.

    Notes
    -----
    O(n^3) a round, at most 100 rounds. Ends where no window changes. Assumes one bandwidth for all families.
    """
    rng = np.random.default_rng(seed)
    n = len(gram)
    if not bandwidth > 0:
        return np.zeros(n, dtype=np.int64)
    points, windows, unchanged, done = np.eye(n), np.zeros((n, n), dtype=bool), 0, 0
    radius = bandwidth**2 * (1.0 + 1e-9)
    while done < ROUNDS:
        done += 1
        found = _squared(gram, points) <= radius
        unchanged = unchanged + 1 if np.array_equal(found, windows) else 0
        windows = found
        if unchanged >= (1 if alpha in (0.0, 1.0) else SETTLED):
            break
        kept = windows.any(axis=1)  # the mean of a ring may have nobody near; it stays
        points[kept] = _move(windows[kept], direction, alpha, rng)
    if rounds is not None:
        rounds.append(done)
    return _by_mode(gram, points, windows.sum(axis=1), radius)


def agglomerative_along(gram: Matrix, direction: Matrix, n_clusters: int, alpha: float, *, seed: int = 0) -> Labels:
    """Average linkage in which clusters are represented by their parent estimate with probability ``alpha``.

    See ``neural_phylogeny.trees.baselines.agglomerative.merges_along``; 0 is average linkage itself. O(n^3).
    """
    return cut(merges_along(distances(gram), direction, alpha, seed), n_clusters)


def stable_alpha(parents: Callable[[NDArray[np.int64], float, int], Parents], n: int, *, n_seeds: int = 6) -> float:
    """The alpha whose parents agree best between seeds, each seed with a random four fifths of the models.

    Parameters
    ----------
    parents : callable
        ``(models (m,), alpha, seed) -> (m,)``: the parent vector found for some of the models.
    n : int
        Number of models.
    n_seeds : int
        Subsets, the same for every alpha.

    Returns
    -------
    float
        One of ``ALPHAS``; of equals the lowest, which is the nearest to plain clustering.

    Notes
    -----
    ``len(ALPHAS) * n_seeds`` runs. Stability is not a proof of truth: a rule that is always wrong in the same way is
    stable too. Source of the idea: von Luxburg, Clustering Stability, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> stable_alpha(lambda models, alpha, seed: np.full(len(models), -1), 5)
    0.0
    """
    rng = np.random.default_rng(0)
    size = max(int(np.ceil(0.8 * n)), min(n, 2))
    subsets = [np.sort(rng.permutation(n)[:size]) for _ in range(n_seeds)]
    agreement = []
    for alpha in ALPHAS:
        found = []
        for seed, models in enumerate(subsets):
            local = parents(models, alpha, seed)
            whole = np.full(n, -2)  # -2: not among these models
            whole[models] = np.where(local >= 0, models[local], -1)
            found.append(whole)
        shares = [_agreement(a, b) for a, b in combinations(found, 2)]
        agreement.append(float(np.mean(shares)) if shares else 1.0)
    return ALPHAS[int(np.argmax(np.round(agreement, 9)))]


def _agreement(a: Parents, b: Parents) -> float:
    """Share of equal parents among the models that both runs saw together with both of their parents."""
    comparable = (a > -2) & (b > -2) & ((b[a] > -2) | (a < 0)) & ((a[b] > -2) | (b < 0))
    return float((a == b)[comparable].mean()) if comparable.any() else 1.0


def _move(groups: NDArray[np.bool_], direction: Matrix, alpha: float, rng: np.random.Generator) -> Matrix:
    """New centres ``(k, n)`` of groups ``(k, n)``: the parent estimate with probability alpha, else the mean."""
    centres = _means(groups)
    to_parent = rng.random(len(groups)) < alpha
    if to_parent.any():
        centres[to_parent] = np.eye(groups.shape[1])[oldest(groups[to_parent], direction)]
    return centres


def _means(groups: NDArray[np.bool_]) -> Matrix:
    means: Matrix = groups / groups.sum(axis=1, keepdims=True)
    return means


def _squared(gram: Matrix, centres: Matrix) -> Matrix:
    """Squared distances of centres ``(k, n)`` to models: ``(k, n)``."""
    products = centres @ gram
    own = np.einsum("kn,kn->k", products, centres)
    found: Matrix = np.maximum(np.diag(gram) - 2.0 * products + own[:, None], 0.0)
    return found


def _spread(gram: Matrix, n_clusters: int, rng: np.random.Generator) -> list[int]:
    """First centres as in k-means++: each a model drawn by its squared distance to those before it."""
    n = len(gram)
    chosen = [int(rng.integers(n))]
    nearest = _squared(gram, np.eye(n)[chosen])[0]
    nearest[nearest < 1e-14 * np.diag(gram).max()] = 0.0
    while len(chosen) < n_clusters and nearest.sum() > 0:
        chosen.append(int(rng.choice(n, p=nearest / nearest.sum())))
        nearest = np.minimum(nearest, _squared(gram, np.eye(n)[chosen[-1:]])[0])
        nearest[nearest < 1e-14 * np.diag(gram).max()] = 0.0
    return chosen


def _by_mode(gram: Matrix, points: Matrix, fullness: NDArray[np.int64], radius: float) -> Labels:
    """Points within a window of a fuller one are its mode; each model belongs to the nearest mode."""
    products = points @ gram @ points.T
    squares = np.diag(products)
    apart = squares[:, None] + squares - 2.0 * products
    modes: list[int] = []
    for point in np.argsort(-fullness, kind="stable").tolist():
        if all(apart[point, mode] > radius for mode in modes):
            modes.append(point)
    nearest = np.argmin(_squared(gram, points[modes]), axis=0)
    return np.unique(nearest, return_inverse=True)[1].astype(np.int64)
