"""Plans of families: trees and trainings, drawn from a prior; nothing is trained here.

A planner is a function from a prior, an architecture and a generator to a ``FamilyPlan``; ``PLANNERS`` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neural_phylogeny.lab.families.architectures import Architecture, NetworkShape
from neural_phylogeny.lab.families.prior import (
    ChildTraining,
    Prior,
    RootTraining,
    between,
    between_in_log,
    draw,
    draw_seed,
)
from neural_phylogeny.lab.topologies import TOPOLOGIES, draw_parents

Generator = np.random.Generator


@dataclass(frozen=True)
class Training:
    """How one model comes from its parent, or from its initialisation.

    Attributes
    ----------
    task : number of the batch's task
    optimiser : a key of ``optimisers.OPTIMISERS``
    rate, last_rate : learning rate at the first and after the last step
    shots : examples of each class; 0 for all
    frozen : this many layers from the input stay as they are
    prune : share of each matrix set to zero before training, and kept there; also by the descendants
    resumes : whether the optimiser goes on with the parent's state
    schedule : how the rate gets from the first to the last, a key of ``stack.SCHEDULES``
    warm_up : share of the steps in which the rate rises from nothing
    clip : largest norm of a gradient, 0 for any
    exempt : whether vectors do not decay
    regrows : whether what was pruned away before may grow again
    classes : the first outputs that the head has, 0 for all
    adapter, rank : ``lora`` or ``dora``: matrices move by a product of this rank alone
    grid : ``bf16`` where weights are rounded after every step
    average : decay of a moving average of the weights kept beside the training, 0 for none
    takes_average : whether it is the average of its parent's training, and nothing is trained
    examples : as many of the task's, 0 for all
    how : in a word, for what is known of the family
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
    schedule: str = "linear"
    warm_up: float = 0.0
    clip: float = 0.0
    exempt: bool = False
    classes: int = 0
    regrows: bool = False
    adapter: str = ""
    rank: int = 0
    grid: str = ""
    average: float = 0.0
    takes_average: bool = False
    examples: int = 0
    how: str = ""


@dataclass(frozen=True)
class FamilyPlan:
    """One group of models: a tree of some topology, and perhaps strangers.

    Attributes
    ----------
    parents : of each model, -1 for a root; parents come before their children
    trainings : of each model
    initial_seeds : of each model's tree; equal ones begin at the same initialisation
    head : ``kept``, ``new`` (re-initialised by some child) or ``left out`` of the comparison
    """

    architecture: NetworkShape
    topology: str
    scheme: str
    gain: float
    parents: tuple[int, ...]
    trainings: tuple[Training, ...]
    initial_seeds: tuple[int, ...]
    head: str


def draw_plan(
    prior: Prior, architecture: Architecture, batch: int, rng: Generator, topology: str | None = None
) -> FamilyPlan:
    """A plan by the planner of a prior; children take batches of ``batch`` images or of half of it."""
    return PLANNERS[prior.planner](prior, architecture, batch, rng, topology)


