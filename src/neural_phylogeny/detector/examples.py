"""Examples to train on: features and truth of groups, from the measurements of waves of families."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.families.truth import without
from neural_phylogeny.detector.features import pair_features
from neural_phylogeny.detector.measurements import Measurements

HALF = 65000.0
"""What half precision can hold."""


@dataclass(frozen=True)
class Example:
    """A group of n models.

    Attributes
    ----------
    features : (n, n, n_features) float16
    parents : (n,)
        -1 for none here.
    hidden : (n,)
        Whether the parent is missing while another child of it is here.
    about : dict
        How the family was made.
    """

    features: NDArray[np.float16]
    parents: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Losses:
    """How often a group is also shown with something missing."""

    again: float = 0.6
    """Share of groups shown a second time with losses; without, nothing is lost."""
    pair: float = 0.25
    """Of those, two or three members stay, a parent and a child among them as a rule."""
    root: float = 0.4
    """Of the others, a root with at least two children goes; else each member with a chance drawn up to 0.4."""
    matrices: float = 0.3
    """Of those, only some of the matrices stay."""


def measured_families(
    path: Path,
) -> Iterator[tuple[Measurements, NDArray[np.int64], NDArray[np.bool_], dict[str, Any]]]:
    """Measurements, parents, hidden and what is known of each family of a wave."""
    with np.load(path, allow_pickle=False) as data:
        arrays: dict[int, dict[str, NDArray[Any]]] = {}
        for key in data.files:
            number, _, name = key.partition("/")
            if name:
                arrays.setdefault(int(number), {})[name] = data[key]
        for k, about in enumerate(json.loads(str(data["about"]))):
            found = arrays[k]
            yield Measurements.from_arrays(found), found["parents"], found["hidden"], about


def read_examples(paths: Sequence[Path], losses: Losses | None, seed: int = 0) -> list[Example]:
    """Examples of waves; with ``losses``, some a second time with members or matrices missing. Five ms each."""
    examples = []
    for path in paths:
        rng = np.random.default_rng([seed, int(path.stem.rpartition("-")[2])])
        for measured, parents, hidden, about in measured_families(path):
            examples.append(_example(measured, parents, hidden, about))
            if losses is not None and rng.random() < losses.again:
                smaller = _with_losses(measured, parents, hidden, losses, rng)
                if smaller is not None:
                    examples.append(_example(*smaller, about))
    return examples


def _with_losses(
    measured: Measurements,
    parents: NDArray[np.int64],
    hidden: NDArray[np.bool_],
    losses: Losses,
    rng: np.random.Generator,
) -> tuple[Measurements, NDArray[np.int64], NDArray[np.bool_]] | None:
    keep = np.ones(len(parents), dtype=bool)
    children = np.bincount(parents[parents >= 0], minlength=len(parents))
    roots = np.flatnonzero((parents < 0) & (children >= 2))
    if rng.random() < losses.pair:
        keep[:] = False
        child = int(rng.integers(len(parents)))
        keep[[child, parents[child] if parents[child] >= 0 else child]] = True
        keep[rng.choice(len(parents), size=1 + int(rng.integers(2)))] = True
        if keep.sum() > 2 and rng.random() < 0.6:
            keep[:] = False
            keep[[child, parents[child]]] = True
    elif len(roots) and rng.random() < losses.root:
        keep[rng.choice(roots)] = False
    else:
        keep = rng.random(len(parents)) > rng.uniform(0.0, 0.4)
    if keep.sum() < 2:
        return None
    left, missed = without(parents.tolist(), keep)
    m = len(measured.sizes)
    matrices = None
    if m > 1 and rng.random() < losses.matrices:
        matrices = np.sort(rng.choice(m, size=int(rng.integers(1, m)), replace=False)).tolist()
    # Who lost a parent before, keeps that mark: his siblings may be gone by now, but rarely are.
    return measured.subset(np.flatnonzero(keep).tolist(), matrices), left, missed | (hidden[keep] & (left < 0))


def _example(
    measured: Measurements, parents: NDArray[np.int64], hidden: NDArray[np.bool_], about: Mapping[str, Any]
) -> Example:
    features = np.clip(pair_features(measured), -HALF, HALF).astype(np.float16)
    return Example(features, parents, hidden, about)
