import numpy as np
import pytest

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.relations.direction import norm_score
from neural_phylogeny.relations.fake_init import (
    DISTRIBUTIONS,
    FakeInitialisation,
    drawn_distances,
    expected_distances,
    fans,
    nearer,
    summed,
)
from neural_phylogeny.relations.tables import mean_sign
from neural_phylogeny.tensors.alignment import align


def real_draw(distribution, shape, scale, rms, rng):
    """One draw with the weights' own shape, by the textbook recipe of each family."""
    units, inputs = shape
    bound = {"uniform": rms * np.sqrt(3), "kaiming-uniform": np.sqrt(6 / inputs)}
    bound["xavier-uniform"] = np.sqrt(6 / (units + inputs))
    deviation = {"gaussian": rms, "kaiming-normal": np.sqrt(2 / inputs), "xavier-normal": np.sqrt(2 / (units + inputs))}
    if distribution in bound:
        return scale * rng.uniform(-bound[distribution], bound[distribution], shape)
    if distribution in deviation:
        return rng.normal(0, scale * deviation[distribution], shape)
    tall = rng.normal(size=(max(shape), min(shape)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))
    return scale * (q if units >= inputs else q.T)


def close_pair(rng, shape=(30, 40), step=0.02):
    """A model and a fine-tune so near that draws disagree on them."""
    base = rng.normal(size=shape)
    return [{"w": w.astype(np.float32)} for w in (base, base + step * rng.normal(size=shape))]


@pytest.mark.parametrize("distribution", sorted(DISTRIBUTIONS))
def test_signs_are_those_of_real_draws(distribution, measured, rng):
    models = close_pair(rng)
    first, second = (m["w"].astype(float) for m in models)
    rms = np.sqrt((np.mean(first**2) + np.mean(second**2)) / 2)
    scale = (
        1.0 if distribution in ("gaussian", "uniform") else rms / np.sqrt(DISTRIBUTIONS[distribution]((40, 30), 1.0))
    )
    real = 0.0
    for _ in range(2000):
        z = real_draw(distribution, first.shape, scale, rms, rng)
        real += np.sign(np.sum((second - z) ** 2) - np.sum((first - z) ** 2)) / 2000
    found = nearer(measured(*models), FakeInitialisation(distribution, scale, n_draws=4000))
    assert abs(real) < 0.98, "the pair must be close enough to be a test"
    assert found[0, 1] == pytest.approx(real, abs=0.08)
    np.testing.assert_array_equal(found, -found.T)


@pytest.mark.parametrize("distribution", sorted(DISTRIBUTIONS))
def test_distances_have_the_moments_of_real_draws(distribution, measured, rng):
    models = close_pair(rng, shape=(24, 50), step=1.0)
    weights = np.stack([m["w"].astype(float) for m in models])
    rms = np.sqrt(np.mean(weights**2))
    z = np.stack([real_draw(distribution, (24, 50), 0.7, rms, rng) for _ in range(3000)])
    real = ((weights[:, None] - z) ** 2).sum(axis=(2, 3))
    real -= (z**2).sum(axis=(1, 2)) - (z**2).sum(axis=(1, 2)).mean()  # all models share |z|^2
    statistics = measured(*models)
    [(members, drawn)] = drawn_distances(statistics, FakeInitialisation(distribution, 0.7, n_draws=3000))
    assert members == [0, 1]
    np.testing.assert_allclose(drawn.mean(axis=1), real.mean(axis=1), rtol=0.02)
    np.testing.assert_allclose(np.cov(drawn), np.cov(real), rtol=0.15, atol=0.1 * np.cov(real).max())
    expected = expected_distances(statistics, FakeInitialisation(distribution, 0.7))
    np.testing.assert_allclose(expected[0], real.mean(axis=1), rtol=0.02)


def test_the_closed_form_is_the_limit_of_many_draws(measured, rng):
    models = [{"a": rng.normal(size=(20, 20)) * s, "b": rng.normal(size=(30, 20)) * s} for s in (1.0, 1.2, 1.1)]
    statistics = measured(*models)
    for total in (False, True):
        drawn = nearer(statistics, FakeInitialisation(scale=0.1, n_draws=500, summed=total))
        np.testing.assert_allclose(drawn, nearer(statistics, FakeInitialisation(summed=total)), rtol=0.02, atol=0.02)
    np.testing.assert_array_equal(nearer(statistics), mean_sign(norm_score(statistics)))


def test_a_child_is_a_parent_and_independent_noise(measured, rng):
    """The paper's setting: pairs of a family in which a child has gone further from its start than its parent."""
    right, pairs = 0, 0
    for _ in range(25):
        parent = {k: rng.uniform(-1, 1, (40, 50)) / 7 for k in "abc"}
        kids = [{k: v + rng.normal(0, 0.02, v.shape) for k, v in parent.items()} for _ in range(4)]
        statistics = measured(parent, *kids)
        for fake in (FakeInitialisation(), FakeInitialisation("kaiming-uniform", 0.41, n_draws=16)):
            found = nearer(statistics, fake)
            right, pairs = right + int((found[0, 1:] > 0).sum()), pairs + 4
    assert right / pairs >= 0.95


def test_a_broken_model_gets_no_signs(measured, rng):
    models = [{"w": rng.normal(size=(8, 8))} for _ in range(3)]
    models[1]["w"][0, 0] = np.nan
    statistics = measured(*models)
    for fake in (FakeInitialisation(n_draws=3), FakeInitialisation(), FakeInitialisation(summed=True)):
        found = nearer(statistics, fake)
        assert not found[1].any()
        assert found[0, 2] != 0


def test_sums_are_over_what_both_have():
    scores = np.array([[1.0, 4.0, np.nan], [2.0, 1.0, 7.0]])
    np.testing.assert_array_equal(summed(scores), [[0, 2, 5], [-2, 0, 6], [-5, -6, 0]])


@pytest.mark.parametrize(
    ("shape", "axis", "expected"),
    [((8, 5), 0, (5, 8)), ((8, 4, 3, 3), 0, (36, 72)), ((3, 3, 4, 8), -1, (36, 72)), ((5, 8), -1, (5, 8))],
)
def test_fans(shape, axis, expected):
    info = {"w": TensorInfo(name="w", shape=shape, dtype="float32", output_axis=axis)}
    [tensor] = align([info, info], ["a", "b"]).tensors
    assert fans(tensor) == expected


def test_wrong_choices_are_reported():
    with pytest.raises(ValueError, match=r"distribution must be one of uniform, gaussian, .*, not 'cauchy'"):
        FakeInitialisation("cauchy")
    with pytest.raises(ValueError, match="scale must be a number not below 0, not -1"):
        FakeInitialisation(scale=-1)
    with pytest.raises(ValueError, match="n_draws must be at least 1, or None"):
        FakeInitialisation(n_draws=0)
