"""Learners that judge one pair at a time, in place of the detector: boosting, an MLP, an embedding of the graph.

Each learns from the examples that networks are trained on whether i is the parent of j, or, of a model's pair with
itself, whether it has none here; the odds of each model's possible parents then add up to one. Needs scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import names
from neural_phylogeny.detector.network import Inputs, Probabilities, TrainedDetector
from neural_phylogeny.lab.training.examples import Example

Rows = NDArray[np.float32]

DIMENSIONS = 3
"""Of the spectral embedding; families are small."""

SIMILARITY, LENGTHS = "pairs.cosine.by_size", ("norms.whole.length", "norms.whole.rank_of_i", "norms.whole.rank_of_j")
"""Features that the embedding is made from, and those that say which model is longer."""


@dataclass(frozen=True)
class Learner:
    """What is learnt, and from which numbers of the pairs of a group: ``(n, n, n_features) -> (n * n, k)``."""

    make: Callable[[], Any]
    rows: Callable[[NDArray[Any]], Rows]


@dataclass(frozen=True)
class PairDetector(TrainedDetector):
    """A learner that has learnt, for methods that ask a detector."""

    learner: Learner = field(kw_only=True)
    model: Any = field(kw_only=True)

    def probabilities(self, inputs: Inputs) -> Probabilities:
        """Of every possible parent: the odds of the pair, scaled to add up to one. Parents are never missing."""
        n = len(inputs.pairs)
        likely = self.model.predict_proba(self.learner.rows(inputs.pairs))[:, 1].reshape(n, n)
        odds = likely / np.maximum(1.0 - likely, 1e-6) + 1e-9
        return Probabilities(odds / odds.sum(axis=0), np.zeros(n))


def all_features(pairs: NDArray[Any]) -> Rows:
    """Every feature of every pair."""
    return np.ascontiguousarray(pairs.reshape(-1, pairs.shape[2])[:, : len(names())], dtype=np.float32)


def embedded(pairs: NDArray[Any]) -> Rows:
    """Spectral coordinates of the similarity graph as sizes of differences and products, the similarity, and lengths.

    The graph's weights are absolute cosines; coordinates are the eigenvectors of its normalised adjacency with the
    largest eigenvalues, scaled by these, which is what link prediction by spectral embedding uses.
    """
    column = {name: k for k, name in enumerate(names())}
    similar = pairs[:, :, column[SIMILARITY]].astype(np.float64)
    weights = np.abs(np.nan_to_num(0.5 * (similar + similar.T)))
    np.fill_diagonal(weights, 0.0)
    scale = 1.0 / np.sqrt(np.maximum(weights.sum(axis=1), 1e-9))
    values, vectors = np.linalg.eigh(scale[:, None] * weights * scale)
    kept = min(DIMENSIONS, len(weights))
    place = np.zeros((len(weights), DIMENSIONS))
    place[:, :kept] = (vectors * values)[:, ::-1][:, :kept]
    gaps, products = np.abs(place[:, None] - place), place[:, None] * place
    lengths = pairs[:, :, [column[name] for name in LENGTHS]]
    itself = np.eye(len(weights))[:, :, None]
    table = np.concatenate([gaps, products, similar[:, :, None], lengths, itself], axis=2)
    return table.reshape(-1, table.shape[2]).astype(np.float32)


def _boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=300, learning_rate=0.1, max_leaf_nodes=31, random_state=0)


def _mlp() -> Any:
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), MLPClassifier((64, 64), alpha=1e-3, max_iter=12, random_state=0))


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))


LEARNERS: Mapping[str, Learner] = {
    "gradient boosting of pairs": Learner(_boosting, all_features),
    "MLP on pairs": Learner(_mlp, all_features),
    "logistic regression on pairs": Learner(_logistic, all_features),
    "spectral embedding, logistic regression": Learner(_logistic, embedded),
}


def learnt(name: str, examples: Sequence[Example]) -> PairDetector:
    """A learner of ``LEARNERS``, trained on examples; a minute or two for 2,000 groups and all features.

    Examples
    --------
    >>> learnt("boosting", [])
    Traceback (most recent call last):
    KeyError: 'boosting'
    """
    learner = LEARNERS[name]
    rows = np.concatenate([learner.rows(example.features) for example in examples])
    model = learner.make()
    model.fit(rows, np.concatenate([_labels(example) for example in examples]))
    return PairDetector(DetectorConfig(n_features=len(names())), (), names(), {}, learner=learner, model=model)


def _labels(example: Example) -> NDArray[np.bool_]:
    """Which pairs are a parent and its child, on the diagonal which models have none here: ``(n * n,)``."""
    n = len(example.parents)
    truth = np.zeros((n, n), dtype=bool)
    truth[np.where(example.parents < 0, np.arange(n), example.parents), np.arange(n)] = True
    return truth.ravel()
