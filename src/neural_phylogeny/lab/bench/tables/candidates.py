"""Does grouping by a sample lose relatives? Related pairs that the groups of large collections skip.

All collections of a folder are joined into one. The full relatedness test of every pair is held against the groups that
a sample of each model gives: a related pair is skipped if its two models fall into different groups.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.graphs import components
from neural_phylogeny.lab.bench.runs import ALPHA
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.relate import Relations
from neural_phylogeny.sources import open_models
from neural_phylogeny.sources.opening import Opened
from neural_phylogeny.statistics.candidates import NOISE, SAMPLE, candidates, sample
from neural_phylogeny.statistics.matching import UnitMatching
from neural_phylogeny.statistics.moments import Moments
from neural_phylogeny.statistics.one_pass import measure
from neural_phylogeny.statistics.products import Equality, Gram
from neural_phylogeny.tensors.alignment import Alignment, align_pairs

SAMPLES = (1 << 13, SAMPLE, 1 << 17)
NOISES = (3.0, 4.0, NOISE, 8.0, 10.0)


@dataclass(frozen=True)
class Row:
    """What one sample size and threshold gives.

    Attributes
    ----------
    direct, skipped : int
        Related pairs whose two models are not candidates; related pairs in different groups.
    measured : float
        Proportion of all pairs that are in one group and measured in full.
    """

    values: int
    noise: float
    direct: int
    skipped: int
    related: int
    measured: float
    groups: int
    largest: int
    seconds: float

    @property
    def recall(self) -> float:
        """Proportion of the related pairs that are measured."""
        return 1.0 - self.skipped / max(self.related, 1)


def page(sources: Sources) -> Page:
    """Join all collections of the folder ``checkpoints``. A few minutes for 500 models."""
    folder = sources.needed("checkpoints")
    rows, n = compared([folder])
    return Page(text_of(rows, n, sorted(path.name for path in folder.iterdir() if path.is_dir())))


def compared(paths: Sequence[Path], samples: Sequence[int] = SAMPLES) -> tuple[list[Row], int]:
    """The rows for all models below some paths, and how many models there are."""
    opened, _ = open_models(paths)
    try:
        alignment = align_pairs([checkpoint.tensors for _, checkpoint in opened], [ref.name for ref, _ in opened])
        return rows_of(opened, alignment, samples), len(opened)
    finally:
        for _, checkpoint in opened:
            checkpoint.close()


def rows_of(opened: Sequence[Opened], alignment: Alignment, samples: Sequence[int]) -> list[Row]:
    """Hold the candidates of several samples against the full test of all pairs."""
    checkpoints, n = [checkpoint for _, checkpoint in opened], len(opened)
    statistics = measure(checkpoints, alignment, (Gram(), Equality(), Moments(), UnitMatching()), threads=1)
    pair = np.triu_indices(n, 1)
    related = Relations.of(statistics, ALPHA, len(pair[0])).pairs[pair]
    rows = []
    for values in samples:
        started = time.perf_counter()
        sampled = sample(checkpoints, alignment, values)
        seconds = time.perf_counter() - started
        rows += [_row(values, noise, candidates(sampled, noise), related, seconds) for noise in NOISES]
    return rows


def _row(values: int, noise: float, linked: NDArray[np.bool_], related: NDArray[np.bool_], seconds: float) -> Row:
    labels, pair = components(linked), np.triu_indices(len(linked), 1)
    together = labels[pair[0]] == labels[pair[1]]
    sizes = np.bincount(labels)
    return Row(
        values=values,
        noise=noise,
        direct=int((related & ~linked[pair]).sum()),
        skipped=int((related & ~together).sum()),
        related=int(related.sum()),
        measured=float(together.mean()),
        groups=int((sizes > 1).sum()),
        largest=int(sizes.max()),
        seconds=seconds,
    )


def text_of(rows: Sequence[Row], n: int, names: Sequence[str] = ()) -> str:
    """The page; ``names`` are those of the collections."""
    joined = f"; each collection by `nphylo lab zoo make`: {', '.join(names)}" if names else ""
    intro = (
        f"{n} models joined into one collection, by `nphylo lab table candidates --checkpoints FOLDER`{joined}. Of "
        f"{n * (n - 1) // 2:,} pairs the full test calls {rows[0].related:,} related. *No candidates* are those whose "
        "sampled cosine does not exceed the threshold, in standard deviations of unrelated values; *skipped* those in "
        "different groups after that, for a pair in one group is measured in full whatever joined it; *recall* is the "
        "proportion of related pairs that is measured, *measured* that of all pairs. Seconds are those of the sample, "
        "on one thread."
    )
    header = ["values", "threshold", "no candidates", "skipped", "recall", "measured", "groups", "largest", "seconds"]
    lines = [
        [
            f"{r.values:,}",
            f"{r.noise:g}" + (" (default)" if (r.values, r.noise) == (SAMPLE, NOISE) else ""),
            str(r.direct),
            str(r.skipped),
            f"{r.recall:.4f}",
            f"{r.measured:.1%}",
            str(r.groups),
            str(r.largest),
            f"{r.seconds:.1f}",
        ]
        for r in rows
    ]
    return "\n\n".join(["# Groups of large collections", intro, table(header, lines)])
