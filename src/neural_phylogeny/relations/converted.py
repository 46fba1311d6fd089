"""Converted models: the weights of another one as a framework or an exporter writes them, without training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import AlignedTensor

Mask = NDArray[np.bool_]

ARITHMETIC = 1e-5
"""Relative root mean square difference that folding a normalisation leaves in single precision; training moves more."""

OF_VECTORS = 1e-3
"""The same for vectors, whose difference is known from inner products alone."""


def relaid(tensor: AlignedTensor) -> Mask:
    """Of which two members the tensor is called or stored in another way, ``(n_members, n_members)``."""
    ways = [(source.name, source.view) for source in tensor.sources]
    label = np.array([ways.index(way) for way in ways])
    found: Mask = label[:, None] != label[None, :]
    return found


def converted(tensor: AlignedTensor, arrays: Arrays) -> Mask:
    """Whether two members differ in name or layout and their values only by arithmetic, ``(n_members, n_members)``."""
    other = relaid(tensor)
    if not other.any():
        return other
    if tensor.is_matrix and "cross.square" in arrays:
        square, norms, least = arrays["cross.square"], np.diag(arrays["cross.product"]), ARITHMETIC
    else:
        gram = arrays["gram"]
        norms, least = np.diag(gram), OF_VECTORS
        square = norms[:, None] + norms[None, :] - 2.0 * gram
    with np.errstate(invalid="ignore"):
        found: Mask = other & (square <= least**2 * np.maximum.outer(norms, norms)) & np.isfinite(square)
    return found


def conversions(statistics: Statistics) -> Mask:
    """Pairs of which every compared value agrees, some under another name or in another layout, ``(n, n)``.

    Symmetric: the values do not show which is the conversion. Holds for what was compared; see ``copies`` for models of
    which that is nearly all.
    """
    n = statistics.alignment.n_models
    differ, some = np.zeros((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
    for tensor, arrays in statistics:
        label = arrays["equality.label"]
        at = np.ix_(tensor.members, tensor.members)
        equal = (label[:, None] == label[None, :]) | converted(tensor, arrays)
        differ[at] |= ~equal & tensor.pairs
        some[at] |= relaid(tensor) & tensor.pairs
    return some & ~differ
