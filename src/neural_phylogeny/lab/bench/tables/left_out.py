"""Does a learned detector overfit what it saw: one architecture, data set, optimiser or size left out of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.bench.stored import once
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.bench.tables.baselines import EPOCHS, Figures, network
from neural_phylogeny.lab.families.batches import batch_number, batch_paths
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.lab.training.assessment import assess
from neural_phylogeny.lab.training.examples import Example, Losses, read_examples

Property = Callable[[Example], bool]

Judged = Mapping[str, Sequence[Example]]

GROUPS = 400
"""Groups that a network is trained on, if there are so many without the property."""

JUDGED, FEW = 4, 40
"""One batch in so many is for judging; so many groups of a property choose the epoch."""

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
        "the optimiser AdamW": of_optimiser("adamw"),
        "the optimiser SGD": of_optimiser("sgd"),
        f"more than {two_thirds:,.0f} parameters": lambda example: float(example.about["parameters"]) > two_thirds,
        f"less than {third:,.0f} parameters": lambda example: float(example.about["parameters"]) < third,
        "convolutions": of_kind("conv", "conv-norm"),
        "attention": of_kind("attention"),
        "recurrent cells": of_kind("recurrent"),
        "the data set `kannada_mnist`": of_data("kannada_mnist"),
    }


def reached(examples: Sequence[Example], judged: Judged, stored: Path) -> dict[str, Figures]:
    """What a network trained on examples reaches on each set of groups, or what it reached when it was trained before.

    Its epoch is chosen on the first groups of each set, for every network alike.
    """

    def made() -> dict[str, Figures]:
        chosen = network(examples, [example for some in judged.values() for example in some[:FEW]])
        found = {title: assess(chosen, some)["all"] for title, some in judged.items()}
        return {title: (one.overall, one.direction) for title, one in found.items()}

    return {title: (a, b) for title, (a, b) in once(stored, made).items()}


def page(sources: Sources) -> Page:
    """A row for each property: a network that never saw it, and one that did, on the same number of groups."""
    batches, work = sources.needed("batches"), sources.needed("work")
    paths = batch_paths(batches)
    left = read_examples([path for path in paths if batch_number(path) % JUDGED == 0], None)
    examples = read_examples([path for path in paths if batch_number(path) % JUDGED], Losses(), seed=0)
    examples = [examples[k] for k in np.random.default_rng(0).permutation(len(examples))]
    known = properties(examples)
    judged = {title: [example for example in left if has(example)] for title, has in known.items()}
    rows = []
    for title, has in known.items():
        without = [example for example in examples if not has(example)][:GROUPS]
        stem = "".join(letter if letter.isalnum() else "-" for letter in title)
        never = reached(without, {title: judged[title]}, work / f"without-{stem}.json")[title]
        seen = reached(examples[: len(without)], judged, work / f"seen-{len(without)}.json")[title]
        fields = [f"{overall:.3f} / {direction:.3f}" for overall, direction in (never, seen)]
        difference = " / ".join(f"{a - b:+.3f}" for a, b in zip(never, seen, strict=True))
        rows.append([title, str(len(judged[title])), str(len(without)), *fields, difference])
        sources.progress(title)
    intro = (
        f"Overall / tree direction of networks trained for {EPOCHS} epochs on few groups of one generator, judged on "
        "groups of other batches. *Never seen*: no group with the property was in training; *seen*: as many groups as "
        "they come."
    )
    command = "`nphylo lab table left_out --batches batches/ --work work/`."
    return Page("\n\n".join(["### One thing left out of training", command, intro, table(list(HEADER), rows)]))
