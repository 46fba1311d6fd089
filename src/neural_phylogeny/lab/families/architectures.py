"""Tiny architectures as lists of named tensors: what a state dict would hold, and how each tensor is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

KINDS = ("dense", "conv", "conv-norm", "attention", "recurrent")

SHARES = (0.64, 0.11, 0.08, 0.07, 0.10)
"""How often each kind is drawn."""

WIDE, WIDE_SHARES = (20_000, 300_000), (0.5, 0.17, 0.13, 0.12, 0.08)
"""Parameters of wide architectures, and how often each kind is drawn of them."""

TINY = 0.3
"""How often an architecture is drawn of only a few hundred parameters."""

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
        return *(t for t in found if t.is_learnt), *(t for t in found if not t.is_learnt)

    @property
    def head(self) -> frozenset[str]:
        """Names of the tensors of the last layer."""
        last = max(t.layer for t in self.tensors)
        return frozenset(t.name for t in self.tensors if t.layer == last)

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


def draw_architecture(rng: np.random.Generator, kind: str | None = None, *, wide: bool = False) -> Architecture:
    """An architecture of a given kind or any: a few thousand parameters, in a third of the cases a few hundred.

    Wide ones have ten times as many, on images up to 28 x 28 (``draw_wide``).

    The smaller, the noisier are angles between trainings; real networks have more parameters than any of these.
    """
    if wide:
        return draw_wide(rng, kind)
    kind = kind or str(rng.choice(KINDS, p=SHARES))
    tiny = rng.random() < TINY
    side = int(rng.choice([8, 10, 14], p=[0.45, 0.35, 0.2] if tiny else [0.25, 0.4, 0.35]))
    classes = int(rng.choice([5, 10, 10, 10, 20]))
    activation = str(rng.choice(["relu", "relu", "tanh", "gelu"]))

    def width(small: list[int], usual: list[int]) -> int:
        return int(rng.choice(small if tiny else usual))

    if kind == "dense":
        widths = [width([16, 24, 32, 48, 64], [32, 48, 64, 96, 128, 192] if side < 14 else [32, 48, 64, 96])]
        widths += [width([16, 24, 32], [24, 32, 48, 64, 96]) for _ in range(int(rng.integers(0 if tiny else 1, 4)))]
        return Architecture(kind, side, classes, tuple(widths), activation)
    if kind in ("conv", "conv-norm"):
        channels = [width([4, 8], [8, 12, 16])]
        channels += [width([8, 12, 16], [16, 24, 32]) for _ in range(int(rng.integers(1, 3)))]
        return Architecture(kind, side, classes, tuple(channels), activation)
    if kind == "attention":
        inner = width([12, 16], [24, 32, 48])
        patch = int(rng.choice({8: [4, 2], 10: [5, 5], 14: [7, 7]}[side], p=[0.85, 0.15]))
        return Architecture(kind, side, classes, (inner, inner * int(rng.choice([1, 2]))), "gelu", "", patch)
    cell = str(rng.choice(list(GATES), p=[0.5, 0.25, 0.25]))
    return Architecture(kind, min(side, 10), classes, (width([16, 24], [32, 48, 64]),), "tanh", cell)


def draw_wide(rng: np.random.Generator, kind: str | None = None) -> Architecture:
    """An architecture of 20,000 to 300,000 parameters, of a given kind or any; angles between trainings are sharp."""
    kind = kind or str(rng.choice(KINDS, p=WIDE_SHARES))
    while True:
        found = _draw_wide(rng, kind)
        if WIDE[0] <= sum(spec.size for spec in found.tensors) <= WIDE[1]:
            return found


def _draw_wide(rng: np.random.Generator, kind: str) -> Architecture:
    side, classes = int(rng.choice([14, 20, 28], p=[0.5, 0.3, 0.2])), int(rng.choice([5, 10, 10, 10, 20]))
    activation = str(rng.choice(["relu", "relu", "tanh", "gelu"]))

    def several(choices: list[int], most: int) -> tuple[int, ...]:
        return tuple(int(rng.choice(choices)) for _ in range(int(rng.integers(1, most + 1))))

    if kind == "dense":
        widths = (int(rng.choice([96, 128, 192, 256, 384])), *several([48, 64, 96, 128, 192], 4))
        return Architecture(kind, side, classes, widths, activation)
    if kind in ("conv", "conv-norm"):
        widths = (int(rng.choice([16, 24, 32])), *several([32, 48, 64, 96], 3))
        return Architecture(kind, side, classes, widths, activation)
    if kind == "attention":
        side, inner = int(rng.choice([14, 28])), int(rng.choice([48, 64, 96]))
        return Architecture(kind, side, classes, (inner, inner * int(rng.choice([1, 2]))), "gelu", "", 7)
    cell = str(rng.choice(list(GATES), p=[0.5, 0.25, 0.25]))
    return Architecture(kind, 14, classes, (int(rng.choice([96, 128, 192])),), "tanh", cell)


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
