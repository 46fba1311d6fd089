"""Initialisations, drawn in numpy: the frameworks' defaults and the usual schemes at some gain."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families.architectures import NetworkShape, TensorSpec

SCHEMES = (
    "kaiming-normal",
    "kaiming-uniform",
    "xavier-normal",
    "xavier-uniform",
    "orthogonal",
    "truncated-normal",
)
"""What there is besides ``default``, which is uniform in 1/sqrt(fan-in) for weights and biases."""

LIBRARY, SPREAD = "library", 0.02
"""One normal distribution for all matrices and tables, as libraries of transformers draw them, and its deviation."""


def initial(architecture: NetworkShape, scheme: str, gain: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """All tensors of a network, flattened one after the other.

    Parameters
    ----------
    scheme : str
        ``default``, ``library`` or one of ``SCHEMES``.
    gain : float
        Factor on the weights of all schemes but the default.

    Returns
    -------
    array (n_entries,)
        In the order of ``architecture.tensors``.
    """
    return np.concatenate([_drawn(t, scheme, gain, rng).ravel() for t in architecture.tensors]).astype(np.float32)


def _drawn(tensor: TensorSpec, scheme: str, gain: float, rng: np.random.Generator) -> NDArray[np.float64]:
    shape, bound = tensor.shape, 1.0 / sqrt(tensor.fan_in)
    if tensor.role in ("one", "var"):
        return np.ones(shape)
    if tensor.role in ("zero", "mean"):
        return np.zeros(shape)
    if scheme == LIBRARY:
        return rng.normal(0.0, SPREAD, shape) if tensor.role != "bias" else np.zeros(shape)
    if tensor.role == "position":
        return rng.normal(0.0, 0.02, shape)
    if tensor.role == "embedding":
        return rng.normal(0.0, 1.0 if scheme == "default" else 0.05 * gain, shape)
    if tensor.role == "bias":
        return rng.uniform(-bound, bound, shape) if scheme == "default" else np.zeros(shape)
    outputs, inputs = shape[0], tensor.size // shape[0]
    xavier, kaiming = gain * sqrt(2.0 / (inputs + outputs)), gain * sqrt(2.0 / inputs)
    match scheme:
        case "default":
            return rng.uniform(-bound, bound, shape)
        case "kaiming-normal":
            return rng.normal(0.0, kaiming, shape)
        case "kaiming-uniform":
            return rng.uniform(-1.0, 1.0, shape) * (sqrt(3.0) * kaiming)
        case "xavier-normal":
            return rng.normal(0.0, xavier, shape)
        case "xavier-uniform":
            return rng.uniform(-1.0, 1.0, shape) * (sqrt(3.0) * xavier)
        case "orthogonal":
            q, r = np.linalg.qr(rng.normal(size=(max(inputs, outputs), min(inputs, outputs))))
            q = q * np.sign(np.diag(r))
            return gain * (q if outputs >= inputs else q.T).reshape(shape)
        case _:
            drawn = rng.normal(size=shape)
            while (outside := np.abs(drawn) > 2.0).any():
                drawn[outside] = rng.normal(size=int(outside.sum()))
            return drawn * xavier
