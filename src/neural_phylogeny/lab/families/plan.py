"""What families look like: shapes of trees and trainings, drawn from a generator; nothing is trained here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neural_phylogeny.lab.families.architectures import Architecture
from neural_phylogeny.lab.families.initial import SCHEMES

Generator = np.random.Generator

REGIMES = {
    "star": 0.16,
    "levels": 0.14,
    "random": 0.18,
    "chain": 0.06,
    "run": 0.28,
    "long": 0.04,
    "continued": 0.07,
    "decayed": 0.07,
}
"""Names of the kinds of families, with their shares; ``decayed`` is weight decay under SGD."""

SHAPES, SHAPE_SHARES = ("star", "levels", "random", "chain"), (0.35, 0.25, 0.3, 0.1)

LONGEST = 15
"""Checkpoints of a run at most."""

LONGER = 4
"""How much longer a long training is."""


MOST_STEPS = {"dense": 4500, "recurrent": 2500, "conv": 1500, "conv-norm": 1500, "attention": 2000}
"""From an initialisation to the last descendant: the end of a wave is spent on its longest line, almost alone."""


PACE = {"dense": 0.9, "recurrent": 0.8, "conv": 0.45, "conv-norm": 0.4, "attention": 0.8}
"""Factor on all steps: a step of a convolution costs several of a dense network."""


@dataclass(frozen=True)
class Training:
    """How one model comes from its parent, or from its initialisation.

    Attributes
    ----------
    task : number of the wave's task
    rate, last_rate : learning rate at the first and after the last step, linear between
    shots : examples of each class; 0 for all
    frozen : so many layers from the input stay as they are
    prune : share of each matrix set to zero before training, and kept there; also by the descendants
    resumes : whether the optimiser goes on with the parent's state
    """

    task: int
    optimiser: str
    rate: float
    last_rate: float
    decay: float
    steps: int
    batch: int
    shots: int
    frozen: int
    new_head: bool
    prune: float
    resumes: bool
    seed: int


@dataclass(frozen=True)
class FamilyPlan:
    """One group of models: a tree of a regime, and perhaps strangers.

    Attributes
    ----------
    parents : of each model, -1 for a root; parents come before their children
    trainings : of each model
    initial_seeds : of each model's tree; equal ones begin at the same initialisation
    head : ``kept``, ``new`` (drawn anew by some child) or ``left out`` of the comparison
    """

    architecture: Architecture
    regime: str
    scheme: str
    gain: float
    parents: tuple[int, ...]
    trainings: tuple[Training, ...]
    initial_seeds: tuple[int, ...]
    head: str


def draw_family(
    architecture: Architecture, tasks: int, batch: int, rng: Generator, regime: str | None = None
) -> FamilyPlan:
    """A plan of a given regime or of any, for so many tasks; children take batches of ``batch`` or of half of it."""
    regime = regime or str(rng.choice(list(REGIMES), p=list(REGIMES.values())))
    number = int(rng.integers(4, 16)) if rng.random() < 0.93 else int(rng.integers(16, 25))
    number = min(number, LONGEST) if regime == "run" else number
    scheme, gain = ("default", 1.0) if rng.random() < 0.5 else (str(rng.choice(SCHEMES)), float(rng.uniform(0.7, 1.5)))
    head = str(rng.choice(["kept", "new", "left out"], p=[0.55, 0.15, 0.3]))
    if regime == "run":
        head = "kept" if rng.random() < 0.8 else "left out"
    sizes, seeds = [number], [_seed(rng)]
    if rng.random() < 0.4:
        strangers = [int(rng.integers(1, 5)) for _ in range(int(rng.integers(1, 3)))]
        sizes = [max(number - sum(strangers), 3), *strangers]
        same = rng.random() < 0.25
        seeds += [seeds[0] if same else _seed(rng) for _ in strangers]
    layers = len({t.layer for t in architecture.tensors})
    parents: list[int] = []
    trainings: list[Training] = []
    for size in sizes:
        tree, trained = (
            _run(size, tasks, rng) if regime == "run" else _fine_tunes(size, regime, tasks, layers, head, rng)
        )
        before = len(parents)
        parents += [parent if parent < 0 else before + parent for parent in tree]
        trainings += trained
    halves = rng.random(len(trainings)) < 0.15
    trainings = [replace(t, batch=batch // 2 if half else batch) for t, half in zip(trainings, halves, strict=True)]
    trainings = _paced(trainings, parents, architecture)
    initial_seeds = tuple(seed for seed, size in zip(seeds, sizes, strict=True) for _ in range(size))
    return FamilyPlan(architecture, regime, scheme, gain, tuple(parents), tuple(trainings), initial_seeds, head)


def draw_parents(shape: str, number: int, rng: Generator) -> list[int]:
    """A tree of so many models, the root first; four generations at most but for a chain."""
    if shape == "chain":
        return list(range(-1, number - 1))
    if shape == "star":
        return [-1] + [0] * (number - 1)
    if shape == "levels":
        middle = int(rng.integers(1, max(2, number // 2)))
        return [-1, *(0 if k < middle else 1 + (k - middle) % middle for k in range(number - 1))]
    parents, depths = [-1], [0]
    for _ in range(number - 1):
        parents.append(int(rng.choice([k for k, depth in enumerate(depths) if depth < 4])))
        depths.append(depths[parents[-1]] + 1)
    return parents


def _fine_tunes(
    size: int, regime: str, tasks: int, layers: int, head: str, rng: Generator
) -> tuple[list[int], list[Training]]:
    shape = regime if regime in SHAPES else str(rng.choice(SHAPES, p=SHAPE_SHARES))
    parents = draw_parents(shape, size, rng)
    longer = LONGER if regime == "long" else 1
    root = _root(tasks, rng)
    trainings = [replace(root, steps=longer * root.steps)]
    shared = _child(tasks, layers, head, rng)
    alike, pool = rng.choice(["all", "but length", "none"]), rng.integers(tasks, size=int(rng.choice([1, 2, 4])))
    for parent in parents[1:]:
        own = _child(tasks, layers, head, rng)
        if alike != "none":
            own = replace(shared, seed=own.seed, rate=own.rate, last_rate=own.last_rate, steps=own.steps)
        if alike == "all":
            own = replace(own, rate=shared.rate, last_rate=shared.last_rate, steps=shared.steps)
        task = trainings[parent].task if regime == "continued" else int(rng.choice(pool))
        own = replace(own, task=task, steps=longer * own.steps, shots=0 if longer > 1 else own.shots)
        if own.optimiser == "sgd" and root.optimiser == "sgd" and alike == "none":
            own = replace(own, rate=root.rate * float(rng.uniform(0.15, 1.5)))
        if regime == "decayed":
            own = replace(own, optimiser="sgd", rate=_rate("sgd", rng), decay=_log(1e-3, 3e-2, rng))
        if regime == "continued":
            own = replace(own, new_head=False)
        trainings.append(own)
    return parents, trainings


def _run(size: int, tasks: int, rng: Generator) -> tuple[list[int], list[Training]]:
    """Checkpoints of one training, branching now and then, pruned on the way in 15 of 100."""
    parents = [-1]
    for k in range(1, size):
        parents.append(k - 1 if rng.random() < 0.92 else int(rng.integers(k)))
    root = _root(tasks, rng)
    segment, decays, prunes = _log(20, 400, rng), rng.random() < 0.4, rng.random() < 0.15
    equal, resumes = rng.random() < 0.6, rng.random() < 0.5
    if rng.random() < 0.25:
        root = replace(root, steps=_tens(float(rng.integers(0, 20))))
    root = replace(root, last_rate=root.rate)
    when = (
        set(rng.choice(np.arange(1, size), size=min(size - 1, int(rng.integers(1, 4))), replace=False))
        if size > 1
        else set()
    )
    trainings, share = [root], float(rng.uniform(0.2, 0.85))
    factor = float(rng.uniform(0.6, 0.95)) if decays else 1.0
    for k, parent in enumerate(parents[1:], start=1):
        before = trainings[parent]
        steps = _tens(segment * (1.0 if equal else rng.uniform(0.4, 1.8)))
        prune = share if prunes and k in when else 0.0
        if prune:
            share = min(0.95, share + (1.0 - share) * float(rng.uniform(0.1, 0.5)))
        trainings.append(
            replace(
                before,
                rate=before.last_rate,
                last_rate=before.last_rate * factor,
                steps=steps,
                prune=prune,
                resumes=resumes and not prune,
                seed=_seed(rng),
            )
        )
    return parents, trainings


def _paced(trainings: list[Training], parents: list[int], architecture: Architecture) -> list[Training]:
    """Fewer steps where one costs much or many follow each other; larger ones for attention, else it hardly learns."""
    most = MOST_STEPS[architecture.kind]
    pace, rate = PACE[architecture.kind], 2.5 if architecture.kind == "attention" else 1.0
    total: list[float] = []
    for training, parent in zip(trainings, parents, strict=True):
        total.append(pace * training.steps + (total[parent] if parent >= 0 else 0.0))
    pace *= min(1.0, most / max(total))
    return [
        replace(t, steps=_tens(pace * t.steps), rate=rate * t.rate, last_rate=rate * t.last_rate) for t in trainings
    ]


def _root(tasks: int, rng: Generator) -> Training:
    optimiser = "sgd" if rng.random() < 0.6 else "adamw"
    rate = _rate(optimiser, rng)
    decay = 0.0 if rng.random() < 0.4 else _log(1e-5, 2e-3, rng)
    if optimiser == "adamw":
        decay *= 20.0
    task = int(rng.integers(tasks))
    steps = _tens(_log(200, 1200, rng))
    return Training(task, optimiser, rate, _last(rate, rng), decay, steps, 0, 0, 0, False, 0.0, False, _seed(rng))


def _child(tasks: int, layers: int, head: str, rng: Generator) -> Training:
    own = _root(tasks, rng)
    shots = int(rng.choice([5, 50, 0], p=[0.2, 0.25, 0.55]))
    steps = _log(10, 80, rng) if shots == 5 else _log(20, 700, rng)
    frozen = 0
    if layers > 2 and rng.random() < 0.1:
        frozen = int(rng.integers(1, layers - 1))
    new_head = head != "kept" and rng.random() < (0.8 if head == "left out" else 0.5)
    decay = 0.0 if rng.random() < 0.4 else _log(1e-5, 5e-3, rng) * (20.0 if own.optimiser == "adamw" else 1.0)
    return replace(own, shots=shots, steps=_tens(steps), frozen=frozen, new_head=new_head, decay=decay)


def _rate(optimiser: str, rng: Generator) -> float:
    return _log(4e-3, 8e-2, rng) if optimiser == "sgd" else _log(4e-4, 6e-3, rng)


def _last(rate: float, rng: Generator) -> float:
    return rate if rng.random() < 0.6 else rate * float(rng.choice([0.0, 0.1, 0.3]))


def _log(low: float, high: float, rng: Generator) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _tens(steps: float) -> int:
    """Rounded up to tens, so that many trainings end together; their batch is then put together anew but once."""
    return max(10, 10 * round(float(steps) / 10))


def _seed(rng: Generator) -> int:
    return int(rng.integers(2**31))
