"""Neural lineage by approximation: which candidate is most like the child, in weights or in features on probe data?

After Yu and Wang, *Neural Lineage* (CVPR 2024), where the candidates for parents are given; its first-order model of
fine-tuning is left out. Networks are run by what their layers say, which is done here for dense ones alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.evaluation.truth import parse_truth
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.lab.bench.cached import TRUTH, find_collections
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.trees.baselines.directed import nearest_older

Array = NDArray[np.float64]
Weights = Mapping[str, Array]

PROBES = 256
"""Images that networks are shown."""

LAYER = re.compile(r"layers\.\d+\.weight")


@dataclass(frozen=True)
class Model:
    """The tensors of a network but for its head, and what its hidden layers answer to the probes, if it can be run."""

    weights: Weights
    features: Sequence[Array] | None


def centred_kernel_alignment(a: Array, b: Array) -> float:
    """Linear CKA of two sets of features of the same n examples, ``(n, p)`` and ``(n, q)``, from 0 to 1.

    Source: Kornblith, Norouzi, Lee and Hinton, ICML 2019. O(n p q).

    Examples
    --------
    >>> a = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    >>> round(centred_kernel_alignment(a, -3.0 * a[:, ::-1] + 1.0), 9)
    1.0
    """
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    return float(np.linalg.norm(a.T @ b) ** 2 / scale) if scale > 0 else 0.0


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
        return float(np.mean([measure(x, y) for x, y in zip(a.features, b.features, strict=True)]))

    return distance


MEASURES: dict[str, Callable[[Model, Model], float]] = {
    "weights, L1": lambda a, b: float(np.abs(_gap(a, b)).sum()),
    "weights, L2": lambda a, b: float(np.linalg.norm(_gap(a, b))),
    "weights, L4": lambda a, b: float((_gap(a, b) ** 4).sum() ** 0.25),
    "weights, log-sum-exp": lambda a, b: float(np.log(np.exp(np.abs(_gap(a, b))).sum())),
    "weights, cosine": _cosine,
    "weights, CKA": _weights_alignment,
    "features, L2": _features(lambda x, y: float(np.linalg.norm(x - y))),
    "features, CKA": _features(lambda x, y: 1.0 - centred_kernel_alignment(x, y)),
}
"""Dissimilarities of two models; NaN where one cannot be run."""


def read_model(path: Path, probes: Array) -> Model:
    """A checkpoint with its answers to probes ``(n, pixels)``; no features unless it is dense, of as many pixels."""
    with open_checkpoint(path) as checkpoint:
        tensors = {
            name: np.asarray(checkpoint.read(name), dtype=np.float64).reshape(info.shape)
            for name, info in checkpoint.tensors.items()
            if not name.startswith("head.")
        }
    return Model(tensors, answers(tensors, probes))


def answers(tensors: Weights, x: Array) -> list[Array] | None:
    """The hidden layers of a dense network of the recipes, rectified; None where it is something else."""
    layers = sorted(name for name in tensors if LAYER.fullmatch(name))
    if not layers or tensors[layers[0]].ndim != 2 or tensors[layers[0]].shape[1] != x.shape[1]:
        return None
    found = []
    for name in layers:
        x = np.maximum(x @ tensors[name].T + tensors[name.replace("weight", "bias")], 0.0)
        found.append(x)
    return found


def probe_images(side: int) -> Array:
    """Digits, enlarged to this many pixels of a side, in [-1, 1]: ``(PROBES, side * side)``."""
    from neural_phylogeny.lab.zoo.tasks import load_task

    images = load_task("digits", None).x_test[:PROBES, :, :, 0].astype(np.float64)
    at = np.arange(side) * images.shape[1] // side
    found: Array = images[:, at][:, :, at].reshape(len(images), -1) / 127.5 - 1.0
    return found


def found_parents(models: Sequence[Model], parents: Sequence[int], measure: str) -> tuple[int, int]:
    """How many children have their parent found: among the true parents, and among all that are shorter."""
    distance = np.array([[0.0 if a is b else MEASURES[measure](a, b) for b in models] for a in models])
    truth = np.array(parents)
    children, candidates = np.flatnonzero(truth >= 0), np.unique(truth[truth >= 0])
    if not np.isfinite(distance).all():
        return -1, -1
    apart = distance + np.where(np.eye(len(models), dtype=bool), np.inf, 0.0)
    given = candidates[np.argmin(apart[candidates][:, children], axis=0)]
    norms = np.array([sum(float((w**2).sum()) for w in model.weights.values()) for model in models])
    alone = nearest_older(distance, norms[None, :] - norms[:, None])
    return int((given == truth[children]).sum()), int((alone[children] == truth[children]).sum())


def page(sources: Sources) -> Page:
    """A row a measure, two columns a collection."""
    header, columns = ["parents found: among those given, among all shorter models"], []
    for cell, seed, folder in find_collections(sources.needed("checkpoints")):
        truth = parse_truth((folder / TRUTH).read_text(encoding="utf-8"), default_group=cell)
        names = sorted(path.name for path in folder.glob("*.safetensors"))
        parent_of = {edge.child: names.index(edge.parent) for edge in truth.edges}
        parents = [parent_of.get(name, -1) for name in names]
        with open_checkpoint(folder / names[0]) as first:
            pixels = max((first.tensors[n].shape[1] for n in first.tensors if n == "layers.0.weight"), default=64)
        probes = probe_images(round(pixels**0.5))
        models = [read_model(folder / name, probes) for name in names]
        header.append(f"{cell}/{seed}")
        columns.append([_field(*found_parents(models, parents, name), len(parent_of)) for name in MEASURES])
        sources.progress(cell)
    rows = [[name, *(column[k] for column in columns)] for k, name in enumerate(MEASURES)]
    intro = (
        "Which model is most like the child? Weights are all tensors but heads; features the hidden layers' answers to "
        f"{PROBES} digits. First number: the true parents are given as candidates, as in Neural Lineage; second: every "
        "model of smaller norm is a candidate. A network that cannot be run here has no features."
    )
    command = "`nphylo lab table lineage --checkpoints families/`."
    return Page("\n\n".join(["### Neural lineage by approximation", command, intro, table(header, rows)]))


def _field(given: int, alone: int, children: int) -> str:
    return "cannot be run" if given < 0 else f"{given / children:.2f} / {alone / children:.2f}"
