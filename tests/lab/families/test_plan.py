"""Plans are what their topology says."""

from dataclasses import replace

import numpy as np
import pytest

from neural_phylogeny.lab.families.architectures import KINDS, draw_architecture
from neural_phylogeny.lab.families.plan import draw_plan
from neural_phylogeny.lab.families.prior import read_prior
from neural_phylogeny.lab.families.pruning import with_pruned_children

TINY, WIDE = read_prior("tiny"), read_prior("wide")


def plans(topology, number=40):
    rng = np.random.default_rng(5)
    return [draw_plan(TINY, draw_architecture(rng, TINY.architecture), 16, rng, topology) for _ in range(number)]


@pytest.mark.parametrize("topology", TINY.family.topologies)
def test_parents_come_before_their_children(topology):
    for plan in plans(topology):
        assert len(plan.parents) == len(plan.trainings) == len(plan.initial_seeds)
        assert all(parent < k for k, parent in enumerate(plan.parents))
        assert plan.parents[0] == -1


def test_a_run_keeps_its_task_and_optimiser():
    for plan in plans("run"):
        assert len(plan.parents) <= TINY.run.members + 6
        for parent, training in zip(plan.parents, plan.trainings, strict=True):
            if parent >= 0:
                before = plan.trainings[parent]
                assert (training.task, training.optimiser, training.rate) == (
                    before.task,
                    before.optimiser,
                    before.last_rate,
                )


def test_some_runs_are_pruned_and_some_begin_early():
    runs = plans("run", 200)
    assert 0.05 < np.mean([any(t.prune for t in plan.trainings) for plan in runs]) < 0.3
    assert 0.15 < np.mean([plan.trainings[0].steps <= 20 for plan in runs]) < 0.4


def test_runs_go_on_after_a_pruning_without_training():
    prior, rng = read_prior("runs"), np.random.default_rng(5)
    plans = [draw_plan(prior, draw_architecture(rng, prior.architecture), 16, rng, "run") for _ in range(150)]
    still = [(k, plan) for plan in plans for k, t in enumerate(plan.trainings) if t.prune and t.rate == 0.0]
    assert still
    assert any(plan.trainings[c].rate > 0.0 for k, plan in still for c, p in enumerate(plan.parents) if p == k)
    assert 0.2 < np.mean([plan.trainings[-1].regrows for _, plan in still]) < 0.8


def test_chains_go_from_task_to_task_by_recipes_of_their_own():
    prior, rng = read_prior("chains"), np.random.default_rng(6)
    plans = [draw_plan(prior, draw_architecture(rng, prior.architecture), 32, rng) for _ in range(150)]
    steps = [
        (plan.trainings[p], t) for plan in plans for p, t in zip(plan.parents, plan.trainings, strict=True) if p >= 0
    ]
    assert 0.35 < np.mean([plan.topology == "chain" for plan in plans]) < 0.65
    assert np.mean([before.task != after.task for before, after in steps]) > 0.5
    assert np.mean([(before.optimiser, before.rate) != (after.optimiser, after.rate) for before, after in steps]) > 0.5


def test_children_of_pruned_families_are_pruned_in_every_way():
    prior, rng = read_prior("pruned"), np.random.default_rng(7)
    assert prior.pruning is not None
    ways = {}
    for way in prior.pruning.ways:
        own = replace(prior.pruning, ways={way: 1.0})
        plans = [draw_plan(prior, draw_architecture(rng, prior.architecture), 16, rng, "star") for _ in range(20)]
        ways[way] = [with_pruned_children(plan, own, rng) for plan in plans]
    one, own_share = (
        [[t.prune for t, p in zip(plan.trainings, plan.parents, strict=True) if p == 0] for plan in ways[way]]
        for way in ("one", "own")
    )
    assert all(len(set(shares)) == 1 and shares[0] >= 0.08 for shares in one)
    assert all(len(set(shares)) == len(shares) for shares in own_share)
    assert 0.2 < np.mean([t.prune > 0 for plan in ways["some"] for t in plan.trainings]) < 0.7
    for plan in ways["copy"]:
        assert plan.parents.count(0) == 1
        copy = plan.parents.index(0)
        assert (plan.trainings[copy].prune > 0, plan.trainings[copy].rate) == (True, 0.0)
        assert plan.parents.count(copy) >= 1


def test_continuing_is_on_the_parents_task():
    for plan in plans("continued"):
        for k, parent in enumerate(plan.parents):
            assert parent < 0 or plan.trainings[k].task == plan.trainings[parent].task


def test_weight_decay_under_sgd():
    for plan in plans("decayed"):
        own = [t for t, parent in zip(plan.trainings, plan.parents, strict=True) if parent >= 0]
        assert all(t.optimiser == "sgd" and t.decay >= 1e-3 for t in own)


def test_architectures_are_small():
    rng = np.random.default_rng(1)
    for kind in KINDS:
        for _ in range(50):
            assert 300 < sum(t.size for t in draw_architecture(rng, TINY.architecture, kind).tensors) < 50_000


def test_wide_architectures_are_ten_times_larger():
    rng = np.random.default_rng(1)
    found = [draw_architecture(rng, WIDE.architecture, kind) for kind in (*KINDS, None) for _ in range(20)]
    sizes = [sum(t.size for t in architecture.tensors) for architecture in found]
    assert all(20_000 <= size <= 300_000 for size in sizes)
    assert {architecture.side for architecture in found} == {14, 20, 28}


def test_strangers_share_an_initialisation_and_nothing_else():
    prior, rng = read_prior("strangers"), np.random.default_rng(2)
    for _ in range(30):
        plan = draw_plan(prior, draw_architecture(rng, prior.architecture), 16, rng)
        assert set(plan.parents) == {-1}
        assert len(set(plan.initial_seeds)) == 1
        assert len({training.seed for training in plan.trainings}) == len(plan.trainings) >= 3
        assert plan.topology in ("strangers all", "strangers task", "strangers none")
        if plan.topology == "strangers all":
            assert len({training.steps for training in plan.trainings}) == 1
