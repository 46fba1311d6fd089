"""Moments of each tensor of each model: what the direction witnesses are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.measures.blocks import Block, count_blocks
from neural_phylogeny.measures.statistic import Arrays, Statistic, total
from neural_phylogeny.tensors.alignment import AlignedTensor


class Moments(Statistic):
    """Power sums, largest magnitude, zeros and distinct values of each tensor, ``(n_members,)`` each.

    ``count, sum, square, cube, fourth, largest, zeros, distinct, probed``. Large tensors are thinned: every
    ``STRIDE``-th block is measured, the same blocks in every model, so that differences between models keep
    their precision; ``count`` says how many values were seen. ``distinct`` counts different values among the
    first ``probed`` ones, a hint at quantised weights.
    """

    name = "moments"

    THIN_FROM = 16
    """Tensors of more blocks than this are thinned."""

    STRIDE = 8
    """One block in so many is measured in a thinned tensor."""

    PROBE = 1024
    """Values looked at for the hint at distinct values."""

    def measure(self, tensor: AlignedTensor, block: Block, values: NDArray[np.float32]) -> Arrays:
        """Power sums of one block, float32 inside."""
        if block.index % self.STRIDE and count_blocks(tensor) > self.THIN_FROM:
            return {}
        squares = values * values
        part = {
            "sum": values.sum(axis=1),
            "square": squares.sum(axis=1),
            "cube": np.einsum("ij,ij->i", values, squares),
            "fourth": np.einsum("ij,ij->i", squares, squares),
            "largest": np.maximum(values.max(axis=1), -values.min(axis=1)),
            "zeros": np.array([np.count_nonzero(row) for row in values == 0]),
            "count": np.full(len(values), block.size),
        }
        if block.index == 0:
            probe = np.sort(values[:, : self.PROBE], axis=1)
            part["distinct"] = 1 + np.count_nonzero(np.diff(probe, axis=1), axis=1)
            part["probed"] = np.full(len(values), probe.shape[1])
        return part

    def combine(self, tensor: AlignedTensor, parts: Sequence[Arrays]) -> Arrays:
        """Sums over the measured blocks; the largest magnitude is the largest of them."""
        seen = [part for part in parts if part]
        result: Arrays = {key: total(seen, key) for key in ("count", "sum", "square", "cube", "fourth", "zeros")}
        result["largest"] = np.max([part["largest"] for part in seen], axis=0).astype(np.float64)
        return result | {key: seen[0][key].astype(np.float64) for key in ("distinct", "probed")}
