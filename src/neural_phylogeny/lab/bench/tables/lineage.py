"""Neural lineage: which candidate is most like the child, in weights or in features of probe data, or by a learner?

After Yu and Wang, *Neural Lineage* (CVPR 2024), where the candidates for parents are given: its approximation compares
the child with each candidate, moved to the first order by the difference of their weights; its learned form learns
what to look at. Networks are run here from their tensors, which is done for dense and convolutional ones alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.evaluation.truth import parse_truth
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.lab.bench.cached import TRUTH, find_collections
from neural_phylogeny.lab.bench.probes import (
    PROBES,
    Array,
    Probes,
    Weights,
    answers,
    centred_kernel_alignment,
    first_order,
    over_layers,
    probes_of,
)
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.trees.baselines.directed import nearest_older


@dataclass(frozen=True)
class Model:
    """The tensors of a network but for its head; what it is shown and what its hidden layers answer, if it is run."""

    weights: Weights
    probes: Probes | None
    features: Sequence[Array] | None


def _common(a: Model, b: Model) -> Iterator[tuple[Array, Array]]:
    for name, values in a.weights.items():
        other = b.weights.get(name)
        if other is not None and other.shape == values.shape:
            yield values, other


def _gap(a: Model, b: Model) -> Array:
    return np.concatenate([(x - y).ravel() for x, y in _common(a, b)])


def _cosine(a: Model, b: Model) -> float:
    x, y = (np.concatenate([pair[k].ravel() for pair in _common(a, b)]) for k in (0, 1))
    return float(1.0 - x @ y / np.sqrt((x @ x) * (y @ y)))


def _weights_alignment(a: Model, b: Model) -> float:
    """Units are the examples, their incoming weights the features."""
    pairs = [(x.reshape(len(x), -1), y.reshape(len(y), -1)) for x, y in _common(a, b) if x.ndim > 1]
    return 1.0 - float(np.mean([centred_kernel_alignment(x, y) for x, y in pairs])) if pairs else float("nan")


def _features(measure: Callable[[Array, Array], float]) -> Callable[[Model, Model], float]:
    def distance(a: Model, b: Model) -> float:
        if a.features is None or b.features is None:
            return float("nan")
        return over_layers(measure, a.features, b.features)

    return distance


def _expanded(measure: Callable[[Array, Array], float]) -> Callable[[Model, Model], float]:
    """Of the child b and the candidate a, moved to the first order to the weights of the child."""

    def distance(a: Model, b: Model) -> float:
        if a.features is None or b.features is None or a.probes is None:
            return float("nan")
        change = {name: b.weights[name] - values for name, values in a.weights.items()}
        return over_layers(measure, first_order(a.weights, change, a.probes), b.features)

    return distance


def _length(order: float) -> Callable[[Array], float]:
    return lambda gap: float((np.abs(gap) ** order).sum() ** (1.0 / order))


def _log_sum_exp(gap: Array) -> float:
    return float(np.log(np.exp(np.abs(gap)).sum()))


LENGTHS: dict[str, Callable[[Array], float]] = {
    "L1": _length(1.0),
    "L2": _length(2.0),
    "L4": _length(4.0),
    "log-sum-exp": _log_sum_exp,
}

MEASURES: dict[str, Callable[[Model, Model], float]] = {
    **{f"weights, {name}": lambda a, b, size=size: size(_gap(a, b)) for name, size in LENGTHS.items()},  # type: ignore[misc]
    "weights, cosine": _cosine,
    "weights, CKA": _weights_alignment,
    **{f"features, {name}": _features(lambda x, y, size=size: size(x - y)) for name, size in LENGTHS.items()},  # type: ignore[misc]
    "features, CKA": _features(lambda x, y: 1.0 - centred_kernel_alignment(x, y)),
    "features to the first order, L2": _expanded(lambda x, y: float(np.linalg.norm(x - y))),
    "features to the first order, CKA": _expanded(lambda x, y: 1.0 - centred_kernel_alignment(x, y)),
}
"""Dissimilarities of a candidate and a child; NaN where one cannot be run."""

LEARNT = "learnt from the other collections"

RIDGE = 1e-2


@dataclass(frozen=True)
class Measured:
    """The models of a collection.

    Attributes
    ----------
    distances : dict of (n, n)
        ``[i, j]`` by each of ``MEASURES``: of the candidate i and the child j.
    parents : (n,)
        -1 for none.
    norms : (n,)
        Squared.
    """

    distances: Mapping[str, Array]
    parents: NDArray[np.int64]
    norms: Array

    @classmethod
    def of(cls, models: Sequence[Model], parents: Sequence[int]) -> Measured:
        """By every measure."""
        distances = {
            name: np.array([[0.0 if a is b else measure(a, b) for b in models] for a in models])
            for name, measure in MEASURES.items()
        }
        norms = np.array([sum(float((w**2).sum()) for w in model.weights.values()) for model in models])
        return cls(distances, np.array(parents), norms)

    @property
    def children(self) -> NDArray[np.int64]:
        """Models that have a parent."""
        return np.flatnonzero(self.parents >= 0)

    def given(self, distance: Array) -> Array:
        """Distances with infinity where a model is no true parent of anybody, or the child itself."""
        candidates = np.zeros(len(self.parents), dtype=bool)
        candidates[self.parents[self.children]] = True
        return np.where(candidates[:, None] & ~np.eye(len(candidates), dtype=bool), distance, np.inf)

    def found(self, distance: Array) -> tuple[int, int] | None:
        """How many children have their parent found: among the true parents, and among all that are shorter."""
        if not np.isfinite(distance).all():
            return None
        truth = self.parents[self.children]
        given = np.argmin(self.given(distance)[:, self.children], axis=0)
        alone = nearest_older(distance, self.norms[None, :] - self.norms[:, None])[self.children]
        return int((given == truth).sum()), int((alone == truth).sum())

    def inputs(self) -> Array:
        """What a learner reads of each candidate and child: every measure, ranked among the child's candidates.

        ``(n, n, len(MEASURES))``, from 0 for the nearest to 1; a half where it was not measured.
        """
        n = len(self.parents)
        found = np.full((n, n, len(MEASURES)), 0.5)
        for k, distance in enumerate(self.distances.values()):
            if np.isfinite(distance).all():
                own = distance + np.where(np.eye(n, dtype=bool), np.inf, 0.0)
                found[:, :, k] = np.argsort(np.argsort(own, axis=0), axis=0) / max(n - 1, 1)
        shorter = np.argsort(np.argsort(self.norms)) / max(n - 1, 1)
        return np.concatenate([found, np.broadcast_to(shorter[:, None, None], (n, n, 1))], axis=2)


def learnt(collections: Sequence[Measured]) -> Array:
    """Weights of measures by conditional logistic regression: the true parent against all other models.

    ``(len(MEASURES) + 1,)``, the last of which model is shorter. A small ridge; a second.
    """
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    examples = []
    for known in collections:
        inputs = known.inputs()
        for child in known.children:
            others = np.arange(len(known.parents)) != child
            examples.append((inputs[others, child], inputs[known.parents[child], child]))

    def loss(weights: Array) -> float:
        likely = sum(float(right @ weights - logsumexp(rows @ weights)) for rows, right in examples)
        return RIDGE * float(weights @ weights) - likely / max(len(examples), 1)

    found: Array = minimize(loss, np.zeros(len(MEASURES) + 1), method="L-BFGS-B").x
    return found


def read_model(path: Path, digits: Array) -> Model:
    """A checkpoint, or the first file of weights in a folder, with its answers to digits ``(n, 8, 8)``."""
    path = min(path.glob("*.safetensors"), default=path) if path.is_dir() else path
    with open_checkpoint(path) as checkpoint:
        tensors = {
            name: np.asarray(checkpoint.read(name), dtype=np.float64).reshape(info.shape)
            for name, info in checkpoint.tensors.items()
            if not name.startswith("head.")
        }
    probes = probes_of(tensors, digits)
    return Model(tensors, probes, None if probes is None else answers(tensors, probes))


def page(sources: Sources) -> Page:
    """A row a measure, and one for what is learnt from the other collections; a column a collection."""
    from neural_phylogeny.lab.zoo.tasks import load_task

    digits = load_task("digits", None).x_test[:PROBES, :, :, 0].astype(np.float64)
    known: dict[str, Measured] = {}
    for cell, seed, folder in find_collections(sources.needed("checkpoints")):
        truth = parse_truth((folder / TRUTH).read_text(encoding="utf-8"), default_group=cell)
        names = sorted(path.name for path in folder.iterdir() if path.name != TRUTH)
        parent_of = {edge.child: names.index(edge.parent) for edge in truth.edges}
        models = [read_model(folder / name, digits) for name in names]
        known[f"{cell}/{seed}"] = Measured.of(models, [parent_of.get(name, -1) for name in names])
        sources.progress(cell)
    rows = [[name, *(_field(one, one.distances[name]) for one in known.values())] for name in MEASURES]
    if len(known) > 1:
        weights = {name: learnt([other for key, other in known.items() if key != name]) for name in known}
        rows.append([LEARNT, *(_field(one, -one.inputs() @ weights[name]) for name, one in known.items())])
    intro = (
        "Which model is most like the child? Weights are all tensors but heads; features the hidden layers' answers to "
        f"{PROBES} digits, which no network was trained on; *to the first order*: each candidate's features, moved by "
        "the gradient times the difference of its weights to the child's. First number: the true parents are given as "
        "candidates, as in Neural Lineage; second: every model of smaller norm is a candidate. *Learnt*: a logistic "
        "regression on the ranks of all measures, from the collections of the other columns. A network that cannot be "
        "run here has no features."
    )
    command = "`nphylo lab table lineage --checkpoints families/`."
    header = ["parents found: among those given, among all shorter models", *known]
    return Page("\n\n".join(["### Neural lineage", command, intro, table(header, rows)]))


def _field(known: Measured, distance: Array) -> str:
    found, children = known.found(distance), len(known.children)
    return "cannot be run" if found is None else f"{found[0] / children:.2f} / {found[1] / children:.2f}"
