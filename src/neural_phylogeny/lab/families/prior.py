"""Priors: what families of a generator look like, as versioned data (one TOML file each).

Lists are drawn from evenly, tables by their shares; pairs of numbers are ranges. ``draw`` does both.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.families.apart_prior import Apart
from neural_phylogeny.lab.families.large_prior import Large
from neural_phylogeny.lab.families.varied_prior import Varied
from neural_phylogeny.lab.toml_records import described, named, record

FOLDER = Path(__file__).parent / "priors"

VERSION = 1

Generator = np.random.Generator
Item = TypeVar("Item")
Span = tuple[float, float]
Between = tuple[int, int]
"""From the first on, below the second."""


def draw(rng: Generator, choices: Sequence[Item] | Mapping[Item, float]) -> Item:
    """One of a list, evenly, or of a table by its shares."""
    if isinstance(choices, Mapping):
        return list(choices)[int(rng.choice(len(choices), p=list(choices.values())))]
    return choices[int(rng.choice(len(choices)))]


def between(rng: Generator, span: Between) -> int:
    """An integer of a range."""
    return int(rng.integers(*span))


def between_in_log(rng: Generator, span: Span) -> float:
    """A number of a range, evenly in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(span))))


def draw_seed(rng: Generator) -> int:
    """What another generator begins with."""
    return int(rng.integers(2**31))


