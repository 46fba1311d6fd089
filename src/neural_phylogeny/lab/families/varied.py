"""Plans of varied families: trees that grow in several ways, trainings with many optimisers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neural_phylogeny.lab.families.architectures import NetworkShape
from neural_phylogeny.lab.families.plan import FamilyPlan, Training, draw_parents_of, longest_descent, tens
from neural_phylogeny.lab.families.prior import between, between_in_log, draw, draw_seed
from neural_phylogeny.lab.families.varied_prior import Growth, Optimisers, Span, Varied

Generator = np.random.Generator


def draw_varied(
    own: Varied, network: NetworkShape, parameters: int, batch: int, rng: Generator, topology: str | None = None
) -> FamilyPlan:
    """A family of networks of one architecture with this many parameters, in batches of this many examples or half."""
    growth = own.growth
    topology = topology or draw(rng, growth.topologies)
    sizes = [between(rng, growth.members)]
    if rng.random() < growth.strangers:
        sizes += [between(rng, (1, 4)) for _ in range(between(rng, (1, 3)))]
    scheme, gain = "default", 1.0
    if rng.random() >= growth.default_initialisation:
        scheme, gain = draw(rng, SCHEMES), float(rng.uniform(0.7, 1.5))
    head = draw(rng, growth.heads)
    seeds = [draw_seed(rng) for _ in sizes]
    if rng.random() < 0.2:
        seeds = seeds[:1] * len(seeds)
    parents: list[int] = []
    trainings: list[Training] = []
    layers = len({t.layer for t in network.tensors})
    for size in sizes:
        tree = draw_parents_of(topology, size, rng)
        before = len(parents)
        trainings += _trainings(own, tree, layers, head, batch, parameters, rng)
        parents += [parent if parent < 0 else before + parent for parent in tree]
    trainings = _bounded(trainings, parents, growth, parameters)
    initial_seeds = tuple(seed for seed, size in zip(seeds, sizes, strict=True) for _ in range(size))
    return FamilyPlan(network, topology, scheme, gain, tuple(parents), tuple(trainings), initial_seeds, head)


SCHEMES = ("kaiming-normal", "kaiming-uniform", "xavier-normal", "xavier-uniform", "truncated-normal", "orthogonal")


def _trainings(
    own: Varied, tree: list[int], layers: int, head: str, batch: int, parameters: int, rng: Generator
) -> list[Training]:
    growth, tasks = own.growth, own.growth.pool
    root = draw_training(
        own.optimisers, own.optimisers.of_root, parameters, between_in_log(rng, growth.root_steps), batch, rng
    )
    root = replace(root, task=int(rng.integers(tasks)))
    found, steps = [root], draw(rng, growth.steps)
    shared, alike, number = (
        _child(own, layers, batch, parameters, steps, rng),
        draw(rng, growth.alike),
        draw(rng, growth.tasks),
    )
    pool = rng.integers(tasks, size=number) if number else np.array([root.task])
    for parent in tree[1:]:
        child = _child(own, layers, batch, parameters, steps, rng)
        if alike == "continued":
            before = found[parent]
            child = replace(before, steps=child.steps, rate=before.last_rate or before.rate, seed=child.seed)
            child = replace(child, last_rate=child.rate, warm_up=0.0, resumes=rng.random() < growth.resumes)
            child = replace(child, shots=0, new_head=False, frozen=0)
        else:
            if alike != "none":
                kept = child if alike == "but length" else shared
                child = replace(shared, seed=child.seed, steps=kept.steps, rate=kept.rate, last_rate=kept.last_rate)
                if alike == "but length" and kept.optimiser != shared.optimiser:
                    child = replace(child, rate=shared.rate, last_rate=shared.last_rate)
            child = replace(child, task=int(rng.choice(pool)))
            if head != "kept" and rng.random() < (0.8 if head == "left out" else 0.5):
                child = replace(child, new_head=True)
        found.append(child)
    return found


def _child(own: Varied, layers: int, batch: int, parameters: int, steps: Span, rng: Generator) -> Training:
    growth = own.growth
    found = draw_training(own.optimisers, own.optimisers.of_child, parameters, between_in_log(rng, steps), batch, rng)
    factor = between_in_log(rng, growth.rate)
    frozen = int(rng.integers(1, layers - 1)) if layers > 2 and rng.random() < growth.frozen else 0
    shots = draw(rng, growth.shots)
    return replace(found, rate=factor * found.rate, last_rate=factor * found.last_rate, shots=shots, frozen=frozen)


def draw_training(
    own: Optimisers, shares: dict[str, float], parameters: int, steps: float, batch: int, rng: Generator
) -> Training:
    """About this many steps by an optimiser of these shares, on batches of this many examples or half."""
    name = draw(rng, shares)
    rate = between_in_log(rng, own.rates[name]) * min(1.0, (own.reference / parameters) ** 0.5)
    last = draw(rng, own.last) * rate
    decay = 0.0 if rng.random() < own.no_decay else between_in_log(rng, own.decays[name])
    half = rng.random() < 0.3
    return Training(
        task=0,
        optimiser=name,
        rate=rate,
        last_rate=last,
        decay=decay,
        steps=tens(steps),
        batch=batch // 2 if half else batch,
        shots=0,
        frozen=0,
        new_head=False,
        prune=0.0,
        resumes=False,
        seed=draw_seed(rng),
        schedule=draw(rng, own.schedules),
        warm_up=float(rng.uniform(0.02, 0.2)) if rng.random() < own.warm_up else 0.0,
        clip=between_in_log(rng, own.clip) if rng.random() < own.clipped else 0.0,
        exempt=bool(rng.random() < own.exempt),
    )


def _bounded(trainings: list[Training], parents: list[int], own: Growth, parameters: int) -> list[Training]:
    """Fewer steps for all where a line of descent is too long, or the family too much work."""
    longest = longest_descent([training.steps for training in trainings], parents)
    work = sum(training.steps for training in trainings) * max(parameters, 20_000)
    factor = min(1.0, own.longest / longest, own.work / work)
    return [replace(t, steps=tens(factor * t.steps)) for t in trainings]


def with_own_heads(plan: FamilyPlan, classes: list[int]) -> FamilyPlan:
    """Heads with as many outputs as their task has classes; a model whose task has more than its parent's gets its own.

    Parameters
    ----------
    plan : FamilyPlan
    classes : list of int
        Of each task.
    """
    found: list[Training] = []
    for parent, training in zip(plan.parents, plan.trainings, strict=True):
        before = found[parent].classes if parent >= 0 else 0
        is_new = parent < 0 or training.new_head or classes[training.task] > before
        own = classes[training.task] if is_new else before
        found.append(replace(training, classes=own, new_head=parent >= 0 and is_new))
    return replace(plan, trainings=tuple(found))
