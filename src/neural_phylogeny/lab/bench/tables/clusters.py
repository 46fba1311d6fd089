"""Clusterings that must find families by themselves: how the number of clusters is chosen, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from neural_phylogeny.graphs import components
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.runs import ALPHA, counts_by
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.reconstruction.family_data import families_of
from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees.baselines.along import ALPHAS, agglomerative_along, kmeans_along, mean_shift_along
from neural_phylogeny.trees.baselines.distances import distances, scale
from neural_phylogeny.trees.baselines.named_clusterings import chosen_alpha
from neural_phylogeny.trees.forest import Matrix
from neural_phylogeny.trees.methods import METHODS, Method

SUITES = ("paper", "mixed", "generations", "strangers")

NUMBERS = ("existence", "silhouette", "eigengap")
"""As many clusters as the relatedness test finds families, or as one of two rules of clustering says."""


def variants() -> Iterator[tuple[str, Method]]:
    """Every clustering with every way to find the number, alone; along directions with alpha 0.5 and by stability."""
    for name in ("kmeans", "agglomerative", "spectral"):
        for number in NUMBERS:
            options = replace(METHODS[name].options, n_clusters=number, decides_families=True)
            yield f"{name}, number by {number}", replace(METHODS[name], options=options)
    for name in ("mean-shift", "dbscan", "hdbscan"):
        yield (
            f"{name}, no number",
            replace(METHODS[name], options=replace(METHODS[name].options, decides_families=True)),
        )
    for name in ("kmeans-along", "mean-shift-along", "agglomerative-along"):
        for alpha in (0.5, "stable"):
            options = replace(METHODS[name].options, alpha=alpha, decides_families=True)
            yield f"{name}, alpha {alpha}", replace(METHODS[name], options=options)
    yield "the relatedness test", METHODS["star"]


def column(collections: Sequence[CachedCollection], methods: Sequence[Method]) -> list[tuple[str, float]]:
    """Of each method lineage accuracy / unrelated pairs put together, and seconds a collection."""
    counts, seconds = np.zeros((len(methods), 2, 2)), np.zeros(len(methods))
    for kept in collections:
        examined = examine(kept.collection, ALPHA)
        for k, method in enumerate(methods):
            started = time.perf_counter()
            found = counts_by(method, kept, examined)
            seconds[k] += time.perf_counter() - started
            counts[k] += np.array([found["lineage"], found["false_positives"]])
    shown = [" / ".join(f"{right / total:.2f}" if total else "–" for right, total in each) for each in counts]
    return list(zip(shown, (seconds / len(collections)).tolist(), strict=True))


def graphs(collections: Sequence[CachedCollection]) -> Iterator[tuple[Matrix, Matrix, int]]:
    """Inner products, directions and number of families of each group of models that are clustered together."""
    for kept in collections:
        examined = examine(kept.collection, ALPHA)
        related = components(examined.related)
        for group, found in examined.whole:
            labels = related[list(group.members)]
            models = families_of(found, list(range(len(labels))), labels, 0).models
            yield models.gram, models.nearer(FakeInitialisation()), len(np.unique(labels))


def cost(known: Sequence[tuple[Matrix, Matrix, int]], name: str, alpha: float) -> str:
    """Mean rounds of a start and milliseconds of processor of a clustering of one group along directions."""
    rounds, started = list[int](), time.process_time()
    for gram, direction, number in known:
        if name == "kmeans":
            kmeans_along(gram, direction, number, alpha, rounds=rounds)
        elif name == "mean-shift":
            mean_shift_along(gram, direction, scale(distances(gram)), alpha, rounds=rounds)
        else:
            agglomerative_along(gram, direction, number, alpha)
            rounds.append(len(gram) - number)
    spent = 1e3 * (time.process_time() - started) / len(known)
    return f"{np.mean(rounds):.1f} / {spent:.1f}"


def costs(title: str, collections: Sequence[CachedCollection]) -> str:
    """A row a clustering along directions, a column a value of alpha, and one for the choice by stability."""
    known = list(graphs(collections))
    rows = []
    for name in ("kmeans", "mean-shift", "agglomerative"):
        each = [cost(known, name, alpha) for alpha in ALPHAS]
        started = time.process_time()
        for gram, direction, number in known:
            chosen_alpha(name, gram, direction, lambda number=number: number)  # type: ignore[misc]
        chosen = f"{1e3 * (time.process_time() - started) / len(known):.1f}"
        rows.append([f"{name}-along", *each, chosen])
    header = [f"{title}: rounds / ms by alpha", *(f"{alpha:g}" for alpha in ALPHAS), "ms of the choice"]
    return table(header, rows)


COST = (
    "What moving to parents costs, on those collections of the paper's suite and on two families of fifty children "
    "each: mean rounds until nothing changes, of "
    "each of the ten starts of KMeans, and milliseconds of processor of one clustering. Alpha 0 is the clustering "
    "itself. With random moves it has settled after three rounds without change instead of one. Agglomerative "
    "clustering has as many rounds as merges. The choice by stability is 30 clusterings of four fifths of the models."
)


def page(sources: Sources) -> Page:
    """A row a clustering, a column a suite; seconds on the first of them last; what alpha costs."""
    names, methods = zip(*variants(), strict=True)
    columns = []
    for name in SUITES:
        columns.append(column(sources.suite(name), methods))
        sources.progress(name)
    rows = [[name, *(found[k][0] for found in columns), f"{columns[0][k][1]:.3f}"] for k, name in enumerate(names)]
    intro = (
        "The clusters are the families. Lineage accuracy / share of the unrelated pairs that are put into one family. "
        "All strangers are unrelated. Seconds a collection of the paper's suite, after the pass and the relations."
    )
    command = f"`nphylo lab table clusters --seeds {sources.seeds}`."
    header = ["lineage / unrelated together", *SUITES, "s / collection"]
    parts = ["### Families by clustering alone", command, intro, table(header, rows)]
    large = [kept for kept in sources.suite("sweeps", 1) if kept.cell == "sweep-children-50"]
    parts += [COST, costs("paper", sources.suite(SUITES[0])), costs("102 models", large)]
    return Page("\n\n".join(parts))
