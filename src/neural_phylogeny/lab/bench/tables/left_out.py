"""Does a learned detector overfit what it saw: one architecture, data set, optimiser or size left out of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import names
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.bench.tables.detector import EPOCHS, variant
from neural_phylogeny.lab.families.batches import batch_paths, is_left_out
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.lab.training.examples import Example, Losses, read_examples

Property = Callable[[Example], bool]

GROUPS = 1000
"""Groups that a network is trained on, if there are so many without the property."""

HEADER = ("judged on groups with", "groups", "trained on", "never seen", "seen", "difference")


def of_kind(*kinds: str) -> Property:
    """Groups of networks of these kinds."""
    return lambda example: example.about["kind"] in kinds


def of_data(name: str) -> Property:
    """Groups with a task on a data set, however it is altered."""
    return lambda example: name in {task.partition("~")[0] for task in str(example.about["tasks"]).split()}


def of_optimiser(name: str) -> Property:
    """Groups with a model that an optimiser trained.

    Raises
    ------
    SavedFileError
        When a batch does not say by what its models were trained.
    """

    def has(example: Example) -> bool:
        if "optimisers" not in example.about:
            raise SavedFileError(
                "these batches do not say which optimisers trained their models; make them again with "
                "nphylo lab families make tiny"
            )
        return name in str(example.about["optimisers"]).split()

    return has


def properties(examples: Sequence[Example]) -> dict[str, Property]:
    """What is left out, by name; sizes are the smallest and the largest third of the groups."""
    third, two_thirds = np.quantile([float(example.about["parameters"]) for example in examples], [1 / 3, 2 / 3])
    return {
        "convolutions": of_kind("conv", "conv-norm"),
        "attention": of_kind("attention"),
        "recurrent cells": of_kind("recurrent"),
        "the data set `kannada_mnist`": of_data("kannada_mnist"),
        "the data set `cifar10`": of_data("cifar10"),
        "the optimiser AdamW": of_optimiser("adamw"),
        "the optimiser SGD": of_optimiser("sgd"),
        f"more than {two_thirds:,.0f} parameters": lambda example: float(example.about["parameters"]) > two_thirds,
        f"less than {third:,.0f} parameters": lambda example: float(example.about["parameters"]) < third,
    }


def page(sources: Sources) -> Page:
    """A row for each property: a network that never saw it, and one that did, on the same number of groups."""
    batches, work = sources.needed("batches"), sources.needed("work")
    paths = batch_paths(batches)
    left = read_examples([path for path in paths if is_left_out(path)], None)
    examples = read_examples([path for path in paths if not is_left_out(path)], Losses(), seed=0)
    examples = [examples[k] for k in np.random.default_rng(0).permutation(len(examples))]
    config = DetectorConfig(n_features=len(names()))
    rows = []
    for title, has in properties(examples).items():
        judged = [example for example in left if has(example)]
        without = [example for example in examples if not has(example)][:GROUPS]
        stem = "".join(letter if letter.isalnum() else "-" for letter in title)
        never = variant(f"{stem}-never", without, judged, config, work)
        seen = variant(f"{stem}-seen", examples[: len(without)], judged, config, work)
        figures = [[float(row[3]), float(row[4])] for row in (never, seen)]
        fields = [f"{overall:.3f} / {direction:.3f}" for overall, direction in figures]
        difference = " / ".join(f"{a - b:+.3f}" for a, b in zip(*figures, strict=True))
        rows.append([title, str(len(judged)), str(len(without)), *fields, difference])
        sources.progress(title)
    intro = (
        f"Each field is of a network of its own, trained for {EPOCHS} epochs on as many groups as its neighbour, from "
        "families of one generator: overall / tree direction on groups that have the property and that neither network "
        "was trained on. *Never seen*: no group with it was in training; *seen*: groups as they come."
    )
    command = "`nphylo lab table left_out --batches batches/ --work work/`."
    return Page("\n\n".join(["### One thing left out of training", command, intro, table(list(HEADER), rows)]))
