"""The cheapest explanation of a matrix names the kind, and a kind is added by a row."""

import numpy as np
import pytest

from neural_phylogeny.relations.explanations import low_rank, table, whole
from neural_phylogeny.relations.explanations.grids import steps_of_grid
from neural_phylogeny.relations.explanations.step import Step
from neural_phylogeny.relations.explanations.table import Explanation


@pytest.fixture
def parent(rng):
    return rng.normal(size=(32, 64)).astype(np.float32).astype(np.float64)


def step(parent, child):
    return Step("w", parent, child.astype(np.float32).astype(np.float64), parent.shape)


def kind(parent, child):
    return whole.explained([step(parent, child)]).kind


def of_low_rank(rng, rank=4):
    return 0.05 * rng.normal(size=(32, rank)) @ rng.normal(size=(rank, 64))


def test_a_step_of_low_rank_is_an_adapter(parent, rng):
    assert kind(parent, parent + of_low_rank(rng)) == "adapter"


def test_rows_of_learnt_lengths_are_found_beside_a_low_rank(parent, rng):
    lengths = 1.0 + 0.05 * rng.normal(size=(32, 1))
    assert kind(parent, lengths * (parent + 0.2 * of_low_rank(rng))) == "adapter"


@pytest.mark.parametrize("shape", [(24, 24), (32, 64), (32, 33), (30, 60)])
def test_a_cheap_test_rejects_no_adapter(rng, shape):
    parent = rng.normal(size=shape).astype(np.float32).astype(np.float64)
    for rank in (1, 4, 8):
        added = 0.01 * rng.normal(size=(shape[0], rank)) @ rng.normal(size=(rank, shape[1]))
        found = low_rank.rank_of(step(parent, parent + added))
        assert found is not None
        assert found[0] == rank
        lengths = 1.0 + 0.2 * rng.normal(size=(shape[0], 1))
        made = step(parent, lengths * (parent + added))
        assert low_rank._may_have_lengths(made, low_rank._allowed(made))
    trained = step(parent, parent + 0.001 * rng.normal(size=shape))
    assert not low_rank._may_have_lengths(trained, low_rank._allowed(trained))


def test_factors_of_units_and_inputs_are_a_rescaling(parent, rng):
    factors = np.exp(rng.normal(size=(32, 1))) * np.exp(rng.normal(size=64)) * rng.choice([-1.0, 1.0], size=(32, 1))
    assert kind(parent, parent * factors) == "rescaled"
    assert kind(parent, parent * factors + 0.02 * rng.standard_t(3, size=parent.shape)) == "finetune"


def test_a_cheap_test_rejects_no_rescaling(rng):
    for _ in range(20):
        shape = tuple(rng.integers(3, 40, 2).tolist())
        x = rng.normal(size=shape)
        exact = np.exp(rng.normal(size=(shape[0], 1))) * x * np.exp(rng.normal(size=shape[1]))
        left = rng.standard_t(2, size=shape)
        left *= 1e-3 / np.sqrt(np.mean(left**2))
        assert table._may_be_factors(x, exact + left, 1e-3)
        assert not table._may_be_factors(x, exact + left, 1e-9)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_independent_normal_noise_is_noise_and_a_training_step_is_not(parent, rng, level):
    assert kind(parent, parent + level * rng.normal(size=parent.shape)) == "noised"
    step_of_training = rng.normal(size=parent.shape) + np.outer(rng.normal(size=32), rng.normal(size=64))
    assert kind(parent, parent + level * step_of_training) == "finetune"


def test_a_mask_is_found_under_a_training(parent, rng):
    mask = np.abs(parent) > 0.6
    found = whole.explained([step(parent, mask * (parent + 0.1 * rng.standard_t(3, size=parent.shape)))])
    assert (found.kind, found.also) == ("pruned", ("finetune",))


def test_a_matrix_of_zeros_alone_is_pruned_and_nothing_else(parent):
    found = whole.explained([step(parent, parent), step(parent, np.zeros_like(parent))])
    assert (found.kind, found.also) == ("pruned", ())


def test_a_stranger_is_described_alone(parent, rng):
    found = whole.explained([step(parent, rng.normal(size=parent.shape))])
    assert found.shares == {"new": 1.0}
    assert found.bits == found.alone


def test_blocks_have_grids_of_their_own(rng):
    blocks = rng.integers(-7, 8, (32, 2, 32)) * np.exp(rng.normal(size=(32, 2, 1)))
    assert steps_of_grid(blocks.reshape(32, 64)) is not None
    blocks[0] = rng.normal(size=(2, 32))
    assert steps_of_grid(blocks.reshape(32, 64)) is None
    assert steps_of_grid(rng.normal(size=(32, 64))) is None


def test_a_kind_is_a_row(parent, monkeypatch):
    """Step 1, the price; step 2, the row."""

    def reversed_rows(step: Step) -> float:
        return table.NAME if np.array_equal(step.parent[::-1], step.child) else np.inf

    assert kind(parent, parent[::-1].copy()) == "finetune"
    monkeypatch.setattr(whole, "TABLE", (*table.TABLE, Explanation("reversed", reversed_rows, "rows are reversed")))
    assert kind(parent, parent[::-1].copy()) == "reversed"
