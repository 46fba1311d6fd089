"""Codes of which each channel has a scale and a zero point, as torch and ONNX have them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.formats.base import AnyArray


@dataclass(frozen=True, slots=True)
class Affine:
    """(code - zero) * scale, with one scale and zero point, or one per index of an axis.

    ``stride`` is the number of values that follow each other with one index of the axis.
    """

    scale: NDArray[np.float32]
    zero: NDArray[np.float32]
    stride: int = 1

    def apply(self, codes: AnyArray, start: int) -> NDArray[np.float32]:
        """The weights that the codes from ``start`` on stand for, in flat C order."""
        weights: NDArray[np.float32] = codes.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # hostile scales give infinities
            if self.scale.size == 1:
                weights -= self.zero
                weights *= self.scale
            else:
                which = (np.arange(start, start + codes.size) // self.stride) % self.scale.size
                weights -= self.zero[which]
                weights *= self.scale[which]
        return weights


def along(shape: tuple[int, ...], axis: int, scale: NDArray[np.float32], zero: NDArray[np.float32]) -> Affine | None:
    """Scales and zero points along an axis of a weight; None where they do not go with it."""
    if zero.size != scale.size or not scale.size:
        return None
    if scale.size == 1:
        return Affine(scale.reshape(1), zero.reshape(1))
    if max(scale.shape) != scale.size or not -len(shape) <= axis < len(shape) or shape[axis] != scale.size:
        return None
    return Affine(scale.reshape(-1), zero.reshape(-1), max(1, math.prod(shape[axis % len(shape) + 1 :])))
