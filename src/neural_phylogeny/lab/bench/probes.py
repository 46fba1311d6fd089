"""Running networks of the recipes from their tensors alone: hidden features of probe images, and a first-order guess.

Dense nets (``layers.N``) and strided convolutions (``convs.N``, then ``hidden``) are run; anything else is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = Mapping[str, Array]

PROBES = 128
"""Images that networks are shown."""

LAYER = re.compile(r"(?:layers\.\d+|convs\.\d+|hidden)\.weight")


@dataclass(frozen=True)
class Probes:
    """Images ``(n, channels, side, side)`` of the size of a network, and the names of its layers in order."""

    images: Array
    layers: tuple[str, ...]


def probes_of(tensors: Weights, digits: Array) -> Probes | None:
    """Probes for a network of these tensors, from digits ``(n, 8, 8)``; None where it cannot be run.

    Digits are enlarged to the network's size and shown alike in all of its channels. A dense net is taken to have
    three channels where its inputs are three times a square and no square.

    Examples
    --------
    >>> probes_of({"attention.weight": np.zeros((4, 4))}, np.zeros((1, 8, 8))) is None
    True
    >>> probes_of({"layers.0.weight": np.zeros((5, 196))}, np.zeros((1, 8, 8))).images.shape
    (1, 1, 14, 14)
    """
    layers = sorted((name for name in tensors if LAYER.fullmatch(name)), key=lambda name: (name[0] == "h", name))
    others = {name for name in tensors if name.removesuffix("bias").removesuffix("weight") + "weight" not in layers}
    if not layers or others:
        return None
    first = tensors[layers[0]]
    kernels = [tensors[name] for name in layers if tensors[name].ndim == 4]
    if first.ndim == 4:
        channels, flat = first.shape[1], tensors[layers[-1]].shape[1] / kernels[-1].shape[0]
        side = round(flat**0.5) * 2 ** len(kernels)
    else:
        channels = next((c for c in (1, 3) if round((first.shape[1] / c) ** 0.5) ** 2 * c == first.shape[1]), 0)
        side = round((first.shape[1] / max(channels, 1)) ** 0.5)
    if not channels or side < 1:
        return None
    at = np.arange(side) * digits.shape[1] // side
    grey = digits[:, at][:, :, at] / 127.5 - 1.0
    return Probes(np.repeat(grey[:, None], channels, axis=1), tuple(layers))


def answers(tensors: Weights, probes: Probes) -> list[Array]:
    """The hidden layers, rectified and flattened: ``(n, features)`` each."""
    x, found = probes.images, []
    for name in probes.layers:
        x = np.maximum(_linear(x, tensors[name]) + _bias(tensors, name), 0.0)
        found.append(x.reshape(len(x), -1))
    return found


def first_order(tensors: Weights, change: Weights, probes: Probes) -> list[Array]:
    """The answers that a first-order expansion around ``tensors`` predicts after a small change of the weights."""
    x, tangent, found = probes.images, np.zeros_like(probes.images), []
    for name in probes.layers:
        moved = _linear(x, change[name]) + _bias(change, name)
        tangent = _linear(tangent, tensors[name]) + moved
        reached = _linear(x, tensors[name]) + _bias(tensors, name)
        x, tangent = np.maximum(reached, 0.0), tangent * (reached > 0)
        found.append((x + tangent).reshape(len(x), -1))
    return found


def _linear(x: Array, weight: Array) -> Array:
    """A dense layer, or a convolution of stride two that keeps places in the middle of its kernel."""
    if weight.ndim == 2:
        dense: Array = x.reshape(len(x), -1) @ weight.T
        return dense
    around = weight.shape[2] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (around, around), (around, around)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(2, 3))[:, :, ::2, ::2]
    places = windows.transpose(0, 2, 3, 1, 4, 5)
    found: Array = places.reshape(*places.shape[:3], -1) @ weight.reshape(len(weight), -1).T
    return found.transpose(0, 3, 1, 2)


def _bias(tensors: Weights, name: str) -> Array:
    bias = tensors.get(name.removesuffix("weight") + "bias", np.zeros(len(tensors[name])))
    return bias.reshape(-1, *[1] * (tensors[name].ndim - 2))


def centred_kernel_alignment(a: Array, b: Array) -> float:
    """Linear CKA of two sets of features of the same n examples, ``(n, p)`` and ``(n, q)``, from 0 to 1.

    Source: Kornblith, Norouzi, Lee and Hinton, ICML 2019. O(n p q), or O(n^2 (p + q)) where that is less.

    Examples
    --------
    >>> a = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    >>> round(centred_kernel_alignment(a, -3.0 * a[:, ::-1] + 1.0), 9)
    1.0
    """
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    if len(a) < min(a.shape[1], b.shape[1]):
        of_a, of_b = a @ a.T, b @ b.T
        scale, shared = np.linalg.norm(of_a) * np.linalg.norm(of_b), float((of_a * of_b).sum())
    else:
        scale, shared = np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b), float(np.linalg.norm(a.T @ b) ** 2)
    return float(shared / scale) if scale > 0 else 0.0


def over_layers(measure: Callable[[Array, Array], float], a: Sequence[Array], b: Sequence[Array]) -> float:
    """The mean of a measure over the layers of two networks."""
    return float(np.mean([measure(x, y) for x, y in zip(a, b, strict=True)]))
