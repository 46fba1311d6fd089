"""How well an answer holds when it rests on other matrices: the bootstrap of phylogenetics, over tensors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.examine import Findings
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.methods import Method

FEWEST = 3
"""With fewer matrices there is nothing to draw from."""


def support(
    found: Findings, rows: list[int], families: NDArray[np.int64], method: Method, forest: Forest, draws: int, seed: int
) -> NDArray[np.float64]:
    """Share of draws of the matrices in which each model has the same parent: ``(n,)``, NaN for roots.

    Every draw takes as many matrices as there are, with replacement, and asks the method again; who is related is
    settled before. Costs as much as the answer, ``draws`` times. All NaN with fewer than ``FEWEST`` matrices. It tells
    how much an edge hangs on single tensors, and is no probability: what misleads all of them misleads every draw.

    References
    ----------
    J. Felsenstein, *Confidence limits on phylogenies: an approach using the bootstrap*, Evolution 39 (1985).
    """
    again = np.zeros(len(rows))
    named = forest.parents >= 0
    if sum(tensor.is_matrix for tensor in found.statistics.alignment.tensors) < FEWEST:
        return np.full(len(rows), np.nan)
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        drawn = method.solve(found.redrawn(rng).families(rows, families, seed))
        again += drawn.parents == forest.parents
    return np.where(named, again / draws, np.nan)
