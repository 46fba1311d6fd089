"""Examples to train on: features and truth of groups, from the measurements of waves of families."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.features import pair_features
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.triples import everyone, triple_features
from neural_phylogeny.lab.families.truth import without

HALF = 65000.0
"""What half precision can hold."""


@dataclass(frozen=True)
class Example:
    """A group of n models.

    Attributes
    ----------
    features : (n, n, n_features) float16
    triples : (n, n, n, n_triples) float16
    parents : (n,)
        -1 for none here.
    hidden : (n,)
        Whether the parent is missing while another child of it is here.
    about : dict
        How the family was made.
    """

    features: NDArray[np.float16]
    triples: NDArray[np.float16]
    parents: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    about: Mapping[str, Any]

    @property
    def inputs(self) -> Inputs:
        """What a network reads of it."""
        return Inputs(self.features.astype(np.float32), self.triples, everyone(len(self.parents)))


@dataclass(frozen=True)
class Known:
    """A measured group with its truth; ``trees`` labels its kin, trees of one initialisation alike."""

    measured: Measurements
    parents: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    trees: NDArray[np.int64]
    about: Mapping[str, Any]

    def kept(self, keep: NDArray[np.bool_], matrices: Sequence[int] | None = None) -> Known:
        """Some of the members: children hang below the nearest kept ancestor, siblings of a lost parent are marked.

        Who was marked before stays so: the siblings may be gone by now, but rarely are.
        """
        left, missed = without(self.parents.tolist(), keep)
        measured = self.measured.subset(np.flatnonzero(keep).tolist(), matrices)
        return Known(measured, left, missed | (self.hidden[keep] & (left < 0)), self.trees[keep], self.about)


@dataclass(frozen=True)
class Losses:
    """How groups are shown in training beside what they are.

    Attributes
    ----------
    mixed : float
        Share of groups that keep their strangers; the others are cut into kin, as the existence test would do.
    again : float
        Share of groups shown a second time, with losses.
    pair : float
        Of those, two or three members stay, a parent and a child among them as a rule.
    root : float
        Of the others, a root with at least two children goes; else each member with a chance drawn up to 0.4.
    matrices : float
        Of those, only some of the matrices stay.
    """

    mixed: float = 0.15
    again: float = 0.6
    pair: float = 0.2
    root: float = 0.35
    matrices: float = 0.3


def measured_families(path: Path) -> Iterator[Known]:
    """The groups of a wave."""
    with np.load(path, allow_pickle=False) as data:
        arrays: dict[int, dict[str, NDArray[Any]]] = {}
        for key in data.files:
            number, _, name = key.partition("/")
            if name:
                arrays.setdefault(int(number), {})[name] = data[key]
        for k, about in enumerate(json.loads(str(data["about"]))):
            found = arrays[k]
            yield Known(Measurements.from_arrays(found), found["parents"], found["hidden"], found["trees"], about)


def read_examples(paths: Sequence[Path], losses: Losses | None, seed: int = 0) -> list[Example]:
    """Examples of waves, cut into kin; with ``losses``, some with strangers, some again with something missing.

    Five milliseconds each.
    """
    examples = []
    for path in paths:
        rng = np.random.default_rng([seed, int(path.stem.rpartition("-")[2])])
        for known in measured_families(path):
            mixed = losses is not None and rng.random() < losses.mixed
            for group in [known] if mixed else kin(known):
                examples.append(_example(group))
                if losses is not None and rng.random() < losses.again:
                    smaller = with_losses(group, losses, rng)
                    examples += [] if smaller is None else [_example(smaller)]
    return examples


def kin(known: Known) -> list[Known]:
    """The groups of at least two that the existence test would keep together."""
    groups = (known.trees == label for label in np.unique(known.trees))
    return [known.kept(keep) for keep in groups if keep.sum() > 1]


def with_losses(known: Known, losses: Losses, rng: np.random.Generator) -> Known | None:
    """The group with members, and perhaps matrices, missing; None when less than two are left."""
    n = len(known.parents)
    keep = np.ones(n, dtype=bool)
    children = np.bincount(known.parents[known.parents >= 0], minlength=n)
    roots = np.flatnonzero((known.parents < 0) & (children >= 2))
    if rng.random() < losses.pair:
        child = int(rng.integers(n))
        keep[:] = False
        keep[[child, known.parents[child] if known.parents[child] >= 0 else int(rng.integers(n))]] = True
        if rng.random() < 0.3:
            keep[int(rng.integers(n))] = True
    elif len(roots) and rng.random() < losses.root:
        keep[rng.choice(roots)] = False
    else:
        keep = rng.random(n) > rng.uniform(0.0, 0.4)
    if keep.sum() < 2:
        return None
    m = len(known.measured.sizes)
    matrices = None
    if m > 1 and rng.random() < losses.matrices:
        matrices = np.sort(rng.choice(m, size=int(rng.integers(1, m)), replace=False)).tolist()
    return known.kept(keep, matrices)


def _example(known: Known) -> Example:
    features = np.clip(pair_features(known.measured), -HALF, HALF).astype(np.float16)
    triples = triple_features(known.measured, everyone(len(known.parents)))
    return Example(features, triples, known.parents, known.hidden, known.about)
