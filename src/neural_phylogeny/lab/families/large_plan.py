"""Plans of families of large kinds: a base with its checkpoints and average, second stages, adapters, near-copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from neural_phylogeny.lab.families.composed import Network
from neural_phylogeny.lab.families.large_prior import Large, Stages
from neural_phylogeny.lab.families.large_tasks import Tasks
from neural_phylogeny.lab.families.plan import FamilyPlan, Training, draw_parents_of, longest_descent, tens
from neural_phylogeny.lab.families.prior import between, between_in_log, draw, draw_seed
from neural_phylogeny.lab.families.varied import SCHEMES, draw_training, with_own_heads
from neural_phylogeny.lab.families.varied_prior import Span

Generator = np.random.Generator

BFLOAT = "bf16"


@dataclass
class _Tree:
    """Models of one root while they are drawn, parents before children."""

    parents: list[int]
    trainings: list[Training]

    def add(self, parent: int, training: Training) -> int:
        self.parents.append(parent)
        self.trainings.append(training)
        return len(self.parents) - 1


def draw_large_family(
    own: Large, network: Network, tasks: Tasks, batch: int, rng: Generator, topology: str | None = None
) -> FamilyPlan:
    """A family of networks of one architecture on these tasks, in batches of this many examples or half."""
    stages = own.stages
    topology = topology or draw(rng, stages.topologies)
    trees = [_tree(own, network, tasks, batch, topology, between(rng, stages.members), rng)]
    if rng.random() < stages.strangers:
        trees += [_tree(own, network, tasks, batch, "star", between(rng, (1, 4)), rng)]
    parents, trainings, seeds = list[int](), list[Training](), list[int]()
    common, same = draw_seed(rng), rng.random() < stages.same_initialisation
    for k, tree in enumerate(trees):
        start = len(parents)
        seed = common if k == 0 or same else draw_seed(rng)
        parents += [parent if parent < 0 else start + parent for parent in tree.parents]
        trainings += tree.trainings
        seeds += [seed] * len(tree.parents)
    scheme, gain = "library", 1.0
    if rng.random() >= stages.library:
        scheme, gain = draw(rng, ("default", *SCHEMES)), float(rng.uniform(0.7, 1.3))
    trainings = _bounded(trainings, parents, stages.longest)
    plan = FamilyPlan(network, topology, scheme, gain, tuple(parents), tuple(trainings), tuple(seeds), "new")
    return with_own_heads(plan, tasks.classes)


def _tree(own: Large, network: Network, tasks: Tasks, batch: int, topology: str, members: int, rng: Generator) -> _Tree:
    """A base with checkpoints before its end and perhaps an average; below it the topology."""
    stages, size = own.stages, network.parameters
    root = draw_training(
        own.optimisers, own.optimisers.of_root, size, between_in_log(rng, stages.root_steps), batch, rng
    )
    root = replace(root, task=draw(rng, tasks.first))
    if rng.random() < stages.coarse:
        root = replace(root, grid=BFLOAT)
    tree, base = _Tree([], []), -1
    pieces = 1 + draw(rng, stages.checkpoints)
    for k, part in enumerate(_pieces(root, pieces, rng)):
        base = tree.add(base, part if k == 0 else replace(part, resumes=True))
    average = _with_average(tree, base, stages, rng)
    place, steps = {0: base}, draw(rng, stages.steps)
    shared, alike = _child(own, network, root, steps, batch, rng), draw(rng, stages.alike)
    number = draw(rng, stages.tasks)
    pool = rng.integers(len(tasks.views), size=number).tolist() if number else [root.task]
    shape = draw_parents_of(topology, max(2, members - len(tree.parents) + 1), rng)
    for k, parent in enumerate(shape[1:], start=1):
        begin = place[parent]
        if parent == 0 and average is not None and rng.random() < stages.from_average:
            begin = average
        child = _child(own, network, root, steps, batch, rng)
        if alike != "none" and child.how == shared.how:
            kept = child if alike == "but length" else shared
            child = replace(shared, seed=child.seed, steps=kept.steps, rate=kept.rate, last_rate=kept.last_rate)
        child = _on_task(child, tree.trainings[begin], tasks, pool, rng)
        place[k] = tree.add(begin, child)
        _with_average(tree, place[k], stages, rng)
    return tree


def _pieces(training: Training, number: int, rng: Generator) -> list[Training]:
    """One training in pieces: the rate goes on where it was, and so does the optimiser."""
    shares = np.diff([0.0, *np.sort(rng.uniform(0.2, 0.9, number - 1)), 1.0])
    rates = training.rate + (training.last_rate - training.rate) * np.array([0.0, *np.cumsum(shares)])
    found = []
    for k, share in enumerate(shares):
        found.append(
            replace(
                training,
                steps=tens(share * training.steps),
                rate=float(rates[k]),
                last_rate=float(rates[k + 1]),
                schedule=training.schedule if number == 1 else "linear",
                warm_up=training.warm_up if k == 0 else 0.0,
                seed=training.seed if k == 0 else draw_seed(rng),
            )
        )
    return found


def _with_average(tree: _Tree, model: int, stages: Stages, rng: Generator) -> int | None:
    """Perhaps a moving average of a model's training, as its child."""
    training = tree.trainings[model]
    if rng.random() >= stages.average or training.rank or training.steps < 30:
        return None
    lag = min(1.0 / (1.0 - _averaged(stages.averages, rng)), 0.4 * training.steps)
    tree.trainings[model] = replace(training, average=1.0 - 1.0 / lag)
    copied = replace(training, steps=0, takes_average=True, new_head=False, how="average", seed=draw_seed(rng))
    return tree.add(model, replace(copied, rate=0.0, last_rate=0.0, average=0.0))


