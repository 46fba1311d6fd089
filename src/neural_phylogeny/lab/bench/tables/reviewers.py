"""What reviewers of the paper asked of the learning-free methods, from the kept collections, in about two minutes.

    python benchmarks/reviewers.py

Prints Markdown tables: pair direction under other fake initialisations; accuracy against alpha; pair direction of each
witness by cell and against the distance that a child moved; what a new head does to the summed distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from neural_phylogeny.evaluation.metrics import score
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.runs import ALPHA
from neural_phylogeny.lab.bench.suites import find_suite, cached_collections
from neural_phylogeny.reconstruction.api import METHODS
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.relations.direction import WITNESSES, norm_score
from neural_phylogeny.relations.existence import matrix_gram
from neural_phylogeny.relations.fake_init import DISTRIBUTIONS, FakeInitialisation, nearer, summed
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.roles import Role

DATA = Path(__file__).parent / "data"
THREE = ("fake-initialisation", "kurtosis", "largest-weight")
Row = tuple[str, list[float | int]]


def edges(kept: CachedCollection) -> Iterator[tuple[Statistics, int, int]]:
    """Statistics of a group and the positions of the parent and the child, for each true edge."""
    for group in kept.collection.groups:
        position = {kept.collection.refs[model].name: row for row, model in enumerate(group.members)}
        for edge in kept.truth.edges:
            if edge.documented and edge.parent in position and edge.child in position:
                yield group.statistics, position[edge.parent], position[edge.child]


def share(directions: Iterable[float]) -> float:
    """Share of positive numbers; zeros count a half."""
    signs = np.sign(list(directions))
    return float((signs > 0).mean() + 0.5 * (signs == 0).mean())


def table(header: list[str], rows: Iterable[Row]) -> None:
    print("\n| " + " | ".join(header) + " |\n|" + " --- |" * len(header))
    for title, values in rows:
        print(
            f"| {title} | "
            + " | ".join(f"{value:.3f}" if isinstance(value, float) else str(value) for value in values)
            + " |"
        )


def fake_initialisations(collections: list[CachedCollection]) -> Iterator[Row]:
    """Rows a distribution, columns a scale: votes of matrices over 16 draws; then closed form and sums."""
    for name in DISTRIBUTIONS:
        yield name, [directed(collections, FakeInitialisation(name, scale, 16)) for scale in (0.1, 1.0, 10.0)]
    yield "closed form", [directed(collections, FakeInitialisation())] * 3
    yield (
        "gaussian, distances summed over matrices",
        [directed(collections, FakeInitialisation("gaussian", scale, 16, summed=True)) for scale in (0.1, 1.0, 10.0)],
    )


def directed(collections: list[CachedCollection], fake: FakeInitialisation) -> float:
    """Pair direction of a fake initialisation."""
    found = []
    for kept in collections:
        known: dict[int, np.ndarray] = {}
        for statistics, parent, child in edges(kept):
            matrix = known.setdefault(id(statistics), nearer(statistics, fake))
            found.append(matrix[parent, child])
    return share(found)


def by_alpha(collections: list[CachedCollection], name: str) -> Iterator[Row]:
    """Overall accuracy of a clustering along directions, a column an alpha."""
    method = METHODS[name]
    right: dict[float | str, list[float]] = {}
    for kept in collections:
        examined = examine(kept.collection, ALPHA)
        for alpha in (0.0, 0.25, 0.5, 0.75, 1.0, "stable"):
            varied = replace(method, options=replace(method.options, alpha=alpha))
            found = score(phylogeny(kept.collection, varied, ALPHA, 0, examined), kept.truth).whole
            if found is not None and found.overall.value is not None:
                right.setdefault(alpha, []).append(found.overall.value)
    yield name, [float(np.mean(values)) for values in right.values()]


def by_witness(collections: list[CachedCollection]) -> Iterator[Row]:
    """Rows a cell, columns a witness and the sum of the distances with and without heads and embeddings."""
    for cell in dict.fromkeys(kept.cell for kept in collections):
        found: list[list[float]] = []
        for kept in collections:
            if kept.cell == cell:
                found += [witnesses(*edge) for edge in edges(kept)]
        if found:
            yield cell, [share(column) for column in zip(*found, strict=True)]


def witnesses(statistics: Statistics, parent: int, child: int) -> list[float]:
    pair = statistics.subset([parent, child])
    norms = norm_score(pair)
    body = norms[[tensor.role is not Role.BOUNDARY for tensor in pair.alignment.tensors]]
    votes = [float(witness.count(witness.leads(pair))[0, 1]) for witness in WITNESSES if witness.name in THREE]
    return [float(nearer(pair)[0, 1]), *votes[1:], sum(votes), summed(norms)[0, 1], summed(body)[0, 1]]


def by_distance(collections: list[CachedCollection]) -> Iterator[Row]:
    """Rows a bin of the distance moved over the norm; columns the number of edges and the witnesses."""
    found = []
    for kept in collections:
        for statistics, parent, child in edges(kept):
            product, norm, norm_of_other = matrix_gram(statistics.subset([parent, child]))
            squared = norm[0, 1] + norm_of_other[0, 1] - 2 * product[0, 1]
            if norm[0, 1] > 0:
                moved = float(np.sqrt(max(squared, 0.0) / norm[0, 1]))
                found.append([moved, *witnesses(statistics, parent, child)])
    numbers = np.array(found)
    bounds = [0.0, 0.03, 0.1, 0.3, 1.0, np.inf]
    for low, high in pairwise(bounds):
        chosen = numbers[(numbers[:, 0] >= low) & (numbers[:, 0] < high)]
        if len(chosen):
            yield f"{low:g} to {high:g}", [len(chosen), *(share(column) for column in chosen[:, 1:].T)]


def main() -> None:
    suites = {name: cached_collections(find_suite(name), DATA, 8) for name in ("paper", "mixed", "generations", "wild")}
    few = [kept for kept in suites["paper"] if kept.seed < 3]
    for title, chosen in (("paper", few), ("mixed", suites["mixed"]), ("wild", suites["wild"])):
        header = [f"fake initialisation, {title}: pair direction", "scale 0.1", "1", "10"]
        table(header, fake_initialisations(chosen))
    for title, chosen in (("paper", few), ("mixed", suites["mixed"]), ("generations", suites["generations"])):
        header = [f"alpha, {title}: overall", "0", "0.25", "0.5", "0.75", "1", "chosen by stability"]
        names = ("kmeans-along", "mean-shift-along", "agglomerative-along")
        table(header, (row for name in names for row in by_alpha(chosen, name)))
    columns = ["fake initialisation", "kurtosis", "largest", "all three", "summed distances", "without boundary layers"]
    for title, chosen in suites.items():
        table([f"{title}: pair direction", *columns], by_witness(chosen))
    for title, chosen in suites.items():
        table([f"{title}, distance moved / norm", "edges", *columns], by_distance(chosen))


if __name__ == "__main__":
    main()
