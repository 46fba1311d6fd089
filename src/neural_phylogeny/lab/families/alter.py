"""What happens to finished models: pruning, rounding to a coarser grid, rescaling, merging; all on arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families.architectures import NetworkShape

Model = dict[str, NDArray[np.float32]]

GRIDS = ("bf16", "fp16", "int8", "4-bit")

BLOCK = 32
"""Neighbouring entries that share a scale on the 4-bit grid."""


def prune(model: Mapping[str, NDArray[np.float32]], share: float) -> Model:
    """Zero for the smallest magnitudes of each matrix."""
    altered = {}
    for name, w in model.items():
        altered[name] = w.copy()
        if w.ndim > 1:
            smallest = np.argsort(np.abs(w), axis=None, kind="stable")[: int(share * w.size)]
            altered[name].flat[smallest] = 0.0
    return altered


def rounded(model: Mapping[str, NDArray[np.float32]], grid: str) -> Model:
    """The nearest values on a number grid; int8 and 4-bit touch only matrices.

    int8 has one scale for each output, 4-bit one for each block of ``BLOCK`` entries.
    """
    return {name: _rounded(w, grid) for name, w in model.items()}


def _rounded(w: NDArray[np.float32], grid: str) -> NDArray[np.float32]:
    if grid == "bf16":
        return w.astype(ml_dtypes.bfloat16).astype(np.float32)
    if grid == "fp16":
        return w.astype(np.float16).astype(np.float32)
    if w.ndim < 2:
        return w.copy()
    if grid == "int8":
        return _levels(w.reshape(len(w), -1), 127).reshape(w.shape)
    blocks = np.resize(w.ravel(), (-(-w.size // BLOCK), BLOCK))
    blocks.flat[w.size :] = 0.0
    return _levels(blocks, 7).ravel()[: w.size].reshape(w.shape)


def _levels(rows: NDArray[np.float32], levels: int) -> NDArray[np.float32]:
    """Each row (n, m) on this many equal steps to either side of zero."""
    scale = np.abs(rows).max(axis=1, keepdims=True) / np.float32(levels)
    scale[scale == 0.0] = 1.0
    return np.asarray(np.round(rows / scale) * scale, dtype=np.float32)


def rescaled(model: Mapping[str, NDArray[np.float32]], factor: float) -> Model:
    """All entries times a constant."""
    return {name: (w * np.float32(factor)) for name, w in model.items()}


def can_be_balanced(architecture: NetworkShape) -> bool:
    """Whether a scale can move from one layer to the next without a change of the function."""
    return architecture.kind in ("dense", "conv") and architecture.activation == "relu"


def balanced(
    model: Mapping[str, NDArray[np.float32]], architecture: NetworkShape, factors: NDArray[np.float32]
) -> Model:
    """The same function with each layer's output times a factor (n_layers - 1,), and the next layer's input by it.

    Where the head is left out, the last factor has no counterpart.
    """
    layers = [spec.name.removesuffix(".weight") for spec in architecture.tensors if spec.role == "weight"]
    altered = {name: w.copy() for name, w in model.items()}
    for (layer, following), factor in zip(pairwise(layers), factors, strict=True):
        altered[f"{layer}.weight"] *= factor
        altered[f"{layer}.bias"] *= factor
        if f"{following}.weight" in altered:
            altered[f"{following}.weight"] /= factor
    return altered


def merged(one: Mapping[str, NDArray[np.float32]], other: Mapping[str, NDArray[np.float32]], share: float) -> Model:
    """The mean of two models, with a share of the first."""
    return {name: np.float32(share) * w + np.float32(1.0 - share) * other[name] for name, w in one.items()}


def distance(one: Mapping[str, NDArray[np.float32]], other: Mapping[str, NDArray[np.float32]]) -> float:
    """Euclidean distance of all entries."""
    return float(np.sqrt(sum(float(((w - other[name]) ** 2).sum()) for name, w in one.items())))
