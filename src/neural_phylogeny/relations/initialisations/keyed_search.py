"""Under which seed and key a tensor was drawn, where libraries give every tensor a key of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.derivations import DERIVATIONS, Derivation
from neural_phylogeny.relations.initialisations.leading import Leading
from neural_phylogeny.relations.initialisations.search import standardised, threshold

Values = NDArray[np.float64]

FIRST = 512
"""Values of a tensor that a key is looked for with."""

TENSORS = 3
"""Matrices that are looked for together where one key gives those of all."""

FURTHER = 4
"""Under a seed that was found, the other tensors are looked for among so many times as many keys."""


@dataclass(frozen=True, order=True)
class KeyedHit:
    """A key under which tensors correlate with a draw: ``z`` standard deviations above chance."""

    z: float
    derivation: str
    seed: int
    place: int
    distribution: str


KEPT = 512
"""Draws of a seed that are kept from family to family where they depend on no name: 0.2 MB each."""


class KeyedSearch:
    """The largest matrices of a model, ready to be compared with what keys give.

    Parameters
    ----------
    matrices : sequence of Leading
        The largest first.
    names : sequence of str
        Of ``DERIVATIONS``.
    """

    def __init__(self, matrices: Sequence[Leading], names: Sequence[str]) -> None:
        self.matrices = matrices[:TENSORS]
        self.derivations = [DERIVATIONS[name] for name in names]
        self._templates = [standardised(matrix.mean()[:FIRST]) for matrix in self.matrices]

    def tried(self, n_seeds: int) -> int:
        """How many draws are compared under so many seeds."""
        return n_seeds * sum(one.places * len(one.searched) for one in self.derivations)

    def first(self, seeds: Sequence[int], more: int = 0) -> KeyedHit | None:
        """The first draw, by seeds in their order, that chance does not explain; ``more`` are compared elsewhere.

        About a millisecond a seed and derivation.
        """
        needed = threshold(self.tried(len(seeds)) + more)
        for seed in seeds:
            best = max((hit for one in self.derivations for hit in self._under(one, seed)), default=None)
            if best is not None and best.z >= needed:
                return best
        return None

    def _under(self, one: Derivation, seed: int) -> list[KeyedHit]:
        number = len(self.matrices) if one.is_common else 1
        z = {distribution: np.zeros(one.places) for distribution in one.searched}
        weights = [math.sqrt(len(template)) for template in self._templates[:number]]
        for matrix, template, weight in zip(self.matrices, self._templates, weights, strict=False):
            for distribution, drawn in _draws(one, seed, matrix, len(template)).items():
                z[distribution] += drawn @ template * weight
        scale = math.sqrt(sum(weight**2 for weight in weights))
        return [
            KeyedHit(float(found.max()) / scale, one.name, seed, int(found.argmax()), distribution)
            for distribution, found in z.items()
        ]


def _draws(one: Derivation, seed: int, matrix: Leading, first: int) -> dict[str, Values]:
    """The first values of a matrix by distribution, for every place: ``(places, first)`` each."""
    if one.is_anonymous:
        return {name: drawn[:, :first] for name, drawn in _kept_draws(one.name, seed).items()}
    return one.draws(seed, matrix.own_name, np.arange(one.places), matrix.size, first, one.searched)


@lru_cache(maxsize=KEPT)
def _kept_draws(derivation: str, seed: int) -> dict[str, Values]:
    one = DERIVATIONS[derivation]
    drawn = one.draws(seed, "", np.arange(one.places), FIRST, FIRST, one.searched)
    return {name: values.astype(np.float32) for name, values in drawn.items()}


def keyed_places(tensors: Sequence[Leading], hit: KeyedHit) -> list[tuple[Leading, KeyedHit, Values]]:
    """The tensors that were drawn under the seed of a hit, each with its key and its standardised draw."""
    one = DERIVATIONS[hit.derivation]
    places = np.array([hit.place]) if one.is_common else np.arange(one.places * FURTHER)
    needed = threshold(len(places) * len(one.distributions) * len(tensors))
    found = []
    for tensor in tensors:
        template = standardised(tensor.mean())
        own = hit.seed, tensor.own_name
        place = int(places[0])
        if not one.is_common:
            short = standardised(template[:FIRST])
            tried = one.draws(*own, places, tensor.size, len(short), one.searched)
            place = int(np.max([values @ short for values in tried.values()], axis=0).argmax())
        every = one.draws(*own, np.array([place]), tensor.size, len(template), one.distributions)
        drawn = {name: values[0] for name, values in every.items()}
        likeliest = max(drawn, key=lambda name: float(standardised(drawn[name]) @ template))
        z = float(drawn[likeliest] @ template)
        if z >= needed:
            found.append((tensor, KeyedHit(z, one.name, hit.seed, place, likeliest), drawn[likeliest]))
    return found
