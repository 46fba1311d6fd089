"""How right a detector is on groups with known truth: forests, directions, missing parents, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.network import Probabilities, TrainedDetector
from neural_phylogeny.lab.training.examples import Example
from neural_phylogeny.trees.likeliest import likeliest_forest

BINS = 10


@dataclass
class Assessment:
    """Counts over groups; rates are properties, NaN where there was nothing to count.

    Attributes
    ----------
    groups, models, right : int
        Groups, their models, and models whose parent, or lack of one, is right in the likeliest forest.
    edges, directed : float
        True edges, and those whose parent is an ancestor of the child in the forest.
    exact : int
        Forests without a mistake.
    orphans, found, alarms, complete : int
        Groups with siblings whose parent is missing, those found; groups without such siblings, those found all the
        same.
    predicted, correct : lists
        For each model the probability of its parent in the forest, and whether that parent is right.
    """

    groups: int = 0
    models: int = 0
    right: int = 0
    edges: int = 0
    directed: int = 0
    exact: int = 0
    orphans: int = 0
    found: int = 0
    complete: int = 0
    alarms: int = 0
    predicted: list[float] = field(default_factory=list)
    correct: list[bool] = field(default_factory=list)

    @property
    def overall(self) -> float:
        """Share of models whose parent, or lack of one, is right."""
        return self.right / self.models if self.models else float("nan")

    @property
    def direction(self) -> float:
        """Share of true edges whose parent is an ancestor of the child in the forest."""
        return self.directed / self.edges if self.edges else float("nan")

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of the probabilities of parents, ten bins of equal width."""
        return expected_calibration_error(np.array(self.predicted), np.array(self.correct))

    def add(self, example: Example, predicted: Probabilities) -> None:
        """Count one group."""
        forest = likeliest_forest(predicted.parent)
        n = len(forest)
        right = forest == example.parents
        above = ancestors(forest)
        children = np.flatnonzero(example.parents >= 0)
        self.groups, self.models = self.groups + 1, self.models + n
        self.right, self.exact = self.right + int(right.sum()), self.exact + int(right.all())
        self.edges += len(children)
        self.directed += int(above[example.parents[children], children].sum())
        claimed = int(((forest < 0) & (predicted.missing > 0.5)).sum()) > 1
        if example.missing.sum() > 1:
            self.orphans, self.found = self.orphans + 1, self.found + claimed
        elif not example.missing.any():
            self.complete, self.alarms = self.complete + 1, self.alarms + claimed
        self.predicted += predicted.parent[np.where(forest < 0, np.arange(n), forest), np.arange(n)].tolist()
        self.correct += right.tolist()


def assess(detector: TrainedDetector, examples: Sequence[Example], by: str | None = None) -> Mapping[str, Assessment]:
    """Assessments of all examples, under ``all``, and of each value of one thing that is known of them."""
    found: dict[str, Assessment] = {"all": Assessment()}
    for example in examples:
        predicted = detector.probabilities(example.inputs)
        found["all"].add(example, predicted)
        if by is not None:
            found.setdefault(str(example.about[by]), Assessment()).add(example, predicted)
    return found


def ancestors(parents: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``[i, j]``: i is above j in the forest; ``(n,) -> (n, n)``."""
    n = len(parents)
    above = np.zeros((n, n), dtype=bool)
    for k in range(n):
        parent = parents[k]
        while parent >= 0:
            above[parent, k] = True
            parent = parents[parent]
    return above


def expected_calibration_error(predicted: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Mean over ten bins of equal width of |mean probability - share that correct|, weighted by how many they hold.

    Examples
    --------
    >>> round(expected_calibration_error(np.array([0.95, 0.95, 0.15]), np.array([True, False, False])), 3)
    0.35
    """
    if not len(predicted):
        return float("nan")
    bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
    error = 0.0
    for number in np.unique(bins):
        chosen = bins == number
        error += float(chosen.mean()) * abs(float(predicted[chosen].mean()) - float(correct[chosen].mean()))
    return error
