"""What `auto` claims of families with known truth: every probability, whether it was so, and of what it was claimed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families.batches import KnownFamily, batch_paths, is_left_out, read_batch
from neural_phylogeny.lab.training.ensemble import is_judge
from neural_phylogeny.reconstruction.told import if_present
from neural_phylogeny.relations.existence import existence
from neural_phylogeny.trees.auto import auto_forest
from neural_phylogeny.trees.family import Family
from neural_phylogeny.trees.forest import Forest

PARENT, PRESENT, DIRECTION, ROOT = "this parent", "if it is here", "this direction", "a root"
KINDS = (PARENT, PRESENT, DIRECTION, ROOT)
"""Probabilities that are claimed of models: P(parent) of each edge, the same given that the parent is among the models
(of models whose parent is), P(direction) of each edge, P(root) of each model."""

SIZES = ((2, "2"), (3, "3"), (6, "4 to 6"), (10, "7 to 10"), (10**9, "more than 10"))
"""Members of a family, at most, and the name of the row."""

STEPS = ((0.02, "below 2 %"), (0.06, "2 to 6 %"), (0.2, "6 to 20 %"), (0.6, "20 to 60 %"), (1e9, "60 % and more"))
"""Distance of a model to the claimed parent, or to its nearest relative, over that one's norm, at most."""

ALPHA = 1e-3
"""Level of the relatedness test, as the tool's default; only how pairs are corrected depends on it."""

Progress = Callable[[str], None]
Answer = tuple[float, bool]


@dataclass(frozen=True, slots=True)
class Claim:
    """One probability: of what kind, whether it was so, and of which family."""

    kind: str
    probability: float
    right: bool
    generator: str
    network: str
    size: str
    step: str
    half: int
    """Of two halves of the batches: 0 for what is chosen, 1 for what is reported."""

    @property
    def answer(self) -> Answer:
        """As ``evaluation.rates.calibration`` takes it."""
        return self.probability, self.right


BY = ("generator", "size", "step", "network")
"""Fields of a claim that have rows and a picture each."""


@dataclass(frozen=True, slots=True)
class PairTest:
    """The relatedness test of one pair: log p, and whether the two have an ancestor or an initialisation in common."""

    log_p: float
    related: bool
    generator: str


def named(value: float, bounds: Sequence[tuple[float, str]]) -> str:
    """The name of the first bound that is not exceeded.

    Examples
    --------
    >>> named(5, SIZES), named(0.3, STEPS)
    ('4 to 6', '20 to 60 %')
    """
    return next(name for bound, name in bounds if value <= bound)


def claims_of(known: KnownFamily, generator: str, half: int) -> Iterator[Claim]:
    """All claims of ``auto`` on one group of related models."""
    family = known.family
    forest = auto_forest(family)
    assert forest.p_parent is not None
    steps = _steps(family, forest)
    about = (generator, _network(known), named(len(known), SIZES))
    for j, i in enumerate(forest.parents.tolist()):
        step = named(float(steps[j]), STEPS)
        if i >= 0:
            right = bool(known.parents[j] == i)
            yield Claim(PARENT, float(forest.p_parent[j]), right, *about, step, half)
            present = if_present(forest, j)
            if present is not None and known.parents[j] >= 0:
                yield Claim(PRESENT, present, right, *about, step, half)
            if right or known.parents[i] == j:
                yield Claim(DIRECTION, float(forest.p_direction[j]), right, *about, step, half)
        if forest.p_root is not None:
            yield Claim(ROOT, float(forest.p_root[j]), bool(known.parents[j] < 0), *about, step, half)


def _steps(family: Family, forest: Forest) -> NDArray[np.float64]:
    """How far each model is from its parent in the forest, or from its nearest relative, over the norm: ``(n,)``."""
    norms = np.sqrt(np.maximum(np.diag(family.gram), 1e-30))
    relative = np.where(np.eye(len(norms), dtype=bool), np.inf, family.distance / norms[:, None])
    relative = np.where(np.isfinite(relative), relative, np.inf)
    nearest = np.argmin(relative, axis=0)
    parents = np.where(forest.parents < 0, nearest, forest.parents)
    found: NDArray[np.float64] = np.minimum(relative[parents, np.arange(len(norms))], 1e6)
    return found


def _network(known: KnownFamily) -> str:
    """The kind of architecture, one word."""
    return str(known.about.get("kind") or known.about["architecture"]).split()[0]


def pair_tests(known: KnownFamily, generator: str) -> Iterator[PairTest]:
    """The relatedness test of every pair of a collection, strangers too."""
    n = len(known)
    if n < 2:
        return
    found = existence(known.statistics, ALPHA, n * (n - 1) // 2)
    for i, j in zip(*np.triu_indices(n, 1), strict=True):
        if np.isfinite(found.log_p[i, j]) and not found.identical[i, j]:
            yield PairTest(float(found.log_p[i, j]), bool(known.trees[i] == known.trees[j]), generator)


def read(
    folders: dict[str, Path], most: int | None = None, progress: Progress = lambda line: None
) -> tuple[list[Claim], list[PairTest]]:
    """Claims on families that no detector was trained on, so many groups of a folder at most; half a second a group."""
    claims: list[Claim] = []
    tests: list[PairTest] = []
    for name, folder in folders.items():
        groups = 0
        for known, half in _collections(unseen(folder)):
            tests += pair_tests(known, name)
            for group in known.related():
                claims += claims_of(group, name, half)
                groups += 1
            if most is not None and groups >= most:
                break
        progress(f"{name}: {groups} groups")
    return claims, tests


def unseen(folder: Path) -> list[Path]:
    """The left-out batches of a folder; all of them of the judge, and where none is left out."""
    paths = batch_paths(folder)
    left_out = [path for path in paths if is_left_out(path)]
    return paths if is_judge(folder) or not left_out else left_out


def _collections(paths: Iterable[Path]) -> Iterator[tuple[KnownFamily, int]]:
    """The families of all batches, first one of each, then the next; every second one is for choosing."""
    batches = [read_batch(path) for path in paths]
    for number in range(max(map(len, batches), default=0)):
        for batch in batches:
            if number < len(batch):
                yield batch[number], number % 2


def by(claims: Iterable[Claim], key: str, kind: str) -> dict[str, list[Answer]]:
    """Answers of one kind of probability for each value of a field, in the order of the bounds or of appearance."""
    found: dict[str, list[Answer]] = {}
    for claim in claims:
        if claim.kind == kind:
            found.setdefault(getattr(claim, key), []).append(claim.answer)
    order = {"size": [name for _, name in SIZES], "step": [name for _, name in STEPS]}.get(key, list(found))
    return {name: found[name] for name in order if name in found}
