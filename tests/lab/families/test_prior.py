"""Priors are data: checked with their place, inherited, and drawn from as they were when the detector was trained."""

import hashlib

import numpy as np
import pytest

from neural_phylogeny.errors import SavedFileError, UnknownChoiceError
from neural_phylogeny.lab.families.architectures import draw_architecture
from neural_phylogeny.lab.families.plan import PLANNERS, draw_plan
from neural_phylogeny.lab.families.prior import known_priors, read_prior


@pytest.mark.parametrize("name", known_priors())
def test_every_prior_that_ships_can_be_drawn_from(name):
    prior = read_prior(name)
    rng = np.random.default_rng(0)
    assert prior.planner in {*PLANNERS, "varied", "apart", "large"}
    assert (prior.planner == "large") == (prior.large is not None)
    assert (prior.planner == "varied") == (prior.varied is not None)
    assert (prior.planner == "apart") == (prior.apart is not None)
    if prior.planner not in PLANNERS:
        return
    assert sum(prior.family.topologies.values()) == pytest.approx(1.0)
    assert sum(prior.architecture.kinds.values()) == pytest.approx(1.0)
    for kind in prior.architecture.kinds:
        plan = draw_plan(prior, draw_architecture(rng, prior.architecture, kind), 16, rng)
        assert len(plan.parents) == len(plan.trainings) == len(plan.initial_seeds)


@pytest.mark.parametrize(
    ("name", "digest"),
    [("tiny", "700c2fab7c4e"), ("wide", "56691de77b14"), ("strangers", "fc8cc41b252e")],
)
def test_a_number_draws_what_it_drew_when_the_shipped_files_were_made(name, digest):
    prior, found = read_prior(name), hashlib.sha256()
    for number in range(40):
        rng = np.random.default_rng(number)
        architecture = draw_architecture(rng, prior.architecture)
        plans = [draw_plan(prior, architecture, 16, rng) for _ in range(3)]
        trainings = [(t.steps, t.seed, t.task, t.optimiser, t.shots) for plan in plans for t in plan.trainings]
        found.update(repr((architecture, [plan.parents for plan in plans], trainings)).encode())
    assert found.hexdigest()[:12] == digest


def test_wide_inherits_all_but_its_networks():
    tiny, wide = read_prior("tiny"), read_prior("wide")
    assert (wide.families, wide.root, wide.run) == (14, tiny.root, tiny.run)
    assert wide.architecture.kinds["dense"] == 0.5
    assert wide.architecture.cells == tiny.architecture.cells
    assert wide.digest != tiny.digest


def test_an_unknown_prior_names_the_nearest():
    with pytest.raises(UnknownChoiceError, match="did you mean 'tiny'"):
        read_prior("tinny")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("version = ", "not a prior"),
        ("version = 1", "'summary' is missing"),
        ('version = 1\nbase = "tiny"\nfamilies = "many"', "own.families: expected int, found 'many'"),
        ('version = 1\nbase = "tiny"\n[root]\nspeed = 1', "own.root: unknown field 'speed'"),
        ('version = 1\nbase = "tiny"\n[root]\nsteps = [1, 2, 3]', "own.root.steps"),
        ('version = 1\nbase = "tiny"\n[child]\nshots = { five = 1.0 }', "the key 'five' is no int"),
        ('version = 9\nbase = "tiny"', "a prior of version 9"),
    ],
)
def test_a_wrong_prior_is_refused_with_the_place(tmp_path, text, complaint):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(SavedFileError, match=complaint.replace("[", r"\[")):
        read_prior(str(path))
