"""Training many networks of one architecture at once; a child begins as soon as its parent is done; needs torch."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from neural_phylogeny.lab.families.adapters import Adapter
from neural_phylogeny.lab.families.architectures import NetworkShape
from neural_phylogeny.lab.families.layout import Layout, pruned
from neural_phylogeny.lab.families.networks import forward
from neural_phylogeny.lab.families.pictures import View
from neural_phylogeny.lab.families.plan import Training
from neural_phylogeny.lab.families.stack import Stack, State

Weights = NDArray[np.float32]

AT_ONCE, IN_CACHE = 64, 600_000
"""Networks in one batch, and their entries together: more do not stay in the cache, fewer do not hide the cost of a
call."""

ON_DEVICE = 60_000_000
"""Entries of the networks of one batch on an accelerator."""

FEW = 8
"""Networks that are judged at once on an accelerator."""

JUDGED = 128
"""Images by which a network's accuracy is judged."""


@dataclass(frozen=True)
class Job:
    """One network to train.

    Attributes
    ----------
    parent : number of the job it starts from, or -1
    initial : (n_entries,) the initialisation of a root, and of a new head
    """

    training: Training
    parent: int
    initial: Weights


@dataclass(frozen=True)
class Trained:
    """The end of a job: weights (n_entries,), mask (n_learnt,) of what is not pruned, accuracy on this many images."""

    weights: Weights
    mask: NDArray[np.bool_] | None
    accuracy: float
    chance: float
    judged: int


def train(
    architecture: NetworkShape, jobs: Sequence[Job], views: Sequence[View], batch: int, device: str = "cpu"
) -> list[Trained]:
    """Train all jobs; every network gets what it would get alone.

    Parameters
    ----------
    jobs : sequence
        In any order; a child starts from the final weights of its parent.
    batch : int
        Images of a step; a job with smaller batches sees its own several times over.
    device : str
        Where they are trained, as the framework names it.
    """
    if device != "cpu":
        torch.set_float32_matmul_precision("high")
    layout = Layout.of(architecture)
    stack = Stack(architecture, layout, views, device)
    children: dict[int, list[int]] = {}
    for k, job in enumerate(jobs):
        children.setdefault(job.parent, []).append(k)
    longest = _longest(jobs, children)
    at_once = min(AT_ONCE, max(2, (IN_CACHE if device == "cpu" else ON_DEVICE) // layout.learnt))
    done: dict[int, State] = {}
    ready = [(-longest[k], k) for k in children.get(-1, [])]
    heapq.heapify(ready)
    active: dict[int, State] = {}
    while ready or active:
        while ready and len(active) < at_once:
            _, k = heapq.heappop(ready)
            active[k] = _begin(jobs[k], done.get(jobs[k].parent), layout, views, stack, batch)
        moving = [state for state in active.values() if state.left]
        if moving:
            stack.advance(moving)
        for k in [k for k, state in active.items() if state.left == 0]:
            done[k] = active.pop(k)
            for child in children.get(k, []):
                heapq.heappush(ready, (-longest[child], child))
    return _judged(stack, [done[k] for k in range(len(jobs))], views)


def _longest(jobs: Sequence[Job], children: dict[int, list[int]]) -> list[int]:
    """Steps from the start of a job to the end of its last descendant: those with the most begin first."""
    longest = [0] * len(jobs)

    def measure(k: int) -> int:
        longest[k] = jobs[k].training.steps + max(map(measure, children.get(k, [])), default=0)
        return longest[k]

    for root in children.get(-1, []):
        measure(root)
    return longest


def _begin(job: Job, parent: State | None, layout: Layout, views: Sequence[View], stack: Stack, batch: int) -> State:
    training = job.training
    initial = torch.from_numpy(job.initial.copy()).to(stack.device)
    weights = initial if parent is None else parent.weights.clone()
    if training.takes_average and parent is not None and parent.average is not None:
        weights = parent.average.clone()
    if training.new_head and parent is not None:
        weights[layout.head] = initial[layout.head]
    keep = None if parent is None or training.regrows else parent.pruned
    if training.prune:
        keep = pruned(weights.cpu().numpy(), layout, training.prune) & (True if keep is None else keep)
        weights[: layout.learnt] *= torch.from_numpy(keep).to(stack.device)
    may_move = layout.unfrozen(training.frozen)
    mask = may_move if keep is None else keep if may_move is None else keep & may_move
    examples = _examples(views[training.task], training, batch) + stack.offsets[training.task]
    state = State(training, weights, torch.from_numpy(examples), keep, mask)
    if training.resumes and parent is not None:
        state.first, state.second, state.moved = parent.first, parent.second, parent.moved
    if training.average:
        state.average = weights.clone()
    if training.rank:
        state.first, state.second, state.moved = None, None, 0
        state.small = Adapter.of(training, layout, weights)
    return state


def _examples(view: View, training: Training, batch: int) -> NDArray[np.int64]:
    """(steps, batch) numbers of images, each image once before any comes again."""
    rng = np.random.default_rng(training.seed)
    pool = rng.permutation(len(view.y))[: training.examples or None]
    if training.shots:
        labels = view.y[pool]
        pool = np.concatenate([pool[labels == label][: training.shots] for label in np.unique(labels)])
    size = min(training.batch, len(pool))
    rounds = -(-training.steps * size // len(pool))
    drawn = rng.permuted(np.tile(pool, (rounds, 1)), axis=1).ravel()[: training.steps * size]
    return np.resize(drawn.reshape(training.steps, size).T, (batch, training.steps)).T


@torch.no_grad()
def _judged(stack: Stack, states: list[State], views: Sequence[View]) -> list[Trained]:
    """The ends of all jobs, with their accuracy where labels are classes."""
    trained = []
    if views[0].y.dtype != np.int64 or views[0].y.ndim > 1:
        return [Trained(state.weights.cpu().numpy(), state.pruned, 0.0, 0.0, 1) for state in states]
    at_once = AT_ONCE if stack.device == "cpu" else FEW
    for start in range(0, len(states), at_once):
        some = states[start : start + at_once]
        seen = [views[state.training.task] for state in some]
        x = torch.stack([torch.from_numpy(view.x[:JUDGED]) for view in seen]).to(stack.device)
        weights = torch.stack([state.weights for state in some])
        named = forward(stack.architecture, stack.layout.views(weights), x).argmax(-1).cpu().numpy()
        for state, view, guess in zip(some, seen, named, strict=True):
            y = view.y[:JUDGED]
            chance = float(np.bincount(y).max() / len(y))
            right = float((guess == y).mean())
            trained.append(Trained(state.weights.cpu().numpy().copy(), state.pruned, right, chance, len(y)))
    return trained
