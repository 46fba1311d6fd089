"""What generators and suites are like: steps, siblings, shapes of trees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.batches import batch_paths, read_batches
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.statistics.results import Statistics

SUITES = ("paper", "mixed", "generations", "wild", "decoder", "encoder", "vision", "diffusion")

QUANTILES = (10, 50, 90)

HEADER = (
    "families",
    "models",
    "step / parent, 10 %",
    "50 %",
    "90 %",
    "cosine of siblings",
    "stars",
    "one middle",
    "runs",
    "no parent here",
    "values in matrices, 10 %",
    "50 %",
    "90 %",
)

Parents = NDArray[np.int64]


@dataclass
class Cloud:
    """What families of one origin are like."""

    families: int = 0
    models: int = 0
    without: int = 0
    steps: list[float] = field(default_factory=list)
    cosines: list[float] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, statistics: Statistics, parents: Parents) -> None:
        """Count a family; steps are those of the retained matrices that all have, siblings those that moved there."""
        self.families, self.models = self.families + 1, self.models + len(parents)
        self.without += int((parents < 0).sum())
        self.shapes += shapes(parents)
        kept = Measurements.of(statistics).common
        sizes = kept.sizes[:, None, None]
        squared = np.nansum(kept.pairs["square"] * sizes, axis=0)
        norms = np.nansum(np.einsum("tii->ti", kept.pairs["product"]) * kept.sizes[:, None], axis=0)
        self.values.append(float(kept.sizes.sum()))
        for parent in np.unique(parents[parents >= 0]).tolist():
            children = np.flatnonzero(parents == parent)
            steps = squared[parent, children]
            self.steps += np.sqrt(steps / max(norms[parent], 1e-30)).tolist()
            children, steps = children[steps > 0], steps[steps > 0]
            inner = (steps[:, None] + steps[None, :] - squared[np.ix_(children, children)]) / 2.0
            scale = np.sqrt(np.maximum(steps[:, None] * steps[None, :], 1e-30))
            self.cosines += (inner / scale)[np.triu_indices(len(children), 1)].tolist()

    def row(self) -> list[str]:
        """The columns of ``HEADER``."""
        number = max(len(self.shapes), 1)
        shares = [f"{self.shapes.count(shape) / number:.2f}" for shape in ("star", "middle", "run")]
        steps = [f"{value:.3f}" for value in np.percentile(self.steps or [np.nan], QUANTILES)]
        values = [f"{value:.0f}" for value in np.percentile(self.values or [np.nan], QUANTILES)]
        cosine = f"{np.mean(self.cosines):.2f}" if self.cosines else ""
        counts = [str(self.families), str(self.models)]
        return [*counts, *steps, cosine, *shares, f"{self.without / max(self.models, 1):.2f}", *values]


def shapes(parents: Parents) -> Iterator[str]:
    """Of each tree of three models and more: ``star``, ``middle`` (a root with one child that has all others), ``run``.

    Other trees have no name.

    Examples
    --------
    >>> list(shapes(np.array([-1, 0, 0, -1, 3, 4, -1, 6, 7, 7])))
    ['star', 'run', 'middle']
    """
    counts = np.bincount(parents[parents >= 0], minlength=len(parents))
    for root in np.flatnonzero(parents < 0).tolist():
        members = [root]
        for one in members:
            members += np.flatnonzero(parents == one).tolist()
        if len(members) < 3:
            continue
        if counts[root] == len(members) - 1:
            yield "star"
        elif (counts[members] <= 1).all():
            yield "run"
        else:
            below = np.flatnonzero(parents == root)
            yield "middle" if len(below) == 1 and counts[below[0]] == len(members) - 2 else ""


def of_generator(folder: Path) -> Cloud:
    """Of all batches of a folder."""
    found = Cloud()
    for known in read_batches(batch_paths(folder)):
        for group in known.related():
            found.add(group.statistics, group.parents)
    return found


def of_suite(collections: Iterable[CachedCollection]) -> Cloud:
    """Of the measured groups of a suite."""
    found = Cloud()
    for kept in collections:
        parent_of = {edge.child: edge.parent for edge in kept.truth.edges}
        for group in kept.collection.groups:
            names = [kept.collection.refs[model].name for model in group.members]
            place = {name: k for k, name in enumerate(names)}
            parents = np.array([place.get(parent_of.get(name, ""), -1) for name in names], dtype=np.int64)
            if (parents >= 0).any():
                found.add(group.statistics, parents)
    return found


def generators(folder: Path) -> Sequence[Path]:
    """The folders of batches below a folder, one for each generator."""
    return sorted(path for path in folder.iterdir() if any(path.glob("batch-*.npz")))


def page(sources: Sources) -> Page:
    """A row for each generator and each suite."""
    rows = [[folder.name, *of_generator(folder).row()] for folder in generators(sources.needed("generators"))]
    for name in SUITES:
        rows.append([f"suite {name}", *of_suite(sources.suite(name)).row()])
        sources.progress(name)
    intro = "Made by `nphylo lab table diversity --generators generators/`, a folder of batches for each generator."
    return Page("\n\n".join(["### What generators and suites are like", intro, table(["origin", *HEADER], rows)]))
