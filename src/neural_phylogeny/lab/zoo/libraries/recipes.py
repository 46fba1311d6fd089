"""Recipes of families in the libraries that people share models with, as data (one TOML file each)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neural_phylogeny.lab.toml_records import described, named, record

FOLDER = Path(__file__).parent / "recipes"

HOWS = ("pretrain", "full", "frozen", "lora", "dora", "adapter", "distil", "merge", "cast", "swap")
"""How a model comes from its parents.

``lora`` and ``dora`` are merged into the base, ``adapter`` is saved as PEFT saves it, ``distil`` learns from
its parent anew, ``swap`` is the first parent with components of the second.
"""

USES = ("choose", "report")
"""What a recipe's collections are for: ``choose`` may decide between designs and train; ``report`` is only measured."""

OBJECTIVES = (
    *("next-token", "instruct", "preference", "masked", "sequence", "tokens", "span"),
    *("images", "waves", "denoise", "pipeline", "autoencode"),
)
"""What a task may train for, before the colon of its name."""


@dataclass(frozen=True)
class Network:
    """A class of a library with its configuration; for pipelines the component is the key in ``Recipe.network``.

    Attributes
    ----------
    library : ``transformers``, ``diffusers`` or ``timm``
    kind : name of the class, or of the model for timm
    config : fields of its configuration; timm's keyword arguments
    """

    library: str
    kind: str
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """One line of a recipe: a run that makes one or several models.

    A list in ``task``, ``steps``, ``rate``, ``batch`` or ``decay`` is a choice, drawn from the seed.

    Attributes
    ----------
    parents : names of members, or of what they emit: ``NAME@STEPS`` is a checkpoint, ``NAME+ema`` a moving average
    task : ``OBJECTIVE:DATA``
    checkpoints : steps after which a checkpoint is kept, a model of its own and the parent of what follows
    ema : decay of a moving average of the weights, kept beside the run as its child; 0 for none
    head : class of the network where it is another than the parent's, with ``head_config`` over the recipe's
    targets, rank : layers that a low-rank adapter changes
    frozen : share of the parameter tensors, from the input on, that a ``frozen`` run keeps
    examples : size of the data set; 0 for all
    trained : components of a pipeline that are trained; all where empty
    taken : components that ``swap`` takes from the second parent
    weight : of the second parent in a ``merge``
    extra_tokens : rows by which the vocabulary grows
    precision, shards : of the files
    shown : whether the models of the run are in the collection; a child of one that is not is a root
    """

    name: str
    how: str
    parents: tuple[str, ...] = ()
    task: str | tuple[str, ...] = ""
    steps: int | tuple[int, ...] = 100
    rate: float | tuple[float, ...] = 1e-3
    batch: int | tuple[int, ...] = 8
    decay: float | tuple[float, ...] = 0.0
    checkpoints: tuple[int, ...] = ()
    ema: float = 0.0
    head: str = ""
    head_config: dict[str, Any] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    rank: int = 4
    frozen: float = 0.5
    examples: int = 0
    trained: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    weight: float = 0.5
    extra_tokens: int = 0
    precision: str = "float32"
    shards: int = 1
    shown: bool = True


@dataclass(frozen=True)
class LibraryRecipe:
    """Everything that a collection is made from besides a seed and the data.

    Attributes
    ----------
    suite : which suite it belongs to
    use : of ``USES``
    network : the network, or the components of a pipeline by name
    text : the source, so that runs of another version are never taken for this
    """

    name: str
    summary: str
    suite: str
    use: str
    network: Mapping[str, Network]
    members: tuple[Member, ...]
    text: str

    @property
    def is_pipeline(self) -> bool:
        """Whether models are folders of components."""
        return set(self.network) != {"model"}


def known_library_recipes() -> list[str]:
    """Names of the recipes that ship."""
    return named(FOLDER)


def read_library_recipe(name: str) -> LibraryRecipe:
    """A recipe by its name, or from a TOML file.

    Raises
    ------
    UnknownChoiceError
        When it is neither; the message lists the known ones.
    SavedFileError
        When the file is not a recipe; the message names the place.
    """
    return described("recipe", name, FOLDER, lambda path: _recipe(path.stem, path.read_text(encoding="utf-8")))


def _recipe(name: str, text: str) -> LibraryRecipe:
    content = tomllib.loads(text)
    unknown = set(content) - {"summary", "suite", "use", "network", "components", "defaults", "models"}
    if unknown:
        raise ValueError(f"the recipe: unknown field {sorted(unknown)[0]!r}")
    defaults = content.get("defaults", {})
    networks = {"model": content["network"]} if "network" in content else content["components"]
    recipe = LibraryRecipe(
        name=name,
        summary=str(content["summary"]),
        suite=str(content["suite"]),
        use=str(content["use"]),
        network={key: record(Network, entry, key) for key, entry in networks.items()},
        members=tuple(
            record(Member, defaults.get(entry["how"], {}) | entry, entry["name"]) for entry in content["models"]
        ),
        text=json.dumps(content, sort_keys=True),
    )
    _check(recipe)
    return recipe


def _check(recipe: LibraryRecipe) -> None:
    """Refuse what could not be made; ValueError names the member."""
    if recipe.use not in USES:
        raise ValueError(f"use {recipe.use!r} is none of {', '.join(USES)}")
    known: set[str] = set()
    for member in recipe.members:
        if member.how not in HOWS:
            raise ValueError(f"{member.name}: how {member.how!r} is none of {', '.join(HOWS)}")
        wanted = {"pretrain": 0, "merge": 2, "swap": 2}.get(member.how, 1)
        if len(member.parents) != wanted:
            raise ValueError(f"{member.name}: {member.how!r} takes {wanted} parents")
        for parent in member.parents:
            if parent not in known:
                raise ValueError(f"{member.name}: no model {parent!r} before it")
        for task in (member.task,) if isinstance(member.task, str) else member.task:
            if task and task.partition(":")[0] not in OBJECTIVES:
                raise ValueError(f"{member.name}: objective of {task!r} is none of {', '.join(OBJECTIVES)}")
        known |= {member.name, *(f"{member.name}@{steps}" for steps in member.checkpoints)}
        known |= {f"{member.name}+ema"} if member.ema else set()
