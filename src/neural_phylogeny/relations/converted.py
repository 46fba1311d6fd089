"""Converted models: the weights of another one as a framework or an exporter writes them, without training."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.tensors.alignment import AlignedTensor

Mask = NDArray[np.bool_]

_DIGITS = re.compile(r"\d+")

ARITHMETIC = 1e-5
"""Relative root mean square difference that folding a normalisation leaves in single precision; training moves more."""

OF_VECTORS = 1e-3
"""The same for vectors, whose difference is known from inner products alone."""


def relaid(tensor: AlignedTensor) -> Mask:
    """Of which two members the tensor is called or stored in another way, ``(n_members, n_members)``."""
    ways = [(source.name, source.view, source.codes) for source in tensor.sources]
    label = np.array([ways.index(way) for way in ways])
    found: Mask = label[:, None] != label[None, :]
    return found


def is_relaid(one: TensorInfo, other: TensorInfo) -> bool:
    """Whether a tensor has another layout, or a name that differs in more than numbers: those of layers may shift."""
    return one.view != other.view or _DIGITS.sub("", one.name) != _DIGITS.sub("", other.name)


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
