"""Examples to train on: features and truth of groups, from batches of families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.features import pair_features
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.triples import everyone, triple_features
from neural_phylogeny.lab.families.batches import KnownFamily, batch_number, read_batch

HALF = 65000.0
"""What half precision can hold."""

MOST_SHOWN = 32
"""Models of a group in training: of a larger one so many are drawn, for what a network does grows with n^3."""


@dataclass(frozen=True)
class Example:
    """A group of n models.

    Attributes
    ----------
    features : (n, n, n_features) float16
    triples : (n, n, n, n_triples) float16
    parents : (n,)
        -1 for none here.
    missing : (n,)
        Whether the parent is missing while another child of it is here.
    about : dict
        How the family was made.
    """

    features: NDArray[np.float16]
    triples: NDArray[np.float16]
    parents: NDArray[np.int64]
    missing: NDArray[np.bool_]
    about: Mapping[str, Any]

    @property
    def inputs(self) -> Inputs:
        """What a network reads of it."""
        return Inputs(self.features.astype(np.float32), self.triples, everyone(len(self.parents)))


@dataclass(frozen=True)
class Losses:
    """How groups are shown in training beside what they are.

    Attributes
    ----------
    mixed : float
        Share of groups that keep their strangers; the others are cut into related ones, as the existence test does.
    again : float
        Share of groups shown a second time, with losses.
    pair : float
        Of those, two or three members stay, a parent and a child among them as a rule.
    root : float
        Of the others, a root with at least two children goes; else each member with a chance drawn up to 0.4.
    matrices : float
        Of those, only some of the matrices stay.
    vectors : float
        Share of all groups, as they are or with losses, of which the matrices alone are shown: many networks have no
        biases, adapters have none at all.
    """

    mixed: float = 0.15
    again: float = 0.6
    pair: float = 0.2
    root: float = 0.35
    matrices: float = 0.3
    vectors: float = 0.3


def read_examples(paths: Sequence[Path], losses: Losses | None, seed: int = 0) -> list[Example]:
    """Examples of batches, cut into related groups; with ``losses``, some with strangers, some again incomplete.

    Five milliseconds each.

    Raises
    ------
    SavedFileError
        When a batch cannot be read.
    """
    examples = []
    for path in paths:
        rng = np.random.default_rng([seed, batch_number(path)])
        for known in read_batch(path):
            mixed = losses is not None and rng.random() < losses.mixed
            for group in [known] if mixed else list(known.related()):
                group = group if losses is None else drawn_from(group, rng)
                shown = [group]
                if losses is not None and rng.random() < losses.again:
                    smaller = with_losses(group, losses, rng)
                    shown += [] if smaller is None else [smaller]
                for each in shown:
                    bare = losses is not None and rng.random() < losses.vectors
                    examples.append(example_of(each.without_vectors() if bare else each))
    return examples


def drawn_from(known: KnownFamily, rng: np.random.Generator) -> KnownFamily:
    """``MOST_SHOWN`` members of a larger group, nine times in ten with the one that has most children; or the group."""
    n = len(known)
    if n <= MOST_SHOWN:
        return known
    keep = np.zeros(n, dtype=bool)
    keep[rng.permutation(n)[:MOST_SHOWN]] = True
    most = int(np.argmax(np.bincount(known.parents[known.parents >= 0], minlength=n)))
    keep[most] = rng.random() < 0.9
    return known.kept(keep)


def with_losses(known: KnownFamily, losses: Losses, rng: np.random.Generator) -> KnownFamily | None:
    """The group with members, and perhaps matrices, missing; None when less than two are left."""
    n = len(known)
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
    m = known.n_matrices
    matrices = None
    if m > 1 and rng.random() < losses.matrices:
        matrices = np.sort(rng.choice(m, size=int(rng.integers(1, m)), replace=False)).tolist()
    return known.kept(keep, matrices)


def example_of(known: KnownFamily) -> Example:
    """What the network reads of a group, and what it should say."""
    features = np.clip(pair_features(known.measured), -HALF, HALF).astype(np.float16)
    triples = triple_features(known.measured, everyone(len(known)))
    return Example(features, triples, known.parents, known.missing, known.about)
