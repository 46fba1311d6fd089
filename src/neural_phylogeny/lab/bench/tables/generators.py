"""The detector on left-out families of each generator, of those that it was not trained on too, and on the judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neural_phylogeny.detector.network import TrainedDetector
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.bench.tables.diversity import generators
from neural_phylogeny.lab.families.batches import batch_paths, is_left_out
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.lab.training.assessment import Assessment, assess
from neural_phylogeny.lab.training.ensemble import by_generator
from neural_phylogeny.lab.training.examples import Example, read_examples

SURE = 0.95
"""Probability from which a parent counts as sure."""

HEADER = ("groups", "models", "overall", "tree direction", "calibration error", "sure", "of these right")

EARLIER, ALL, WITHOUT = "earlier", "all", "without-{}"
"""Names of detectors in the folder ``work``: that of an earlier version, one network on all generators, one network on
all but one."""


def cells(found: Assessment) -> list[str]:
    """The columns of ``HEADER``."""
    sure = np.array(found.predicted) >= SURE
    right = np.array(found.correct)[sure]
    return [
        str(found.groups),
        str(found.models),
        f"{found.overall:.3f}",
        f"{found.direction:.3f}",
        f"{found.calibration_error:.3f}",
        f"{sure.mean():.2f}" if len(sure) else "",
        f"{right.mean():.3f}" if len(right) else "",
    ]


def stored(work: Path | None, name: str) -> TrainedDetector | None:
    """A detector of the folder of trainings, where there is one."""
    path = None if work is None else work / f"{name}.safetensors"
    return TrainedDetector.load(path) if path is not None and path.exists() else None


def rows_of(name: str, examples: list[Example], sources: Sources) -> list[list[str]]:
    """What ships on the left-out families of a generator, and what was trained otherwise."""
    chosen: dict[str, TrainedDetector | None] = {
        "the detector": detector(),
        "the detector before": stored(sources.work, EARLIER),
        "one network, all generators": stored(sources.work, ALL),
        "one network, without this one": stored(sources.work, WITHOUT.format(name)),
    }
    sources.progress(name)
    return [[name, title, *cells(assess(one, examples)["all"])] for title, one in chosen.items() if one is not None]


def page(sources: Sources) -> Page:
    """A row for each generator and each detector; of the judge by kind of network too."""
    paths = [path for folder in generators(sources.needed("generators")) for path in batch_paths(folder)]
    rows: list[list[str]] = []
    for name, examples in by_generator([path for path in paths if is_left_out(path)]).items():
        rows += rows_of(name, examples, sources)
    parts = [
        "### The detector, generator by generator",
        "Made by `nphylo lab table generators --generators generators/ --judge apart/ --work detectors/`.",
        table(["left-out families of", "judged", *HEADER], rows),
    ]
    if sources.judge is not None:
        examples = read_examples(batch_paths(sources.judge), None)
        parts.append("No detector was trained, stopped or calibrated on the families of this table.")
        parts.append(table(["the judge", "judged", *HEADER], rows_of("all", examples, sources)))
        found = assess(detector(), examples, "kind")
        parts.append(table(["the judge, by kind of network", *HEADER], [[k, *cells(v)] for k, v in found.items()]))
    return Page("\n\n".join(parts))