@dataclass(frozen=True)
class Layers:
    """Widths of a stack of layers: the first, perhaps by the side of the images, and how many more of which width."""

    first: tuple[int, ...]
    rest: tuple[int, ...]
    more: Between
    first_by_side: dict[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Attention:
    """Widths of attention blocks, sides of their images where they have their own, sides of patches by these."""

    widths: tuple[int, ...]
    patches: dict[int, int | dict[int, float]]
    sides: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recurrent:
    """Widths of recurrent layers, and the largest images they read."""

    widths: tuple[int, ...]
    largest_side: int


@dataclass(frozen=True)
class Scale:
    """Sizes of networks, and the share of architectures that have them."""

    share: float
    sides: dict[int, float]
    dense: Layers
    conv: Layers
    attention: Attention
    recurrent: Recurrent


@dataclass(frozen=True)
class Architectures:
    """Kinds of networks and their shares; ``parameters`` bounds their number where it is given."""

    kinds: dict[str, float]
    classes: tuple[int, ...]
    activations: tuple[str, ...]
    cells: dict[str, float]
    multiples: tuple[int, ...]
    scales: tuple[Scale, ...]
    parameters: Between | None = None


@dataclass(frozen=True)
class Strange:
    """How often a family comes with strangers: further trees, their members, and whether they share its start."""

    share: float
    trees: Between
    members: Between
    same_initialisation: float


@dataclass(frozen=True)
class FamilyShape:
    """Topologies, numbers of members, initialisations, heads, strangers."""

    topologies: dict[str, float]
    members: Between
    large_share: float
    large_members: Between
    default_initialisation: float
    schemes: tuple[str, ...]
    gain: Span
    heads: dict[str, float]
    strangers: Strange
    half_batch: float


@dataclass(frozen=True)
class Pace:
    """By kind of network: most steps from an initialisation on, factors on steps and on learning rates."""

    most_steps: dict[str, int]
    steps: dict[str, float]
    rate: dict[str, float]


@dataclass(frozen=True)
class RootTraining:
    """Trainings from an initialisation."""

    sgd: float
    rates: dict[str, Span]
    constant_rate: float
    last_rates: tuple[float, ...]
    no_decay: float
    decay: Span
    decay_of_adamw: float
    steps: Span


@dataclass(frozen=True)
class ChildTraining:
    """Trainings from a parent, in what differs from those of roots."""

    shots: dict[int, float]
    few_shot_steps: Span
    steps: Span
    frozen: float
    new_head: dict[str, float]
    no_decay: float
    decay: Span


@dataclass(frozen=True)
class FineTunes:
    """Families of fine-tunes: shapes of trees, what siblings have alike, tasks, long and decayed trainings.

    ``least_middles`` is of trees of two levels; ``tasks_of_root`` the share of families that go on with the root's.
    """

    shapes: dict[str, float]
    most_generations: int
    alike: tuple[str, ...]
    tasks: tuple[int, ...]
    rate_of_root: Span
    decayed: Span
    longer: int
    least_middles: int = 1
    tasks_of_root: float = 0.0


@dataclass(frozen=True)
class RunShape:
    """Checkpoints of one training: branches, lengths of segments, rates, pruning on the way.

    ``regrown`` is the share of pruned runs in which later checkpoints are trained without the mask, ``untrained`` the
    share of prunings that no training follows.
    """

    members: int
    left_out_head: float
    continues: float
    segment: Span
    decays: float
    pruned: float
    equal: float
    resumes: float
    early: float
    early_steps: Between
    prunings: Between
    pruned_values: Span
    decay_of_rate: Span
    unequal: Span
    pruned_further: Span
    most_pruned: float
    regrown: float = 0.0
    untrained: float = 0.0


@dataclass(frozen=True)
class Alterations:
    """What happens to finished models; ``rescaled`` and ``balanced`` are ranges of logarithms of factors."""

    share: float
    number: Between
    kinds: tuple[str, ...]
    members: Between
    grids: tuple[str, ...]
    whole_grids: tuple[str, ...]
    pruned_values: Span
    rescaled: Span
    balanced: Span
    merged: tuple[float, ...]


@dataclass(frozen=True)
class Missing:
    """Shares of trees that lose their root, of families that lose others, and how many."""

    root: float
    others: float
    number: Between


@dataclass(frozen=True)
class PictureViews:
    """Scalings of the images of a batch, and shares of the variants of data sets."""

    scalings: tuple[str, ...]
    variants: dict[str, float]


@dataclass(frozen=True)
class StrangersShape:
    """Strangers of one initialisation: how many, what they have alike, steps."""

    members: Between
    large_share: float
    large_members: Between
    alike: dict[str, float]
    steps: Span


@dataclass(frozen=True)
class PrunedChildren:
    """Children that are pruned before they are trained: shares of the ways, shares of values that go.

    Ways are ``one`` mask for all, an ``own`` share of each, ``some`` children alone, and a pruned ``copy`` of the root
    as the parent of its other children. ``regrown`` is the share of families that are trained without the mask.
    """

    ways: dict[str, float]
    values: Span
    regrown: float


@dataclass(frozen=True)
class Prior:
    """Everything that the families of a batch are made from besides its number and the data.

    Attributes
    ----------
    name : str
        Of its file.
    digest : str
        Of its content, so that what was made under another content is never taken for this.
    planner : str
        Which function plans families, of ``plan.PLANNERS``.
    families, tasks : int
        Families of a batch, and tasks that they share.
    batch : dict
        Images of a step by kind of network.
    """

    name: str
    digest: str
    version: int
    summary: str
    planner: str
    families: int
    tasks: int
    batch: dict[str, tuple[int, ...]]
    architecture: Architectures
    family: FamilyShape
    pace: Pace
    root: RootTraining
    child: ChildTraining
    fine_tunes: FineTunes
    run: RunShape
    alterations: Alterations
    missing: Missing
    pictures: PictureViews
    strangers: StrangersShape | None = None
    pruning: PrunedChildren | None = None
    varied: Varied | None = None
    apart: Apart | None = None
    large: Large | None = None


def known_priors() -> list[str]:
    """Names of the priors that ship."""
    return named(FOLDER)


def read_prior(name: str) -> Prior:
    """A prior by its name, or from a TOML file; ``base`` names the prior whose tables it overrides.

    Raises
    ------
    UnknownChoiceError
        When it is neither; the message lists the known ones.
    SavedFileError
        When the file is not a prior; the message names the place.
    """
    return described("prior", name, FOLDER, _prior)


def _prior(path: Path) -> Prior:
    content = _content(path)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    found = record(Prior, {**content, "name": path.stem, "digest": digest}, path.stem)
    if found.version != VERSION:
        raise SavedFileError(f"{path}: a prior of version {found.version}; this package reads version {VERSION}")
    return found


def _content(path: Path) -> dict[str, Any]:
    own = tomllib.loads(path.read_text(encoding="utf-8"))
    base = own.pop("base", None)
    return own if base is None else _merged(_content(FOLDER / f"{base}.toml"), own)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are joined field by field, but those that hold shares, whose values are numbers, are replaced."""
    found = dict(base)
    for key, value in own.items():
        before = base.get(key)
        found[key] = value
        if isinstance(before, dict) and isinstance(value, dict):
            has_fields = any(isinstance(one, dict | list | str) for one in before.values())
            found[key] = _merged(before, value) if has_fields else value
    return found
