"""Made-up tasks for networks that read no pictures: textures, signals, tokens, vectors; labels by a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families.pictures import Pictures, View, draw_views
from neural_phylogeny.lab.families.prior import PictureViews
from neural_phylogeny.lab.families.varied_prior import Shape

Generator = np.random.Generator
Examples = tuple[NDArray[np.float32], NDArray[np.int64]]


def draw_tasks(
    inputs: Shape,
    classes: Sequence[int],
    examples: int,
    pictures: Pictures,
    prior: PictureViews,
    rng: Generator,
) -> list[View]:
    """A task for each number of classes, all with the same inputs."""
    shape = inputs.shape
    if inputs.what == "pictures":
        return [draw_views(pictures, shape[-1], number, 1, prior, rng)[0] for number in classes]
    common, views = np.random.default_rng(rng.integers(2**31)), []
    world = MAKERS[inputs.what](shape, max(classes), common)
    for k, number in enumerate(classes):
        x, y = world.task(number, examples, rng)
        views.append(View(f"{inputs.what}-{k}", np.ascontiguousarray(x, dtype=np.float32), y))
    return views


def draw_classes(most: int, number: int, share: float, rng: Generator) -> tuple[list[int], bool]:
    """The number of classes of each task, and whether they differ: with this chance they are half of them to all."""
    differ = bool(rng.random() < share)
    return [int(rng.integers(max(2, most // 2), most + 1)) if differ else most for _ in range(number)], differ


class World(Protocol):
    """What the tasks of one batch have in common."""

    def __init__(self, shape: Sequence[int], classes: int, rng: Generator) -> None: ...

    def task(self, classes: int, examples: int, rng: Generator) -> Examples:
        """Examples (n, values) and their labels (n,)."""


class _Vectors:
    """Correlated normal values, some of them dead; classes by a random network of two layers."""

    def __init__(self, shape: Sequence[int], classes: int, rng: Generator) -> None:
        self.values = shape[0]
        self.mixing = rng.normal(size=(self.values, self.values)) / np.sqrt(self.values) + np.eye(self.values)
        self.dead = rng.random(self.values) < (rng.uniform(0.05, 0.3) if rng.random() < 0.4 else 0.0)
        self.teacher = self._teacher(classes, rng)

    def _teacher(self, classes: int, rng: Generator) -> list[NDArray[np.float64]]:
        inner = 24
        return [rng.normal(size=(self.values, inner)) / np.sqrt(self.values), rng.normal(size=(inner, classes))]

    def task(self, classes: int, examples: int, rng: Generator) -> Examples:
        x = rng.normal(size=(examples, self.values)) @ self.mixing
        x[:, self.dead] = 0.0
        own, share = self._teacher(self.teacher[1].shape[1], rng), float(rng.choice([0.0, 0.5, 1.0]))
        first, second = (share * a + (1.0 - share) * b for a, b in zip(own, self.teacher, strict=True))
        scores = (np.tanh(2.0 * x @ first) @ second)[:, :classes]
        return x.astype(np.float32), np.argmax(scores - scores.mean(0), axis=1).astype(np.int64)


class _Textures:
    """A smooth pattern for each class, shifted, at some strength, in noise."""

    def __init__(self, shape: Sequence[int], classes: int, rng: Generator) -> None:
        self.shape, self.noise = tuple(shape), float(rng.uniform(0.3, 1.2))

    def task(self, classes: int, examples: int, rng: Generator) -> Examples:
        y = rng.integers(classes, size=examples)
        spectra = np.fft.rfftn(rng.normal(size=(classes, *self.shape)), axes=(-2, -1))
        height, width = spectra.shape[-2:]
        low = np.hypot(np.minimum(np.arange(height), height - np.arange(height))[:, None], np.arange(width)[None])
        smooth = np.fft.irfftn(spectra / (1.0 + low**2), s=self.shape[-2:], axes=(-2, -1))
        patterns = smooth / smooth.std(axis=(1, 2, 3), keepdims=True)
        x = patterns[y] * rng.uniform(0.5, 1.5, (examples, 1, 1, 1))
        shifts = rng.integers(-1, 2, size=(examples, 2))
        for way in {(int(a), int(b)) for a, b in shifts}:
            these = (shifts == way).all(axis=1)
            x[these] = np.roll(x[these], way, axis=(2, 3))
        x += self.noise * rng.normal(size=x.shape)
        return x.reshape(examples, -1).astype(np.float32), y


class _Signals:
    """Sums of two sinusoids a channel, whose frequencies are the class, at any phase, in noise."""

    def __init__(self, shape: Sequence[int], classes: int, rng: Generator) -> None:
        self.channels, self.length = shape
        self.noise = float(rng.uniform(0.2, 0.8))

    def task(self, classes: int, examples: int, rng: Generator) -> Examples:
        y = rng.integers(classes, size=examples)
        frequency = rng.uniform(0.3, self.length / 3.0, (classes, self.channels, 2, 1))
        strength = rng.uniform(0.3, 1.0, (classes, self.channels, 2, 1))
        phase = rng.uniform(0.0, 2.0 * np.pi, (examples, 1, 1, 1)) * rng.uniform(0.1, 1.0)
        time = np.arange(self.length) / self.length
        x = (strength[y] * np.sin(2.0 * np.pi * frequency[y] * time + phase)).sum(axis=2)
        x += self.noise * rng.normal(size=x.shape)
        return x.reshape(examples, -1).astype(np.float32), y


class _Tokens:
    """A Markov chain for each class; each task uses a part of the table of tokens."""

    def __init__(self, shape: Sequence[int], classes: int, rng: Generator) -> None:
        self.rows, self.places = shape
        self.used = float(rng.uniform(0.3, 0.95))

    def task(self, classes: int, examples: int, rng: Generator) -> Examples:
        number = max(6, int(self.used * self.rows * rng.uniform(0.6, 1.0)))
        alphabet = rng.permutation(self.rows)[: min(number, self.rows)]
        y = rng.integers(classes, size=examples)
        logits = rng.normal(size=(len(alphabet),)) + 3.0 * rng.normal(size=(classes, len(alphabet), len(alphabet)))
        chains = np.exp(logits)
        chains = np.cumsum(chains / chains.sum(axis=2, keepdims=True), axis=2)
        x = np.empty((examples, self.places), dtype=np.int64)
        x[:, 0] = rng.integers(len(alphabet), size=examples)
        for place in range(1, self.places):
            chances = chains[y, x[:, place - 1]]
            x[:, place] = np.minimum((chances < rng.random((examples, 1))).sum(axis=1), len(alphabet) - 1)
        return alphabet[x].astype(np.float32), y


MAKERS: dict[str, type[World]] = {"vectors": _Vectors, "textures": _Textures, "signals": _Signals, "tokens": _Tokens}
"""Of each kind of inputs but pictures, what tasks of one batch have in common."""
