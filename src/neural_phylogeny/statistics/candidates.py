"""Large collections: which models could be related at all, told from a small sample of each.

All pairs of 2,000 models cannot be compared on every tensor; but unrelated models of one architecture have a
cosine near zero already on a few thousand values. Groups found here are measured in full, each on its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.statistics.blocks import BLOCK, Block, read_block
from neural_phylogeny.tensors.alignment import Alignment

SAMPLE = 1 << 15
"""Values of a model in its sample, over all its matrices."""

FEWEST = 256
"""Fewest values taken of a matrix."""

NOISE = 3.0
"""Standard deviations of the cosine of unrelated values that a candidate must exceed."""


def sample(checkpoints: Sequence[Checkpoint], alignment: Alignment) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A few values from the middle of every matrix: ``(n_models, n_values)``, and which were there.

    Of every matrix in one length, so that none drowns the others. The boxes of pairs are sampled, those of two shapes
    too, so that relatives of other shapes are found.

    Reads at most one block a matrix and model, less than a hundredth of a large model.
    """
    matrices = [tensor for tensor in alignment.tensors if tensor.is_matrix]
    each = max(FEWEST, SAMPLE // max(len(matrices), 1))
    n = alignment.n_models
    columns, present = [], []
    for tensor in matrices:
        count = min(each, tensor.size, BLOCK)
        start = (tensor.size - count) // 2
        buffer = np.empty(len(tensor.members) * count, dtype=np.float32)
        found = read_block(tensor, Block(0, start, start + count), checkpoints, buffer, {})
        length = np.sqrt(np.square(found, dtype=np.float64).mean(axis=1, keepdims=True))
        usable: NDArray[np.bool_] = np.isfinite(length[:, 0]) & (length[:, 0] > 0)
        values = np.zeros((n, count), dtype=np.float32)
        scaled = found[usable] / length[usable].astype(np.float32)
        values[np.array(tensor.members)[usable]] = scaled
        columns.append(values)
        held = np.zeros((n, count), dtype=bool)
        held[np.array(tensor.members)[usable]] = True
        present.append(held)
    empty = np.zeros((n, 0))
    return np.concatenate([empty.astype(np.float32), *columns], 1), np.concatenate([empty.astype(bool), *present], 1)


def candidates(values: NDArray[np.float32], present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pairs whose sampled cosine exceeds what unrelated values reach: ``(n, n_values)`` -> ``(n, n)``.

    Cosines are taken on the values both models have. Generous on purpose: a stranger that passes costs time, a
    relative that does not is lost.
    """
    held = present.astype(np.float32)
    product, common = values @ values.T, held @ held.T
    norm = np.square(values) @ held.T
    scale = np.sqrt(norm * norm.T)
    cosine = np.divide(product, scale, out=np.zeros_like(product), where=scale > 0)
    found: NDArray[np.bool_] = np.abs(cosine) > NOISE / np.sqrt(np.maximum(common, 1.0))
    np.fill_diagonal(found, False)
    return found
