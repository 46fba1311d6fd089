"""Collections by number: one draw, independent trainings from it, their children; even numbers are for choosing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.lab.families.pictures import Pictures
from neural_phylogeny.lab.families.truth import trees, without
from neural_phylogeny.lab.kinds.training import State
from neural_phylogeny.lab.one_seed.worlds import SCHEMES, TASKS, WORLDS, Recipe, drawn_recipe, drawn_world
from neural_phylogeny.relations.initialisations.seeds import USUAL

Model = dict[str, NDArray[np.float32]]
Generator = np.random.Generator

CHOOSING, REPORTING = "choosing", "reporting"
"""What a collection is for: nothing is ever chosen on the second."""

MOST = 7
"""Models of a collection."""

INDEPENDENT = ((1, 0.15), (2, 0.35), (3, 0.3), (4, 0.2))
"""Independent trainings of a collection, and how often."""

LONG, SHORT, FURTHER = (40.0, 600.0), (3.0, 40.0), (20.0, 300.0)
"""Steps of a training from the draw, of a short one, and of a child's."""

SHORTS, USUAL_SEEDS, OFFSETS, HIDDEN, DEFAULT, ALIKE = 0.15, 0.6, 0.25, 0.2, 0.6, 0.5
"""Shares: roots that were hardly trained; draws of a usual seed; draws behind other numbers; collections without one of
their roots; draws by the layers themselves; collections of one recipe, and of one task."""


@dataclass(frozen=True)
class OneSeed:
    """Models of one draw.

    Attributes
    ----------
    parents : (n,)
        -1 where the parent is not here or there is none.
    trees : (n,)
        Label of the independent training that each comes from: models of different labels are strangers.
    missing : (n,)
        Whether its parent is missing while a sibling is here.
    """

    number: int
    models: tuple[Model, ...]
    parents: NDArray[np.int64]
    trees: NDArray[np.int64]
    missing: NDArray[np.bool_]
    about: Mapping[str, object]

    @property
    def use(self) -> str:
        """What it is for."""
        return REPORTING if self.number % 2 else CHOOSING

    @property
    def named(self) -> dict[str, Model]:
        """By name, as ``reconstruct`` takes them."""
        return {f"m{k}": model for k, model in enumerate(self.models)}


def made(number: int, pictures: Pictures) -> OneSeed:
    """Train the collection of a number; five seconds of a core."""
    rng = np.random.default_rng([number, 4_711])
    world = drawn_world(WORLDS[number // 2 % len(WORLDS)], rng, pictures)
    seed = int(rng.choice(USUAL)) if rng.random() < USUAL_SEEDS else int(rng.integers(10**6, 2**31))
    skipped = int(rng.integers(1, 20_000)) if rng.random() < OFFSETS else 0
    scheme = "default" if rng.random() < DEFAULT else str(rng.choice(sorted(SCHEMES)))
    parents, recipes = _plan(rng)
    start = world.started(seed, skipped, scheme)
    states = list[State]()
    for parent, recipe in zip(parents, recipes, strict=True):
        states.append(world.trained(start if parent < 0 else states[parent], recipe))
    models = [{name: tensor.numpy() for name, tensor in state.items() if tensor.ndim} for state in states]
    keep = _kept(parents, rng)
    left, missing = without(parents, keep)
    about: dict[str, object] = {
        "world": world.name,
        "architecture": world.architecture,
        "seed": seed,
        "skipped": skipped,
    }
    about |= {"scheme": scheme, "steps": [recipe.steps for recipe, kept in zip(recipes, keep, strict=True) if kept]}
    labels = trees(parents, list(range(len(parents))))[keep]
    shown = tuple(model for model, kept in zip(models, keep, strict=True) if kept)
    return OneSeed(number, shown, left, labels, missing, about)


def _plan(rng: Generator) -> tuple[list[int], list[Recipe]]:
    """Parents and trainings; parents come before children."""
    counts, shares = zip(*INDEPENDENT, strict=True)
    roots = int(rng.choice(counts, p=shares))
    one_recipe, one_task = (bool(rng.random() < ALIKE) for _ in range(2))
    common = drawn_recipe(rng, 0, LONG)
    parents, recipes = [-1] * roots, list[Recipe]()
    for _ in range(roots):
        task = common.task if one_task else int(rng.integers(TASKS))
        if one_recipe:
            recipes.append(common.again(rng, task))
        else:
            recipes.append(drawn_recipe(rng, task, SHORT if rng.random() < SHORTS else LONG))
    for _ in range(int(rng.integers(1 if roots > 1 else 2, MOST + 1 - roots))):
        weights = np.array([1.0 + parents.count(k) for k in range(len(parents))])
        parent = int(rng.choice(len(parents), p=weights / weights.sum()))
        same = rng.random() < ALIKE
        parents.append(parent)
        recipes.append(drawn_recipe(rng, recipes[parent].task if same else int(rng.integers(TASKS)), FURTHER))
    return parents, recipes


def _kept(parents: list[int], rng: Generator) -> NDArray[np.bool_]:
    """Who stays: now and then a root with two children and more is lost."""
    keep = np.ones(len(parents), dtype=bool)
    rich = [k for k, parent in enumerate(parents) if parent < 0 and parents.count(k) > 1]
    if rich and rng.random() < HIDDEN:
        keep[rich[int(rng.integers(len(rich)))]] = False
    return keep


def make(
    folder: Path, numbers: Iterable[int], pictures: Pictures, done: Callable[[Path], None] = lambda path: None
) -> None:
    """Train the collections that are not there yet and write each to a file of its own."""
    for number in numbers:
        path = path_of(folder, number)
        if not path.exists():
            write(made(number, pictures), path)
        done(path)


def path_of(folder: Path, number: int) -> Path:
    """The file of a collection."""
    return folder / f"one-seed-{number:05}.npz"


def write(found: OneSeed, path: Path) -> None:
    """One file: the weights of all models, and their truth."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"{k}/{name}": values for k, model in enumerate(found.models) for name, values in model.items()}
    truth = {name: getattr(found, name).tolist() for name in ("parents", "trees", "missing")}
    about = json.dumps({"number": found.number, **truth, "about": dict(found.about)})
    with replacing(path) as file:
        np.savez(file, about=np.array(about), **arrays)  # type: ignore[arg-type]


def read(path: Path) -> OneSeed:
    """The collection of a file.

    Raises
    ------
    SavedFileError
        When it is damaged.
    """
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            stored = json.loads(str(file["about"]))
            models: list[Model] = [{} for _ in stored["parents"]]
            for key in file.files:
                if key != "about":
                    k, _, name = key.partition("/")
                    models[int(k)][name] = file[key]
            return OneSeed(
                stored["number"],
                tuple(models),
                np.array(stored["parents"], dtype=np.int64),
                np.array(stored["trees"], dtype=np.int64),
                np.array(stored["missing"], dtype=bool),
                stored["about"],
            )
    except (OSError, ValueError, LookupError, TypeError, BadZipFile) as error:
        raise SavedFileError(f"{path}: cannot be read ({error})") from error


def read_all(folder: Path) -> Iterator[OneSeed]:
    """All collections of a folder, by number."""
    for path in sorted(folder.glob("one-seed-*.npz")):
        yield read(path)
