"""Support of an answer by parts of the weights: resampled matrices, and each matrix alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.family_data import families_of
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.methods import Method

FEWEST = 3
"""Smallest number of matrices to resample: two matrices have three different resamples, one has one."""


@dataclass(frozen=True)
class Support:
    """Shares for each model of a forest, ``(n,)``; NaN where there is none.

    Attributes
    ----------
    edges : (n,)
        Of the resamples in which a model has the same parent; NaN for roots.
    roots : (n,)
        The rootstrap: of the resamples in which a root is one too; NaN for models with a parent.
    concordance : (n,)
        Of the matrices that alone give a model a parent, those that give it the same one; NaN for roots, and where no
        matrix gives it any.
    """

    edges: NDArray[np.float64]
    roots: NDArray[np.float64]
    concordance: NDArray[np.float64]

    def of(self, name: str, k: int) -> float | None:
        """One share of a model; None where there is none."""
        value = float(getattr(self, name)[k])
        return None if np.isnan(value) else value

    def of_those(self, kept: NDArray[np.bool_]) -> Support:
        """The same of some models, ``(n,)``; none of the others."""
        return Support(*(np.where(kept, shares, np.nan) for shares in (self.edges, self.roots, self.concordance)))


def support(
    found: Findings, rows: list[int], families: NDArray[np.int64], method: Method, forest: Forest, draws: int, seed: int
) -> Support:
    """How much of an answer stays with other matrices, and with each alone.

    A resample has as many matrices as there are, drawn with replacement. The method is run on each of ``draws``
    resamples, then on at most ``draws`` matrices by themselves, evenly among all; the families stay the same. The cost
    is up to twice ``draws`` times that of the answer after the pass. There is no support with fewer than ``FEWEST``
    matrices. Support shows how much an answer depends on single tensors. It is not a probability: what misleads every
    matrix misleads every resample. With many matrices every resample agrees, though half of them may contradict:
    that is what concordance shows.

    References
    ----------
    J. Felsenstein, *Confidence limits on phylogenies: an approach using the bootstrap*, Evolution 39 (1985).
    S. Naser-Khdour et al., *Assessing confidence in root placement on phylogenies*, Systematic Biology 71 (2022).
    B. Q. Minh et al., *New methods to calculate concordance factors*, Molecular Biology and Evolution 37 (2020).
    """
    matrices, is_child, n = found.statistics.matrices(), forest.parents >= 0, len(rows)
    if len(matrices) < FEWEST:
        return Support(*np.full((3, n), np.nan))
    rng = np.random.default_rng(seed)
    resampled = [method.solve(families_of(found.redrawn(rng), rows, families, seed)).parents for _ in range(draws)]
    recovered = np.mean([parents == forest.parents for parents in resampled], axis=0)
    chosen = np.unique(np.linspace(0, len(matrices) - 1, min(draws, len(matrices))).round().astype(int)).tolist()
    alone = np.array(
        [method.solve(families_of(found.alone(matrices[k]), rows, families, seed)).parents for k in chosen]
    )
    deciding, agreeing = (alone >= 0).sum(axis=0), (alone == forest.parents).sum(axis=0)
    concordance = np.where(is_child & (deciding > 0), agreeing / np.maximum(deciding, 1), np.nan)
    return Support(np.where(is_child, recovered, np.nan), np.where(is_child, np.nan, recovered), concordance)
