"""Clusterings that must find families by themselves: how the number of clusters is chosen, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from neural_phylogeny.evaluation.metrics import score
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.runs import ALPHA, counts_of
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
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
            found = counts_of(score(phylogeny(kept.collection, method, ALPHA, 0, examined), kept.truth))
            seconds[k] += time.perf_counter() - started
            counts[k] += np.array([found["lineage"], found["false_positives"]])
    shown = [" / ".join(f"{right / total:.2f}" if total else "–" for right, total in each) for each in counts]
    return list(zip(shown, (seconds / len(collections)).tolist(), strict=True))


def page(sources: Sources) -> Page:
    """A row a clustering, a column a suite; seconds on the first of them last."""
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
    return Page("\n\n".join(["### Families by clustering alone", command, intro, table(header, rows)]))
