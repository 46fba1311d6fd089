"""Recipes: what families look like and how their members are trained, as data (one TOML file each)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from neural_phylogeny.lab.toml_records import described, named

FOLDER = Path(__file__).parent / "recipes"

SHAPES = ("star", "levels", "tree", "chain", "run")
"""What a family may look like: ``levels`` is a balanced tree of two generations, ``tree`` a random recursive one,
``run`` a chain of checkpoints of one training."""

Choices = tuple[Any, ...]
"""Values of which each run draws one."""


@dataclass(frozen=True)
class Training:
    """How runs are trained: each field holds the values that a run chooses from.

    Attributes
    ----------
    task : names as in ``zoo.tasks``
    shots : training examples a class, or ``"all"``
    steps : gradient steps
    optimiser : ``"sgd"`` (momentum 0.9) or ``"adamw"``
    rate : learning rates, a list for each optimiser
    batch : examples a step
    decay : weight decay, added to the gradient by sgd and decoupled in adamw
    frozen : ``"none"``, or ``"first"`` to keep the first layer as it is
    head : ``"kept"`` where the number of classes allows it, or ``"new"``
    initialisation : of a root; ``"default"`` is the framework's, others as in ``zoo.networks``
    prune : share of the smallest weights of the body that are set to zero first, and stay zero
    """

    task: Choices
    rate: Mapping[str, Choices]
    shots: Choices = ("all",)
    steps: Choices = (200,)
    optimiser: Choices = ("sgd",)
    batch: Choices = (64,)
    decay: Choices = (0.0,)
    frozen: Choices = ("none",)
    head: Choices = ("kept",)
    initialisation: Choices = ("default",)
    prune: Choices = (0.0,)


@dataclass(frozen=True)
class Cell:
    """The descendants of the roots under one setting: a cell of a table of results.

    Attributes
    ----------
    shape : of ``SHAPES``, drawn for each family
    descendants : number of them in a family
    generations : largest depth below the root, for trees
    alike : fields of ``Training`` in which all descendants of a family agree, drawn for each family
    """

    name: str
    training: Training
    shape: Choices = ("star",)
    descendants: Choices = (5,)
    generations: Choices = (99,)
    alike: Choices = ((),)


@dataclass(frozen=True)
class Recipe:
    """Everything that a collection is made from besides a seed and the data.

    Attributes
    ----------
    families : number of them in a collection
    same_initialisation : whether all roots of a collection start from the same random weights
    untaught : whether models that stay at chance are taken, as after a single step
    text : the TOML source, so that what was trained under another text is never taken for this
    """

    name: str
    summary: str
    network: Mapping[str, Any]
    families: int
    same_initialisation: bool
    pretraining: Training
    cells: tuple[Cell, ...]
    text: str
    untaught: bool = False


def known_recipes() -> list[str]:
    """Names of the recipes that ship."""
    return named(FOLDER)


def read_recipe(name: str) -> Recipe:
    """A recipe by its name, or from a TOML file.

    Raises
    ------
    UnknownChoiceError
        When it is neither; the message lists the known ones.
    SavedFileError
        When the file is not a recipe; the message names the place.
    """
    return described("recipe", name, FOLDER, lambda path: _recipe(path.stem, path.read_text(encoding="utf-8")))


def _recipe(name: str, text: str) -> Recipe:
    content = tomllib.loads(text)
    cells = tuple(_cell(f"{name}-{key}" if key else name, entry) for key, entry in content["cells"].items())
    _refuse_unknown(
        "the recipe", content, {"summary", "network", "families", "same_initialisation", "untaught"}, "cells"
    )
    return Recipe(
        name=name,
        summary=str(content["summary"]),
        network=content["network"],
        families=int(content["families"]),
        same_initialisation=bool(content.get("same_initialisation", False)),
        pretraining=_training("pretraining", content["pretraining"]),
        cells=cells,
        text=json.dumps(content, sort_keys=True),
        untaught=bool(content.get("untaught", False)),
    )


def _cell(name: str, entry: Mapping[str, Any]) -> Cell:
    own = {field.name for field in fields(Cell)} - {"name", "training"}
    chosen = {key: _choices(value) for key, value in entry.items() if key in own}
    unknown = set(chosen.get("shape", ())) - set(SHAPES)
    if unknown:
        raise ValueError(f"cell {name!r}: shape {sorted(unknown)[0]!r} is none of {', '.join(SHAPES)}")
    rest = {key: value for key, value in entry.items() if key not in own}
    return Cell(name, _training(name, rest), **chosen)


def _training(where: str, entry: Mapping[str, Any]) -> Training:
    _refuse_unknown(where, entry, {field.name for field in fields(Training)})
    rates = {optimiser: _choices(values) for optimiser, values in entry["rate"].items()}
    chosen = {key: _choices(value) for key, value in entry.items() if key != "rate"}
    training = Training(rate=rates, **chosen)
    without = set(training.optimiser) - set(rates)
    if without:
        raise ValueError(f"{where}: no rate for {sorted(without)[0]!r}")
    return training


def _refuse_unknown(where: str, entry: Mapping[str, Any], known: set[str], *more: str) -> None:
    unknown = set(entry) - known - set(more) - ({"pretraining"} if more else set())
    if unknown:
        raise ValueError(f"{where}: unknown field {sorted(unknown)[0]!r}; known: {', '.join(sorted(known))}")


def _choices(value: Any) -> Choices:
    """A single value is the only choice; lists inside become tuples."""
    values = value if isinstance(value, list) else [value]
    return tuple(tuple(item) if isinstance(item, list) else item for item in values)
