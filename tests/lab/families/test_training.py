"""Trained at once is trained alone; what is frozen stays; what is pruned stays pruned."""

from dataclasses import replace

import numpy as np
import pytest

from neural_phylogeny.lab.families.architectures import KINDS, Architecture
from neural_phylogeny.lab.families.initial import SCHEMES, initial
from neural_phylogeny.lab.families.layout import Layout
from neural_phylogeny.lab.families.pictures import draw_views
from neural_phylogeny.lab.families.plan import Training
from neural_phylogeny.lab.families.prior import read_prior
from neural_phylogeny.lab.families.training import Job, train

pytestmark = pytest.mark.torch

PICTURES = read_prior("tiny").pictures

ARCHITECTURES = {
    "dense": Architecture("dense", 8, 10, (16, 16), "gelu"),
    "conv": Architecture("conv", 8, 10, (4, 8), "relu"),
    "conv-norm": Architecture("conv-norm", 8, 10, (4,), "relu"),
    "attention": Architecture("attention", 8, 10, (12, 24), "gelu", "", 4),
    "recurrent": Architecture("recurrent", 8, 10, (16,), "tanh", "gru"),
}

PLAIN = Training(0, "sgd", 0.05, 0.01, 1e-3, 40, 16, 0, 0, False, 0.0, False, 1)

KINDS_OF_TRAINING = [
    PLAIN,
    replace(PLAIN, task=1, optimiser="adamw", rate=3e-3, steps=30, batch=8, seed=2),
    replace(PLAIN, shots=5, steps=20, seed=3, new_head=True),
    replace(PLAIN, optimiser="adamw", rate=3e-3, frozen=1, decay=0.1, seed=4),
    replace(PLAIN, prune=0.5, seed=5),
    replace(PLAIN, prune=0.75, optimiser="adamw", rate=3e-3, decay=0.1, seed=6),
    replace(PLAIN, seed=7, resumes=True),
    replace(PLAIN, seed=8, regrows=True),
    replace(PLAIN, seed=9, prune=0.5, rate=0.0, last_rate=0.0),
]
PARENTS = [-1, -1, 0, 1, 0, 4, 0, 4, 0]


def jobs_of(architecture: Architecture) -> list[Job]:
    return [
        Job(training, parent, initial(architecture, "default", 1.0, np.random.default_rng(k)))
        for k, (training, parent) in enumerate(zip(KINDS_OF_TRAINING, PARENTS, strict=True))
    ]


def line_of(jobs: list[Job], k: int) -> list[Job]:
    """A job and its ancestors alone, the eldest first."""
    line = [k]
    while (parent := jobs[line[0]].parent) >= 0:
        line.insert(0, parent)
    return [replace(jobs[number], parent=place - 1) for place, number in enumerate(line)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_gets_in_the_stack_what_it_gets_alone(kind, pictures, rng):
    architecture = ARCHITECTURES[kind]
    views, jobs = draw_views(pictures, 8, 10, 2, PICTURES, rng), jobs_of(architecture)
    together = train(architecture, jobs, views, 16)
    for k in range(len(jobs)):
        alone = train(architecture, line_of(jobs, k), views, 16)[-1]
        np.testing.assert_allclose(alone.weights, together[k].weights, atol=1e-5)


@pytest.fixture
def dense(pictures, rng):
    architecture = ARCHITECTURES["dense"]
    trained = train(architecture, jobs_of(architecture), draw_views(pictures, 8, 10, 2, PICTURES, rng), 16)
    layout = Layout.of(architecture)
    return [layout.model(t.weights) for t in trained]


def test_a_frozen_layer_is_its_parents(dense):
    np.testing.assert_array_equal(dense[3]["0.weight"], dense[1]["0.weight"])
    np.testing.assert_array_equal(dense[3]["0.bias"], dense[1]["0.bias"])
    assert (dense[3]["2.weight"] != dense[1]["2.weight"]).mean() > 0.9


def test_what_was_pruned_stays_so_in_all_descendants(dense):
    for name in ("0.weight", "2.weight", "4.weight"):
        first, second = dense[4][name] == 0, dense[5][name] == 0
        assert first.mean() == pytest.approx(0.5, abs=0.01)
        assert second.mean() == pytest.approx(0.75, abs=0.01)
        assert not (first & ~second).any()


def test_what_was_pruned_may_grow_again(dense):
    assert (dense[7]["2.weight"] == 0).mean() < 0.1


def test_a_pruning_without_training_changes_nothing_else(dense):
    kept = dense[8]["2.weight"] != 0
    np.testing.assert_array_equal(dense[8]["2.weight"][kept], dense[0]["2.weight"][kept])


def test_a_new_head_is_not_the_parents(dense):
    assert abs(np.corrcoef(dense[2]["4.weight"].ravel(), dense[0]["4.weight"].ravel())[0, 1]) < 0.5
    assert np.corrcoef(dense[2]["2.weight"].ravel(), dense[0]["2.weight"].ravel())[0, 1] > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_learns(kind, pictures, rng):
    architecture = ARCHITECTURES[kind]
    training = replace(PLAIN, optimiser="adamw", rate=5e-3, last_rate=5e-3, steps=200)
    start = initial(architecture, "default", 1.0, rng)
    [trained] = train(architecture, [Job(training, -1, start)], draw_views(pictures, 8, 10, 1, PICTURES, rng), 16)
    assert trained.accuracy > 0.5


@pytest.mark.parametrize("scheme", ["default", *SCHEMES])
def test_initialisations_have_the_spread_they_should(scheme, rng):
    architecture = Architecture("dense", 10, 10, (100,))
    model = Layout.of(architecture).model(initial(architecture, scheme, 1.0, rng))
    expected = {"default": 3**-0.5, "kaiming-normal": 2**0.5, "kaiming-uniform": 2**0.5, "truncated-normal": 0.88}
    assert model["0.weight"].std() * 10 == pytest.approx(expected.get(scheme, 1.0), rel=0.05)