def _averaged(span: Span, rng: Generator) -> float:
    """A decay, evenly in the logarithm of its distance to one."""
    return 1.0 - between_in_log(rng, (1.0 - span[1], 1.0 - span[0]))


def _child(own: Large, network: Network, root: Training, steps: Span, batch: int, rng: Generator) -> Training:
    stages, optimisers = own.stages, own.optimisers
    how = draw(rng, stages.hows)
    span = stages.near_steps if how in ("near", "few") else steps
    found = draw_training(optimisers, optimisers.of_child, network.parameters, between_in_log(rng, span), batch, rng)
    same = found.optimiser == root.optimiser
    rate = root.rate if same else found.rate
    rate *= between_in_log(rng, stages.near_rate if how == "near" else stages.rate)
    found = replace(found, rate=rate, last_rate=rate * float(draw(rng, optimisers.last)), how=how, grid=root.grid)
    if rng.random() < stages.coarse_children:
        found = replace(found, grid=BFLOAT)
    if how in ("near", "few"):
        found = replace(found, examples=draw(rng, stages.examples))
    if how == "frozen":
        layers = len({spec.layer for spec in network.tensors})
        found = replace(found, frozen=int(rng.integers(1, max(2, layers - 1))))
    if how == "adapted":
        rank, kind = draw(rng, stages.ranks), "dora" if rng.random() < stages.dora else "lora"
        rate = between_in_log(rng, (5e-4, 5e-3))
        found = replace(found, rank=rank, adapter=kind, optimiser="adamw", rate=rate, last_rate=0.0, decay=0.0)
    return replace(found, new_head=bool(rng.random() < stages.new_head))


def _on_task(child: Training, parent: Training, tasks: Tasks, pool: Sequence[int], rng: Generator) -> Training:
    """A task of the pool, the parent's where a training goes on; never from classes back to tokens."""
    if child.how == "continued":
        rate = parent.last_rate or 0.1 * parent.rate or child.rate
        kept = replace(parent, steps=child.steps, rate=rate, last_rate=0.3 * rate, seed=child.seed, warm_up=0.0)
        return replace(kept, how="continued", resumes=True, new_head=False, average=0.0, takes_average=False)
    task = int(rng.choice(pool))
    lacks = tasks.views[parent.task].lacks
    if lacks and tasks.classes[parent.task] and not tasks.classes[task]:
        task = parent.task
    has_classes = bool(tasks.classes[task]) or (not tasks.views[task].lacks and tasks.views[task].y.ndim == 1)
    can_be_new = has_classes and child.how in ("full", "frozen", "few")
    if child.rank and tasks.classes[task] > tasks.classes[parent.task]:
        task = parent.task
    return replace(child, task=task, new_head=child.new_head and can_be_new)


def _bounded(trainings: list[Training], parents: list[int], longest: int) -> list[Training]:
    """Fewer steps for all where a line of descent is too long."""
    factor = min(1.0, longest / longest_descent([training.steps for training in trainings], parents))
    return [t if t.takes_average else replace(t, steps=tens(factor * t.steps)) for t in trainings]
