"""What reviewers of the paper asked of the learning-free methods, from the cached collections.

Pair direction under other fake initialisations; accuracy against alpha; pair direction of each feature by cell and
against the distance that a child moved; what a re-initialised head does to the summed distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.evaluation.metrics import score
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.runs import ALPHA
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.markdown import number, table
from neural_phylogeny.reconstruction.api import METHODS
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.relations.direction import norm_score
from neural_phylogeny.relations.fake_init import DISTRIBUTIONS, FakeInitialisation, nearer, summed
from neural_phylogeny.relations.matrix_scores import kurtosis_score, largest_score
from neural_phylogeny.relations.similarity import matrix_gram
from neural_phylogeny.relations.tables import differences, mean_sign_of, weighted_sign_of
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.roles import Role

SUITES = ("paper", "mixed", "generations", "wild")

FEW = 3
"""Seeds of the paper's suite that the slower tables look at."""

Row = tuple[str, Sequence[float | int]]


def edges(cached: CachedCollection) -> Iterator[tuple[Statistics, int, int]]:
    """Statistics of a group and the positions of the parent and the child, for each true edge."""
    for group in cached.collection.groups:
        position = {cached.collection.refs[model].name: row for row, model in enumerate(group.members)}
        for edge in cached.truth.edges:
            if edge.documented and edge.parent in position and edge.child in position:
                yield group.statistics, position[edge.parent], position[edge.child]


def share(directions: Iterable[float]) -> float:
    """Share of positive numbers; zeros count a half."""
    signs = np.sign(list(directions))
    return float((signs > 0).mean() + 0.5 * (signs == 0).mean())


def shown(header: Sequence[str], rows: Iterable[Row]) -> str:
    """A table of numbers."""
    return table(header, ([title, *map(number, values)] for title, values in rows))


def fake_initialisations(collections: Sequence[CachedCollection]) -> Iterator[Row]:
    """Rows a distribution, columns a scale: the majority of matrices over 16 draws; then closed form and sums."""
    for name in DISTRIBUTIONS:
        yield name, [directed(collections, FakeInitialisation(name, scale, 16)) for scale in (0.1, 1.0, 10.0)]
    yield "closed form", [directed(collections, FakeInitialisation())] * 3
    yield (
        "gaussian, distances summed over matrices",
        [directed(collections, FakeInitialisation("gaussian", scale, 16, summed=True)) for scale in (0.1, 1.0, 10.0)],
    )


def directed(collections: Sequence[CachedCollection], fake: FakeInitialisation) -> float:
    """Pair direction of a fake initialisation."""
    found = []
    for cached in collections:
        known: dict[int, NDArray[np.float64]] = {}
        for statistics, parent, child in edges(cached):
            matrix = known.setdefault(id(statistics), nearer(statistics, fake))
            found.append(matrix[parent, child])
    return share(found)


def by_alpha(collections: Sequence[CachedCollection], name: str) -> Iterator[Row]:
    """Overall accuracy of a clustering along directions, a column an alpha."""
    method = METHODS[name]
    right: dict[float | str, list[float]] = {}
    for cached in collections:
        examined = examine(cached.collection, ALPHA)
        for alpha in (0.0, 0.25, 0.5, 0.75, 1.0, "stable"):
            varied = replace(method, options=replace(method.options, alpha=alpha))
            found = score(phylogeny(cached.collection, varied, ALPHA, 0, examined), cached.truth).whole
            if found is not None and found.overall.value is not None:
                right.setdefault(alpha, []).append(found.overall.value)
    yield name, [float(np.mean(values)) for values in right.values()]


def by_feature(collections: Sequence[CachedCollection]) -> Iterator[Row]:
    """Rows a cell, columns a feature and the sum of the distances with and without heads and embeddings."""
    for cell in dict.fromkeys(cached.cell for cached in collections):
        found: list[list[float]] = []
        for cached in collections:
            if cached.cell == cell:
                found += [features(*edge) for edge in edges(cached)]
        if found:
            yield cell, [share(column) for column in zip(*found, strict=True)]


def features(statistics: Statistics, parent: int, child: int) -> list[float]:
    """Of one edge: the fake initialisation, two features, the sum of the three, summed distances, without heads."""
    pair = statistics.subset([parent, child])
    norms = norm_score(pair)
    body = norms[[tensor.role is not Role.BOUNDARY for tensor in pair.alignment.tensors]]
    signs = [
        float(pooled(differences(found(pair)))[0, 1])
        for found, pooled in (
            (norm_score, weighted_sign_of),
            (kurtosis_score, mean_sign_of),
            (largest_score, mean_sign_of),
        )
    ]
    distances = [float(summed(scores)[0, 1]) for scores in (norms, body)]
    return [float(nearer(pair)[0, 1]), *signs[1:], sum(signs), *distances]


def moved(statistics: Statistics, parent: int, child: int) -> float | None:
    """Distance of a child from its parent over the parent's norm; None where that is zero or nothing is compared."""
    product, norm, norm_of_other = matrix_gram(statistics.subset([parent, child]))
    squared = norm[0, 1] + norm_of_other[0, 1] - 2 * product[0, 1]
    return float(np.sqrt(max(squared, 0.0) / norm[0, 1])) if norm[0, 1] > 0 else None


def by_distance(collections: Sequence[CachedCollection]) -> Iterator[Row]:
    """Rows a bin of the distance moved over the norm; columns the number of edges and the features."""
    found = []
    for cached in collections:
        for statistics, parent, child in edges(cached):
            distance = moved(statistics, parent, child)
            if distance is not None:
                found.append([distance, *features(statistics, parent, child)])
    numbers = np.array(found)
    bounds = [0.0, 0.03, 0.1, 0.3, 1.0, np.inf]
    for low, high in pairwise(bounds):
        chosen = numbers[(numbers[:, 0] >= low) & (numbers[:, 0] < high)]
        if len(chosen):
            yield f"{low:g} to {high:g}", [len(chosen), *(share(column) for column in chosen[:, 1:].T)]


def page(sources: Sources) -> Page:
    """All of them; two to three minutes."""
    suites = {name: sources.suite(name) for name in SUITES}
    few = [cached for cached in suites["paper"] if cached.seed < FEW]
    intro = "`nphylo lab table reviewers`, two to three minutes. 0.5 is chance; undecided counts a half."
    parts = ["### What reviewers asked of the learning-free methods", intro]
    for title, chosen in (("paper", few), ("mixed", suites["mixed"]), ("wild", suites["wild"])):
        header = [f"fake initialisation, {title}: pair direction", "scale 0.1", "1", "10"]
        parts.append(shown(header, fake_initialisations(chosen)))
        sources.progress(header[0])
    for title, chosen in (("paper", few), ("mixed", suites["mixed"]), ("generations", suites["generations"])):
        header = [f"alpha, {title}: overall", "0", "0.25", "0.5", "0.75", "1", "chosen by stability"]
        names = ("kmeans-along", "mean-shift-along", "agglomerative-along")
        parts.append(shown(header, (row for name in names for row in by_alpha(chosen, name))))
        sources.progress(header[0])
    columns = ["fake initialisation", "kurtosis", "largest", "all three", "summed distances", "without boundary layers"]
    for title, chosen in suites.items():
        parts.append(shown([f"{title}: pair direction", *columns], by_feature(chosen)))
    for title, chosen in suites.items():
        parts.append(shown([f"{title}, distance moved / norm", "edges", *columns], by_distance(chosen)))
    return Page("\n\n".join(parts))
