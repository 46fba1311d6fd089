"""Tiny architectures as lists of named tensors: what a state dict would hold, and how each tensor is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Protocol

import numpy as np

from neural_phylogeny.lab.families.prior import Architectures, Layers, Scale, between, draw

KINDS = ("dense", "conv", "conv-norm", "attention", "recurrent")

GATES = {"elman": 1, "gru": 3, "lstm": 4}


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of a network.

    Attributes
    ----------
    role : ``weight``, ``bias``, ``one`` (gain of a norm), ``zero`` (shift of a norm), ``position``, ``mean`` or ``var``
    fan_in : inputs of one unit; bounds the framework's default initialisation
    layer : place in the network from 0; the head has the last
    """

    name: str
    shape: tuple[int, ...]
    role: str
    fan_in: int
    layer: int

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)

    @property
    def is_learnt(self) -> bool:
        """Whether gradients move it; running statistics are not learnt."""
        return self.role not in ("mean", "var")


def learnt_first(tensors: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """The same tensors, learnt ones before buffers."""
    return *(t for t in tensors if t.is_learnt), *(t for t in tensors if not t.is_learnt)


def last_layer(tensors: Sequence[TensorSpec]) -> frozenset[str]:
    """Names of the tensors of the last layer."""
    last = max(t.layer for t in tensors)
    return frozenset(t.name for t in tensors if t.layer == last)


class NetworkShape(Protocol):
    """What planning and layout must know of a network."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def activation(self) -> str:
        """Of its hidden layers."""

    @property
    def classes(self) -> int:
        """Its outputs."""

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """All tensors, learnt ones first."""

    @property
    def head(self) -> frozenset[str]:
        """Names of the tensors of the last layer."""


@dataclass(frozen=True)
class Architecture:
    """A network on square grey images.

    Attributes
    ----------
    widths : units of the hidden layers, channels of the convolutions, or (width, inner width) of the attention block
    cell : of a recurrent network, a key of ``GATES``
    patch : side of the patches of an attention network
    """

    kind: str
    side: int
    classes: int
    widths: tuple[int, ...]
    activation: str = "relu"
    cell: str = ""
    patch: int = 0

    @property
    def tensors(self) -> tuple[TensorSpec, ...]:
        """All tensors, learnt ones first."""
        found = {
            "dense": self._dense,
            "conv": self._conv,
            "conv-norm": self._conv,
            "attention": self._attention,
            "recurrent": self._recurrent,
        }[self.kind]()
        return learnt_first(found)

    @property
    def head(self) -> frozenset[str]:
        """Names of the tensors of the last layer."""
        return last_layer(self.tensors)

    @property
    def sides(self) -> tuple[int, ...]:
        """Sides of the images before each strided convolution, and after the last."""
        sides = [self.side]
        for _ in self.widths:
            sides.append((sides[-1] + 1) // 2)
        return tuple(sides)

    def _dense(self) -> list[TensorSpec]:
        sizes = (self.side**2, *self.widths, self.classes)
        return [t for k, (a, b) in enumerate(pairwise(sizes)) for t in _linear(str(2 * k), a, b, k)]

    def _conv(self) -> list[TensorSpec]:
        found = []
        per_layer = 3 if self.kind == "conv-norm" else 2
        for k, (a, b) in enumerate(pairwise((1, *self.widths))):
            name, norm = str(per_layer * k), str(per_layer * k + 1)
            found.append(TensorSpec(f"{name}.weight", (b, a, 3, 3), "weight", 9 * a, k))
            if self.kind == "conv":
                found.append(TensorSpec(f"{name}.bias", (b,), "bias", 9 * a, k))
            else:
                roles = {"weight": "one", "bias": "zero", "running_mean": "mean", "running_var": "var"}
                found += [TensorSpec(f"{norm}.{part}", (b,), role, b, k) for part, role in roles.items()]
        inputs = self.widths[-1] * self.sides[-1] ** 2
        return [*found, *_linear(str(per_layer * len(self.widths) + 1), inputs, self.classes, len(self.widths))]

    def _attention(self) -> list[TensorSpec]:
        width, inner = self.widths
        return [
            *_linear("patches", self.patch**2, width, 0),
            TensorSpec("positions", ((self.side // self.patch) ** 2, width), "position", width, 0),
            *_norm("block.norm1", width, 1),
            *_linear("block.qkv", width, 3 * width, 1),
            *_linear("block.proj", width, width, 2),
            *_norm("block.norm2", width, 3),
            *_linear("block.fc1", width, inner, 3),
            *_linear("block.fc2", inner, width, 4),
            *_norm("norm", width, 4),
            *_linear("head", width, self.classes, 5),
        ]

    def _recurrent(self) -> list[TensorSpec]:
        width = self.widths[0]
        gates = GATES[self.cell] * width
        return [
            TensorSpec("rnn.weight_ih_l0", (gates, self.side), "weight", width, 0),
            TensorSpec("rnn.bias_ih_l0", (gates,), "bias", width, 0),
            TensorSpec("rnn.weight_hh_l0", (gates, width), "weight", width, 1),
            TensorSpec("rnn.bias_hh_l0", (gates,), "bias", width, 1),
            *_linear("head", width, self.classes, 2),
        ]


def draw_architecture(rng: np.random.Generator, prior: Architectures, kind: str | None = None) -> Architecture:
    """An architecture of a given kind or any.

    The smaller, the noisier are angles between trainings; real networks have more parameters than most of these.
    """
    kind = kind or draw(rng, prior.kinds)
    while True:
        found = _drawn(rng, prior, kind)
        if prior.parameters is None:
            return found
        if prior.parameters[0] <= sum(spec.size for spec in found.tensors) <= prior.parameters[1]:
            return found


def _drawn(rng: np.random.Generator, prior: Architectures, kind: str) -> Architecture:
    scale = _scale(rng, prior.scales)
    side = draw(rng, scale.sides)
    classes, activation = draw(rng, prior.classes), draw(rng, prior.activations)
    if kind == "dense":
        return Architecture(kind, side, classes, _widths(rng, scale.dense, side), activation)
    if kind in ("conv", "conv-norm"):
        return Architecture(kind, side, classes, _widths(rng, scale.conv, side), activation)
    if kind == "attention":
        side = draw(rng, scale.attention.sides) if scale.attention.sides else side
        inner, patches = draw(rng, scale.attention.widths), scale.attention.patches[side]
        patch = patches if isinstance(patches, int) else draw(rng, patches)
        return Architecture(kind, side, classes, (inner, inner * draw(rng, prior.multiples)), "gelu", "", patch)
    cell = draw(rng, prior.cells)
    width = draw(rng, scale.recurrent.widths)
    return Architecture(kind, min(side, scale.recurrent.largest_side), classes, (width,), "tanh", cell)


def _scale(rng: np.random.Generator, scales: Sequence[Scale]) -> Scale:
    """One of the sizes, by their shares."""
    if len(scales) == 1:
        return scales[0]
    at, below = rng.random(), 0.0
    for scale in scales:
        below += scale.share
        if at < below:
            return scale
    return scales[-1]


def _widths(rng: np.random.Generator, layers: Layers, side: int) -> tuple[int, ...]:
    first = draw(rng, layers.first_by_side.get(side, layers.first))
    return (first, *(draw(rng, layers.rest) for _ in range(between(rng, layers.more))))


def _linear(name: str, inputs: int, outputs: int, layer: int) -> list[TensorSpec]:
    return [
        TensorSpec(f"{name}.weight", (outputs, inputs), "weight", inputs, layer),
        TensorSpec(f"{name}.bias", (outputs,), "bias", inputs, layer),
    ]


def _norm(name: str, width: int, layer: int) -> list[TensorSpec]:
    return [
        TensorSpec(f"{name}.weight", (width,), "one", width, layer),
        TensorSpec(f"{name}.bias", (width,), "zero", width, layer),
    ]
