import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neural_phylogeny.statistics.blocks import BLOCK
from neural_phylogeny.statistics.cross import Cross, cross_sums
from neural_phylogeny.statistics.plan import SamplingPlan

PLAN = SamplingPlan()

values = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=st.floats(-4, 4, width=32, allow_nan=False)
)


@given(values)
def test_the_sums_are_those_of_the_formulas(sample):
    x = sample.astype(np.float64)
    i, j = x[:, None], x[None, :]
    found = cross_sums(sample)
    expected = {
        "product": i * j,
        "second": i**2 * j**2,
        "third": i**3 * j,
        "square": (i - j) ** 2,
        "fourth": (i - j) ** 4,
        "zeros": (i == 0) & (j == 0),
        "equal": i == j,
    }
    for key, terms in expected.items():
        np.testing.assert_allclose(found[key], terms.sum(axis=2), rtol=1e-12, atol=1e-10, err_msg=key)
    assert found["count"].tolist() == [x.shape[1]] * len(x)


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e5m2])
def test_rounding_is_that_of_the_formats(rng, dtype):
    fine = rng.normal(size=500).astype(np.float32)
    coarse = fine.astype(dtype).astype(np.float32)
    other = rng.normal(size=500).astype(dtype).astype(np.float32)
    rounded = cross_sums(np.stack([fine, coarse, other, -fine]))["rounded"]
    assert rounded[0, 1] == 500
    assert rounded[0, 2] < 100
    assert rounded[3, 1] == 0
    assert not rounded[1:3].any(), "nothing is the rounding of what is as coarse"
    assert not rounded[:, 0].any(), "a model of full precision is nobody's rounding"


@pytest.mark.parametrize("distance", [1e-3, 1e-5])
def test_near_models_in_a_far_crowd_keep_their_digits(rng, distance):
    parent = rng.normal(size=4000).astype(np.float32)
    child = (parent + distance * rng.normal(size=4000)).astype(np.float32)
    models = np.stack([parent, child, 5 * rng.normal(size=4000).astype(np.float32)])
    exact = models.astype(np.longdouble)
    i, j = exact[0], exact[1]
    found = cross_sums(models)
    assert found["fourth"][0, 1] == pytest.approx(float(((i - j) ** 4).sum()), rel=1e-12)
    assert found["square"][0, 1] == pytest.approx(float(((i - j) ** 2).sum()), rel=1e-12)
    moved = found["third"][0, 0] - 2 * found["third"][0, 1] + found["second"][0, 1]
    assert moved == pytest.approx(float(((i - j) ** 2 * i**2).sum()), rel=1e-14 / distance**2)
    skew = found["third"][0, 1] - found["third"][1, 0]
    assert skew == pytest.approx(float((i**3 * j - i * j**3).sum()), rel=1e-6)


def test_small_matrices_are_seen_whole_and_vectors_not_at_all(measured, rng):
    models = [{"w": rng.normal(size=(30, 40)), "b": np.ones(9)} for _ in range(2)]
    [(_, w), (_, b)] = list(measured(*models, statistics=[Cross()]))
    x = np.stack([m["w"].astype(np.float32).ravel() for m in models]).astype(np.float64)
    np.testing.assert_allclose(w["cross.third"], x**3 @ x.T, rtol=1e-12)
    assert not b
    assert {w[f"cross.{key}"].dtype.kind for key in ("zeros", "equal", "rounded")} == {"i"}


def test_large_matrices_are_sampled_alike_in_all_models(measured, rng):
    base = rng.normal(size=(17 * BLOCK // 512 + 1, 512)).astype(np.float32)
    [(_, found)] = list(measured({"w": base}, {"w": 2 * base}, {"w": base}, statistics=[Cross()]))
    count = found["cross.count"][0]
    assert 10_000 < count <= 3 * PLAN.cross_values
    np.testing.assert_allclose(found["cross.second"][1, 1], 16 * found["cross.second"][0, 0], rtol=1e-12)
    np.testing.assert_allclose(found["cross.fourth"][0, 1], found["cross.third"][0, 0], rtol=1e-12)
    assert found["cross.equal"].tolist() == [[count, 0, count], [0, count, 0], [count, 0, count]]
    assert found["cross.product"][0, 0] / count == pytest.approx(np.mean(np.square(base)), rel=0.05)


def test_zeros_and_equal_values_of_either_sign(measured):
    one = np.array([[0.0, 1, 2, 3], [0, 5, 6, 7]], dtype=np.float32)
    two = np.array([[-0.0, 1, 2, 9], [8, 5, 0, 7]], dtype=np.float32)
    [(_, found)] = list(measured({"w": one}, {"w": two}, statistics=[Cross()]))
    assert found["cross.zeros"].tolist() == [[2, 1], [1, 2]]
    assert found["cross.equal"].tolist() == [[8, 5], [5, 8]]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_spoil_only_their_own_model(measured, rng, bad):
    models = [{"w": rng.normal(size=(30, 40)).astype(np.float32)} for _ in range(3)]
    clean = measured(models[0], models[2], statistics=[Cross()]).arrays[0]
    models[1]["w"][2, 3] = bad
    found = measured(*models, statistics=[Cross()]).arrays[0]
    for key in Cross.pairwise:
        np.testing.assert_allclose(found[f"cross.{key}"][np.ix_([0, 2], [0, 2])], clean[f"cross.{key}"], rtol=1e-12)
    for key in ("product", "second", "third", "square", "fourth"):
        assert not np.isfinite(found[f"cross.{key}"][1]).any()
    assert found["cross.equal"][1].tolist() == [0, 1199, 0]


@pytest.mark.parametrize("n_blocks", [1, 16, 17, 127, 256, 257, 100_000])
def test_sampled_blocks_are_few_and_spread_over_the_tensor(n_blocks):
    step = PLAN.moment_stride(n_blocks)
    seen = range(0, n_blocks, step)
    assert len(seen) <= max(PLAN.thin_from, PLAN.thinned)
    assert n_blocks <= PLAN.thin_from or len(seen) >= PLAN.thinned // 2 or step == PLAN.stride


def test_the_numbers_of_a_pair_do_not_depend_on_the_number_of_models(measured, rng):
    models = [{"w": rng.normal(size=(300, 260)).astype(np.float32)} for _ in range(70)]
    two, many = (measured(*models[:n], statistics=[Cross()]).arrays[0] for n in (2, 70))
    assert many["cross.count"][0] == two["cross.count"][0]
    for key in Cross.pairwise:
        np.testing.assert_allclose(many[f"cross.{key}"][:2, :2], two[f"cross.{key}"], rtol=1e-12, err_msg=key)