def draw_family(
    prior: Prior, architecture: Architecture, batch: int, rng: Generator, topology: str | None = None
) -> FamilyPlan:
    """Fine-tunes or runs of a given topology or of any, perhaps with strangers."""
    own = prior.family
    topology = topology or draw(rng, own.topologies)
    is_run = topology == "run"
    number = between(rng, own.members if rng.random() < 1.0 - own.large_share else own.large_members)
    number = min(number, prior.run.members) if is_run else number
    scheme, gain = "default", 1.0
    if rng.random() >= own.default_initialisation:
        scheme, gain = draw(rng, own.schemes), float(rng.uniform(*own.gain))
    head = draw(rng, own.heads)
    if is_run:
        head = "kept" if rng.random() < 1.0 - prior.run.left_out_head else "left out"
    sizes, seeds = [number], [draw_seed(rng)]
    if rng.random() < own.strangers.share:
        trees = between(rng, own.strangers.trees)
        strangers = [between(rng, own.strangers.members) for _ in range(trees)]
        sizes = [max(number - sum(strangers), 3), *strangers]
        same = rng.random() < own.strangers.same_initialisation
        seeds += [seeds[0] if same else draw_seed(rng) for _ in strangers]
    layers = len({t.layer for t in architecture.tensors})
    parents: list[int] = []
    trainings: list[Training] = []
    for size in sizes:
        tree, trained = _run(size, prior, rng) if is_run else _fine_tunes(size, topology, prior, layers, head, rng)
        before = len(parents)
        parents += [parent if parent < 0 else before + parent for parent in tree]
        trainings += trained
    halves = rng.random(len(trainings)) < own.half_batch
    trainings = [replace(t, batch=batch // 2 if half else batch) for t, half in zip(trainings, halves, strict=True)]
    trainings = _paced(trainings, parents, prior, architecture.kind)
    initial_seeds = tuple(seed for seed, size in zip(seeds, sizes, strict=True) for _ in range(size))
    return FamilyPlan(architecture, topology, scheme, gain, tuple(parents), tuple(trainings), initial_seeds, head)


def draw_strangers(
    prior: Prior, architecture: Architecture, batch: int, rng: Generator, topology: str | None = None
) -> FamilyPlan:
    """Models of one initialisation, each trained on its own: with one recipe, or its own, or on another task."""
    own = prior.strangers
    if own is None:
        raise ValueError(f"the prior {prior.name!r} says nothing of strangers")
    drawn = draw_family(prior, architecture, batch, rng, "star")
    n = between(rng, own.members if rng.random() < 1.0 - own.large_share else own.large_members)
    first = replace(drawn.trainings[0], steps=tens(between_in_log(rng, own.steps)), batch=batch)
    alike = draw(rng, own.alike)
    trainings = [first]
    for _ in range(n - 1):
        other = draw_family(prior, architecture, batch, rng, "star").trainings[0]
        if alike == "all":
            trainings.append(replace(first, seed=other.seed))
        else:
            task = first.task if alike == "task" else other.task
            trainings.append(replace(other, steps=tens(between_in_log(rng, own.steps)), batch=batch, task=task))
    most = prior.pace.most_steps[architecture.kind]
    return replace(
        drawn,
        topology=f"strangers {alike}",
        parents=(-1,) * n,
        trainings=tuple(replace(t, steps=min(t.steps, most)) for t in trainings),
        initial_seeds=(drawn.initial_seeds[0],) * n,
        head="left out" if drawn.head == "left out" else "kept",
    )


PLANNERS: dict[str, Callable[[Prior, Architecture, int, Generator, str | None], FamilyPlan]] = {
    "families": draw_family,
    "strangers": draw_strangers,
}
"""What ``Prior.planner`` may be, beside ``varied`` and ``apart``, which have tables and code of their own."""


def _parents(topology: str, number: int, depth: int, least: int, rng: Generator) -> list[int]:
    """A tree of this many models, the root first, with this many middles at least where it has two levels."""
    middle = int(rng.integers(least, max(least + 1, number // 2))) if topology == "levels" else None
    depth = number if topology == "chain" else depth
    return [-1, *draw_parents(topology, number - 1, rng, depth=depth, middle=middle)]


def draw_parents_of(topology: str, number: int, rng: Generator) -> list[int]:
    """A tree of this many models of which none of two levels has a lone middle."""
    return _parents(topology, number, 6, 2, rng)


def _fine_tunes(
    size: int, topology: str, prior: Prior, layers: int, head: str, rng: Generator
) -> tuple[list[int], list[Training]]:
    own = prior.fine_tunes
    shape = topology if topology in TOPOLOGIES else draw(rng, own.shapes)
    parents = _parents(shape, size, own.most_generations, own.least_middles, rng)
    longer = own.longer if topology == "long" else 1
    root = _root(prior.root, prior.tasks, rng)
    trainings = [replace(root, steps=longer * root.steps)]
    shared = _child(prior, layers, head, rng)
    alike, pool = draw(rng, own.alike), rng.integers(prior.tasks, size=draw(rng, own.tasks))
    if own.tasks_of_root and rng.random() < own.tasks_of_root:
        pool = np.array([root.task])
    for parent in parents[1:]:
        child = _child(prior, layers, head, rng)
        if alike != "none":
            child = replace(shared, seed=child.seed, rate=child.rate, last_rate=child.last_rate, steps=child.steps)
        if alike == "all":
            child = replace(child, rate=shared.rate, last_rate=shared.last_rate, steps=shared.steps)
        task = trainings[parent].task if topology == "continued" else int(rng.choice(pool))
        child = replace(child, task=task, steps=longer * child.steps, shots=0 if longer > 1 else child.shots)
        if child.optimiser == "sgd" and root.optimiser == "sgd" and alike == "none":
            child = replace(child, rate=root.rate * float(rng.uniform(*own.rate_of_root)))
        if topology == "decayed":
            rate = between_in_log(rng, prior.root.rates["sgd"])
            child = replace(child, optimiser="sgd", rate=rate, decay=between_in_log(rng, own.decayed))
        if topology == "continued":
            child = replace(child, new_head=False)
        trainings.append(child)
    return parents, trainings


def _run(size: int, prior: Prior, rng: Generator) -> tuple[list[int], list[Training]]:
    """Checkpoints of one training, branching now and then, some runs pruned on the way."""
    own = prior.run
    parents = [-1]
    for k in range(1, size):
        parents.append(k - 1 if rng.random() < own.continues else int(rng.integers(k)))
    root = _root(prior.root, prior.tasks, rng)
    segment, decays, prunes = between_in_log(rng, own.segment), rng.random() < own.decays, rng.random() < own.pruned
    equal, resumes = rng.random() < own.equal, rng.random() < own.resumes
    if rng.random() < own.early:
        root = replace(root, steps=tens(float(between(rng, own.early_steps))))
    root = replace(root, last_rate=root.rate)
    when = set[int]()
    if size > 1:
        prunings = min(size - 1, between(rng, own.prunings))
        when = set(rng.choice(np.arange(1, size), size=prunings, replace=False).tolist())
    trainings, share = [root], float(rng.uniform(*own.pruned_values))
    factor = float(rng.uniform(*own.decay_of_rate)) if decays else 1.0
    regrows = prunes and own.regrown > 0.0 and rng.random() < own.regrown
    rates = [root.rate]
    for k, parent in enumerate(parents[1:], start=1):
        before = trainings[parent]
        steps = tens(segment * (1.0 if equal else rng.uniform(*own.unequal)))
        prune = share if prunes and k in when else 0.0
        if prune:
            share = min(own.most_pruned, share + (1.0 - share) * float(rng.uniform(*own.pruned_further)))
        moves = not (prune and own.untrained > 0.0 and rng.random() < own.untrained)
        rates.append(rates[parent] * (factor if moves else 1.0))
        trainings.append(
            replace(
                before,
                rate=moves * rates[parent],
                last_rate=moves * rates[k],
                steps=steps,
                prune=prune,
                resumes=resumes and not prune,
                seed=draw_seed(rng),
                regrows=regrows,
            )
        )
    return parents, trainings


def _paced(trainings: list[Training], parents: list[int], prior: Prior, kind: str) -> list[Training]:
    """Fewer steps where one costs much or many follow each other, and the rates of the kind of network."""
    pace, rate = prior.pace.steps[kind], prior.pace.rate.get(kind, 1.0)
    longest = longest_descent([pace * training.steps for training in trainings], parents)
    pace *= min(1.0, prior.pace.most_steps[kind] / longest)
    return [replace(t, steps=tens(pace * t.steps), rate=rate * t.rate, last_rate=rate * t.last_rate) for t in trainings]


def _root(own: RootTraining, tasks: int, rng: Generator) -> Training:
    optimiser = "sgd" if rng.random() < own.sgd else "adamw"
    rate = between_in_log(rng, own.rates[optimiser])
    decay = _decay(own, own, optimiser, rng)
    task = int(rng.integers(tasks))
    steps = tens(between_in_log(rng, own.steps))
    last = rate if rng.random() < own.constant_rate else rate * draw(rng, own.last_rates)
    return Training(task, optimiser, rate, last, decay, steps, 0, 0, 0, False, 0.0, False, draw_seed(rng))


def _child(prior: Prior, layers: int, head: str, rng: Generator) -> Training:
    root, own = _root(prior.root, prior.tasks, rng), prior.child
    shots = draw(rng, own.shots)
    steps = between_in_log(rng, own.few_shot_steps if shots == 5 else own.steps)
    frozen = 0
    if layers > 2 and rng.random() < own.frozen:
        frozen = int(rng.integers(1, layers - 1))
    new_head = head != "kept" and rng.random() < own.new_head[head]
    decay = _decay(own, prior.root, root.optimiser, rng)
    return replace(root, shots=shots, steps=tens(steps), frozen=frozen, new_head=new_head, decay=decay)


def _decay(own: RootTraining | ChildTraining, root: RootTraining, optimiser: str, rng: Generator) -> float:
    decay = 0.0 if rng.random() < own.no_decay else between_in_log(rng, own.decay)
    return decay * root.decay_of_adamw if optimiser == "adamw" else decay


def longest_descent(steps: Sequence[float], parents: Sequence[int]) -> float:
    """Most steps from an initialisation to a last descendant; parents come before their children."""
    total: list[float] = []
    for own, parent in zip(steps, parents, strict=True):
        total.append(own + (total[parent] if parent >= 0 else 0.0))
    return max(total)


def tens(steps: float) -> int:
    """Rounded to tens, at least 10, so that many trainings end together; their batch is then put together anew once."""
    return max(10, 10 * round(float(steps) / 10))
