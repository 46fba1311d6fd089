"""Why accuracy varies between settings: a regression of right parents on what is known of each edge."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.runs import ALPHA
from neural_phylogeny.lab.bench.suites import data_folder
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.bench.tables.reviewers import moved
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.statistics.cache import load
from neural_phylogeny.trees.methods import METHODS

SUITES = ("paper", "mixed", "generations")

NAMES = ("auto", "innovation-tree", "spanning-tree", "star", "star-argmin", "nearest-cosine", "mother", "chow-liu-norm")

PROPERTIES = (
    "distance moved over norm, log",
    "steps, log",
    "new head",
    "decay",
    "AdamW",
    "first layer frozen",
    "five shots",
    "generation of the child",
    "siblings on its task, share",
    "convolutions",
    "residual",
    "transformer",
)

Row = NDArray[np.float64]


def facts_of(sources: Sources, suite: str, kept: CachedCollection) -> Mapping[str, Mapping[str, Any]]:
    """How each model of a collection was trained, by name."""
    path = data_folder(sources.data) / suite / kept.cell / f"{kept.seed}.npz"
    found: Mapping[str, Mapping[str, Any]] = json.loads(str(load(path).about["truth"]))["models"]
    return found


def properties(kept: CachedCollection, facts: Mapping[str, Mapping[str, Any]]) -> dict[str, Row]:
    """``PROPERTIES`` of each edge, by the name of its child."""
    parent_of = {edge.child: edge.parent for edge in kept.truth.edges}
    distances = _distances(kept, parent_of)
    found = {}
    for child, parent in parent_of.items():
        own, generation = facts[child], 1
        while parent in parent_of:
            parent, generation = parent_of[parent], generation + 1
        siblings = [other for other, of in parent_of.items() if of == parent_of[child] and other != child]
        alike = [facts[other]["task"] == own["task"] for other in siblings]
        found[child] = np.array(
            [
                np.log10(max(distances.get(child, np.nan), 1e-6)),
                np.log10(own["steps"]),
                own["head"] == "new",
                own["decay"] > 0,
                own["optimiser"] == "adamw",
                own["frozen"] != "none",
                own["shots"] == 5,
                generation,
                np.mean(alike) if alike else 0.0,
                "conv" in kept.cell,
                "resnet" in kept.cell,
                "vit" in kept.cell,
            ],
            dtype=np.float64,
        )
    return found


def _distances(kept: CachedCollection, parent_of: Mapping[str, str]) -> dict[str, float]:
    """Distance of each child from its parent over the parent's norm."""
    found = {}
    for group in kept.collection.groups:
        place = {kept.collection.refs[model].name: row for row, model in enumerate(group.members)}
        for child, parent in parent_of.items():
            if child in place and parent in place:
                distance = moved(group.statistics, place[parent], place[child])
                if distance is not None:
                    found[child] = distance
    return found


def explained(given: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[Row, float]:
    """Least squares on properties of unit variance: coefficients ``(k,)``, and the share of the variance explained.

    Examples
    --------
    >>> x = np.array([[-1.0], [-1.0], [1.0], [1.0]])
    >>> coefficients, share = explained(x, np.array([0.0, 0.0, 1.0, 1.0]))
    >>> coefficients.round(3).tolist(), round(share, 3)
    ([0.5], 1.0)
    """
    deviation = given.std(axis=0)
    scaled = np.divide(given - given.mean(axis=0), deviation, out=np.zeros_like(given), where=deviation > 0)
    centred = right - right.mean()
    coefficients, *_ = np.linalg.lstsq(scaled, centred, rcond=None)
    left = float(((centred - scaled @ coefficients) ** 2).sum())
    total = float((centred**2).sum())
    return coefficients, 1.0 - left / total if total > 0 else 0.0


def answers(kept: CachedCollection, names: Sequence[str]) -> Iterator[dict[str, str]]:
    """The parent of each child by each method."""
    examined = examine(kept.collection, ALPHA)
    for name in names:
        found = phylogeny(kept.collection, METHODS[name], ALPHA, 0, examined)
        yield {edge.child: edge.parent for edge in found.edges}


def page(sources: Sources) -> Page:
    """A row a property, a column a method."""
    given, right = [], []
    for suite in SUITES:
        for kept in sources.suite(suite):
            known = properties(kept, facts_of(sources, suite, kept))
            answered = list(answers(kept, NAMES))
            for edge in kept.truth.edges:
                if np.isfinite(known[edge.child]).all():
                    given.append(known[edge.child])
                    right.append([float(one.get(edge.child) == edge.parent) for one in answered])
        sources.progress(suite)
    x, y = np.array(given), np.array(right)
    fits = [explained(x, column) for column in y.T]
    rows = [[name, *(f"{100 * fit[k]:+.0f}" for fit, _ in fits)] for k, name in enumerate(PROPERTIES)]
    rows.append(["right parents, percent", *(f"{100 * column.mean():.0f}" for column in y.T)])
    rows.append(["variance explained, percent", *(f"{100 * share:.0f}" for _, share in fits)])
    intro = (
        f"Least squares over the {len(x)} edges of the suites paper, mixed and generations: by how many points "
        "(percent) the share of right parents changes when a property grows by its standard deviation, the others "
        "being equal."
    )
    command = f"`nphylo lab table cells --seeds {sources.seeds}`."
    parts = ["### What makes a parent hard to find", command, intro, table(["property", *NAMES], rows)]
    return Page("\n\n".join(parts))
