"""From a recipe and a seed to the runs of a collection: who is whose parent, and how each is trained. Draws only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from neural_phylogeny.lab.topologies import draw_parents
from neural_phylogeny.lab.zoo.recipes import Cell, Recipe, Training

Generator = np.random.Generator


@dataclass(frozen=True)
class Settings:
    """One choice of each field of ``Training``."""

    task: str
    shots: int | str
    steps: int
    optimiser: str
    rate: float
    batch: int
    decay: float
    frozen: str
    head: str
    initialisation: str
    prune: float = 0.0


@dataclass(frozen=True)
class Run:
    """One model to be trained.

    Attributes
    ----------
    key : its name among the runs of a seed
    parent : key of the run it starts from; None for a root
    seed : of its batches, and of the weights that it draws
    """

    key: str
    parent: str | None
    settings: Settings
    seed: int
    initial_seed: int
    kind: str = "finetune"


@dataclass(frozen=True)
class Family:
    """A root and, for each cell, its descendants, parents before children."""

    root: Run
    descendants: dict[str, tuple[Run, ...]]

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs, parents before children."""
        return self.root, *(run for runs in self.descendants.values() for run in runs)


def plan(recipe: Recipe, seed: int) -> tuple[Family, ...]:
    """The families of one collection of each cell; the cells share their roots.

    Deterministic in recipe and seed; a family does not depend on how many others there are.
    """
    return tuple(_family(recipe, seed, number) for number in range(recipe.families))


def _family(recipe: Recipe, seed: int, number: int) -> Family:
    key = f"family{number}"
    own = seed_of(recipe.name, seed, key)
    rng = np.random.default_rng(own)
    first = seed_of(recipe.name, seed, "initialisation") if recipe.same_initialisation else own
    root = Run(f"{key}-root", None, _draw(recipe.pretraining, rng), own, first)
    return Family(root, {cell.name: _descendants(cell, root, key, recipe, seed) for cell in recipe.cells})


def _descendants(cell: Cell, root: Run, family: str, recipe: Recipe, seed: int) -> tuple[Run, ...]:
    rng = np.random.default_rng(seed_of(recipe.name, seed, family, cell.name))
    shape, number, depth, alike = (_one(rng, c) for c in (cell.shape, cell.descendants, cell.generations, cell.alike))
    shared = _draw(cell.training, rng)
    runs = [root]
    for k, parent in enumerate(parents_of(shape, int(number), int(depth), rng), start=1):
        key = f"{cell.name}-{family}-{k}"
        own = seed_of(recipe.name, seed, key)
        if shape == "run":
            settings = replace(shared, task=root.settings.task, head="kept", frozen="none")
        else:
            settings = replace(_draw(cell.training, rng), **{field: getattr(shared, field) for field in alike})
            if "optimiser" in alike:
                settings = replace(settings, rate=shared.rate)
        kind = "later-checkpoint" if shape == "run" else "pruned" if settings.prune else "finetune"
        runs.append(Run(key, runs[parent].key, settings, own, own, kind))
    return tuple(runs[1:])


def parents_of(shape: str, descendants: int, depth: int, rng: Generator) -> Sequence[int]:
    """Parents of models 1, 2, ...; model 0 is the root and the other parents come before their children."""
    topology = {"run": "chain", "tree": "random"}.get(shape, shape)
    return draw_parents(topology, descendants, rng, depth=depth)


def _draw(training: Training, rng: Generator) -> Settings:
    chosen = {
        field.name: _one(rng, getattr(training, field.name)) for field in fields(training) if field.name != "rate"
    }
    return Settings(**chosen, rate=float(_one(rng, training.rate[chosen["optimiser"]])))


def _one(rng: Generator, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def seed_of(*parts: object) -> int:
    """A seed that depends on nothing but what it is for."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def model_names(number: int, seed: int, cell: str) -> list[str]:
    """Distinct pronounceable names that tell nothing."""
    rng = np.random.default_rng(seed_of("names", seed, cell))
    names: dict[str, None] = {}
    while len(names) < number:
        letters = [rng.choice(list(group)) for group in ("bdfgklmnprstvz", "aeiou") * 3]
        names["".join(letters)] = None
    return list(names)
