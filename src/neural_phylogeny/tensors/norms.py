"""Batch norms with the convolutions that they follow: what is needed to fold the one into the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from neural_phylogeny.inputs import TensorInfo

MEAN, VARIANCE = ("running_mean", "moving_mean"), ("running_var", "moving_variance")
GAMMA, BETA = ("weight", "gamma", "scale"), ("bias", "beta")

REACH = 8
"""A batch norm follows its convolution within this many tensors of the stored order."""


@dataclass(frozen=True, slots=True)
class Norm:
    """The stored names of a batch norm's tensors, empty where it has none; ``beta`` is also a canonical name.

    ``units`` is the number of units that it scales.
    """

    gamma: str
    mean: str
    variance: str
    beta: str
    units: int = 0


def norms_of(keys: Sequence[str], tensors: Sequence[TensorInfo]) -> Mapping[str, Norm]:
    """Batch norms by the canonical name of the matrix whose units they scale: the last before them of as many.

    ``keys`` are the canonical names of all tensors of a model in stored order. Breaks where a file is not in the order
    of layers; so the values must confirm it. Linear in the number of tensors.
    """
    at = {tensor.name: place for place, tensor in enumerate(tensors)}
    found: dict[str, Norm] = {}
    for place, tensor in enumerate(tensors):
        stem, leaf = _split(tensor.name)
        if leaf not in VARIANCE or len(tensor.shape) != 1:
            continue
        mean = _first(stem, MEAN, at)
        if mean is None:
            continue
        gamma, beta = _first(stem, GAMMA, at), _first(stem, BETA, at)
        first = min(p for p in (place, mean, gamma, beta) if p is not None)
        kernel = _before(tensors, first, tensor.shape[0])
        if kernel is not None:
            scale = "" if gamma is None else tensors[gamma].name
            shift = "" if beta is None else keys[beta]
            found.setdefault(keys[kernel], Norm(scale, tensors[mean].name, tensor.name, shift, tensor.shape[0]))
    return found


def _split(name: str) -> tuple[str, str]:
    """The part of a name up to its last component, separator included, and the component."""
    plain = name.removesuffix(":0")
    cut = max(plain.rfind("."), plain.rfind("/")) + 1
    return plain[:cut], plain[cut:]


def _first(stem: str, leaves: Sequence[str], at: Mapping[str, int]) -> int | None:
    names = (f"{stem}{leaf}{end}" for leaf in leaves for end in ("", ":0"))
    return next((at[name] for name in names if name in at), None)


def _before(tensors: Sequence[TensorInfo], place: int, units: int) -> int | None:
    """The last matrix before a place, within reach, of so many units."""
    for k in range(place - 1, max(place - REACH, 0) - 1, -1):
        shape = tensors[k].shape
        if len(shape) > 1:
            return k if units in unit_counts(tensors[k]) else None
    return None


def unit_counts(tensor: TensorInfo) -> tuple[int, ...]:
    """How many units a matrix may have: along its output axis, or along the second where it may be transposed.

    The kernel of a transposed convolution is stored inputs first, and nothing but what follows it says so.
    """
    along = tensor.shape[tensor.output_axis]
    return (along, tensor.shape[1]) if len(tensor.shape) > 2 and tensor.output_axis == 0 else (along,)
