r"""How libraries derive the key of a tensor from a seed, and what they draw under it.

A tensor that has a key of its own lies at no place of a stream. Its ``place`` is the number of the derivation: which
key of those that a script may have split off, or which call of a generator.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.generators import box_muller, normal_quantile
from neural_phylogeny.relations.initialisations.keyed import (
    Keys,
    cuda_words,
    flax_keys,
    flax_keys_before,
    jax_fold_in,
    jax_key,
    jax_split_before,
    jax_words,
    keras_seeds,
    tensorflow_words,
)

Values = NDArray[np.float64]
Places = NDArray[np.int64]
Uniform = Callable[[int, str, Places, int, int], Values]

TRUNCATED = 0.87962566103423978
"""Standard deviation of a normal distribution between -2 and 2."""

LEAST_UNIFORM = 1e-7
"""TensorFlow's normal numbers take uniform ones from this on."""

COLLECTIONS = ("params", "variables", "model", "target")
"""First parts of names that are no part of a module's path in Flax."""


@dataclass(frozen=True)
class Derivation:
    """One way from a seed to the values of a tensor.

    Attributes
    ----------
    library : str
        Whose it is, in words.
    where : str
        What its places are, with ``{}`` for the number.
    places : int
        How many are tried.
    is_common : bool
        Whether all tensors of a model have the same place, since names distinguish them.
    is_anonymous : bool
        Whether neither the name nor the size of a tensor has a bearing on its first values.
    uniform : callable
        ``(seed, name, places, size, first)`` to the first uniform numbers in (0, 1) of a tensor of ``size`` values:
        ``(parts, places, first)``.
    distributions : dict
        From those to values of mean 0 and variance 1, by name.
    searched : collection of str
        The distributions that a tensor is looked for in; one that is monotone stands for all of its uniform numbers.
    """

    name: str
    library: str
    where: str
    places: int
    is_common: bool
    is_anonymous: bool
    uniform: Uniform
    distributions: Mapping[str, Callable[[Values], Values]]
    searched: Collection[str]

    def draws(
        self, seed: int, name: str, places: Places, size: int, first: int, distributions: Collection[str]
    ) -> dict[str, Values]:
        """What is drawn for a tensor in some distributions, from the same uniform numbers: ``(places, first)`` each."""
        uniform = self.uniform(seed, name, places, size, first)
        return {distribution: self.distributions[distribution](uniform) for distribution in distributions}

    def values(self, seed: int, name: str, places: Places, size: int, first: int, distribution: str) -> Values:
        """The same in one distribution."""
        return self.draws(seed, name, places, size, first, (distribution,))[distribution]


def flax_path(name: str) -> list[str]:
    """The path of a module from the name of its parameter.

    Examples
    --------
    >>> flax_path("params.block.Dense_0.kernel"), flax_path("Dense_0/kernel")
    (['block', 'Dense_0'], ['Dense_0'])
    """
    parts = re.split(r"[./]", name)[:-1]
    while parts and parts[0] in COLLECTIONS:
        parts = parts[1:]
    return parts


def _roots(seed: int) -> Keys:
    """The keys that ``init`` may be given: the seed's own, and those of its first splits."""
    key = jax_key(seed)
    return np.concatenate([key, jax_fold_in(key, range(3))])


def _roots_before(seed: int) -> Keys:
    key = jax_key(seed)
    return np.concatenate([key, jax_split_before(key), jax_split_before(key, 3)])


def _flax(seed: int, name: str, places: Places) -> Keys:
    return flax_keys(_roots(seed)[places], flax_path(name))


def _flax_old(seed: int, name: str, places: Places) -> Keys:
    return flax_keys(_roots_before(seed)[places], flax_path(name))


def _flax_oldest(seed: int, name: str, places: Places) -> Keys:
    return flax_keys_before(_roots_before(seed)[places], flax_path(name))


def _folded(seed: int, name: str, places: Places) -> Keys:
    return jax_fold_in(jax_key(seed), places)


def _keras(seed: int, name: str, places: Places) -> Keys:
    seeds = np.array(keras_seeds(seed, int(places.max()) + 1), dtype=np.uint32)[places]
    return np.stack([seeds, np.zeros_like(seeds)], axis=1)


