"""From a recipe and a seed to runs and models with their parents. Draws only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neural_phylogeny.lab.zoo.libraries.recipes import LibraryRecipe, Member
from neural_phylogeny.lab.zoo.plan import seed_of

KINDS = {
    **{"full": "finetune", "frozen": "finetune", "lora": "finetune", "dora": "finetune", "adapter": "adapter"},
    **{"merge": "merge", "cast": "converted", "swap": "finetune"},
}
"""The kind of an edge, by how its child was made."""

NUMBER_OF_PARENTS = {"distil": 0, "swap": 1}
"""How many of the parents are true ones, where not all are: not a teacher, nor the source of a component."""


@dataclass(frozen=True)
class Model:
    """A model that a run emits: its key, its true parents, and which run made it."""

    key: str
    parents: tuple[str, ...]
    kind: str
    run: str
    how: str


@dataclass(frozen=True)
class Drawn:
    """A member whose choices are drawn, its seed, and the models that it makes: checkpoints, the end, the average."""

    member: Member
    seed: int
    models: tuple[Model, ...]


def plan(recipe: LibraryRecipe, seed: int) -> tuple[Drawn, ...]:
    """The runs of a collection, parents before children; deterministic in recipe and seed."""
    unseen = {member.name for member in recipe.members if not member.shown}
    return tuple(_drawn(member, seed_of(recipe.name, seed, member.name), unseen) for member in recipe.members)


def _drawn(member: Member, seed: int, unseen: set[str]) -> Drawn:
    rng = np.random.default_rng(seed)
    chosen = {name: _one(rng, getattr(member, name)) for name in ("task", "steps", "rate", "batch", "decay")}
    return Drawn(replace(member, **chosen), seed, tuple(_models(member, unseen)) if member.shown else ())


def _models(member: Member, unseen: set[str]) -> list[Model]:
    """Checkpoints in a chain, the end of the run, and its moving average."""
    kind = KINDS.get(member.how, "")
    before = tuple(name for name in member.parents[: NUMBER_OF_PARENTS.get(member.how)] if name not in unseen)
    found = []
    for steps in member.checkpoints:
        key = f"{member.name}@{steps}"
        found.append(Model(key, before, kind, member.name, member.how))
        before, kind = (key,), "later-checkpoint"
    found.append(Model(member.name, before, kind, member.name, member.how))
    if member.ema:
        found.append(Model(f"{member.name}+ema", (member.name,), "ema", member.name, "ema"))
    return found


def _one(rng: np.random.Generator, choices: Any) -> Any:
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        return choices
    return choices[int(rng.integers(len(choices)))]
