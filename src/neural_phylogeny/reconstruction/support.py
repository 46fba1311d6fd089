"""Bootstrap over weight matrices: how often each edge of an answer is recovered from resampled matrices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.family_data import families_of
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.methods import Method

FEWEST = 3
"""Smallest number of matrices to resample: two matrices have three different resamples, one has one."""


def support(
    found: Findings, rows: list[int], families: NDArray[np.int64], method: Method, forest: Forest, draws: int, seed: int
) -> NDArray[np.float64]:
    """Share of the resamples in which each model has the same parent: ``(n,)``, NaN for roots.

    A resample has as many matrices as there are, drawn with replacement. The method is run on each of ``draws``
    resamples; the families stay the same. The cost is ``draws`` times that of the answer after the pass. All values are
    NaN with fewer than ``FEWEST`` matrices. Support shows how much an edge depends on single tensors. It is not a
    probability: what misleads every matrix misleads every resample.

    References
    ----------
    J. Felsenstein, *Confidence limits on phylogenies: an approach using the bootstrap*, Evolution 39 (1985).
    """
    recovered = np.zeros(len(rows))
    if sum(tensor.is_matrix for tensor in found.statistics.alignment.tensors) < FEWEST:
        return np.full(len(rows), np.nan)
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        resampled = method.solve(families_of(found.redrawn(rng), rows, families, seed))
        recovered += resampled.parents == forest.parents
    return np.where(forest.parents >= 0, recovered / draws, np.nan)