def _on_jax(keys_of: Callable[[int, str, Places], Keys], *, partitionable: bool = True) -> Uniform:
    """Uniform numbers in single precision, the upper 23 bits of the words that JAX draws under keys: ``(1, p, n)``."""

    def uniform(seed: int, name: str, places: Places, size: int, first: int) -> Values:
        words = jax_words(keys_of(seed, name, places), size, first, partitionable=partitionable)
        return ((words >> np.uint32(9)).astype(np.float64) * 2.0**-23)[None]

    return uniform


def _on_older_jax(keys_of: Callable[[int, str, Places], Keys]) -> Uniform:
    """The same of JAX before 0.5, whose draws were not *partitionable*."""
    return _on_jax(keys_of, partitionable=False)


def _keras_on_tensorflow(seed: int, name: str, places: Places, size: int, first: int) -> Values:
    seeds = np.array(keras_seeds(seed, int(places.max()) + 1), dtype=np.int64)[places]
    even = first + first % 2
    words = tensorflow_words(seeds, even) & np.uint32((1 << 23) - 1)
    uniform = words.astype(np.float64) * 2.0**-23
    pairs = uniform.reshape(len(seeds), -1, 2)
    return np.stack([uniform, pairs[:, :, :1].repeat(2, 2).reshape(uniform.shape), _turned(pairs)])[:, :, :first]


def _turned(pairs: Values) -> Values:
    """The angles of both numbers of a pair, the first a quarter behind: Box and Muller's sine comes first."""
    angles = np.stack([pairs[:, :, 1] - 0.25, pairs[:, :, 1]], axis=2)
    return angles.reshape(len(pairs), -1)


def _cuda(seed: int, name: str, places: Places, size: int, first: int) -> Values:
    lengths, angles = (words * 2.0**-32 + 2.0**-33 for words in cuda_words(seed, places, first))
    return np.stack([lengths, lengths, angles - 0.25])


def _uniform(parts: Values) -> Values:
    found: Values = (parts[0] - 0.5) * math.sqrt(12.0)
    return found


def _normal(parts: Values) -> Values:
    return normal_quantile(parts[0])


def _truncated(parts: Values) -> Values:
    low = 0.5 * math.erfc(math.sqrt(2.0))
    return normal_quantile(low + (1.0 - 2.0 * low) * parts[0]) / TRUNCATED


def _box_muller(parts: Values) -> Values:
    return box_muller(1.0 - np.maximum(parts[1], LEAST_UNIFORM), parts[2])[0]


JAX = {"uniform": _uniform, "normal": _normal, "truncated normal": _truncated}
PAIRS = {"uniform": _uniform, "normal": _box_muller}

PATH, KEY, INITIALISER, CALL = (
    "with the key of its path",
    "with key {} of the seed",
    "with initialiser {} of the seed",
    "in call {} of its generator",
)

DERIVATIONS = {
    one.name: one
    for one in (
        Derivation("flax", "Flax", PATH, 4, True, False, _on_jax(_flax), JAX, ("uniform",)),
        Derivation("flax-old", "Flax", PATH, 6, True, False, _on_older_jax(_flax_old), JAX, ("uniform",)),
        Derivation("flax-oldest", "Flax", PATH, 6, True, False, _on_older_jax(_flax_oldest), JAX, ("uniform",)),
        Derivation("jax", "JAX", KEY, 48, False, True, _on_jax(_folded), JAX, ("uniform",)),
        Derivation("jax-old", "JAX", KEY, 48, False, False, _on_older_jax(_folded), JAX, ("uniform",)),
        Derivation(
            "keras-tensorflow", "Keras on TensorFlow", INITIALISER, 48, False, True, _keras_on_tensorflow, PAIRS, PAIRS
        ),
        Derivation("keras-jax", "Keras on JAX", INITIALISER, 48, False, True, _on_jax(_keras), JAX, ("uniform",)),
        Derivation("cuda", "PyTorch on a GPU", CALL, 32, False, True, _cuda, PAIRS, PAIRS),
    )
}
"""By name; the order is that of the search."""


def derivations_of(names: list[str]) -> tuple[str, ...]:
    """Those that the names of a model's matrices leave possible: PyTorch ends them with ``weight``.

    Examples
    --------
    >>> derivations_of(["fc.weight"]), derivations_of(["params.Dense_0.kernel"])[:3]
    (('cuda',), ('flax', 'flax-old', 'flax-oldest'))
    """
    is_torch = any(name.endswith(("weight", "weight_ih_l0")) for name in names)
    return tuple(name for name in DERIVATIONS if (name == "cuda") == is_torch)
