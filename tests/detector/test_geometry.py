"""Angles and what a third model explains, against plain loops over the vectors themselves."""

import numpy as np
import pytest

from neural_phylogeny.detector.geometry import Geometry, pooled_over_third, ranks


def space_of(vectors):
    gram = vectors @ vectors.T
    square = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    return Geometry.pooled(gram[None], square[None], np.ones(1))


def whole(chunks, n):
    values = np.zeros((n, n, n))
    for rows, part in chunks:
        values[rows] = part
    return values


def test_angles_are_those_between_differences(rng):
    vectors = rng.normal(size=(5, 30))
    angle, given = (whole(chunks, 5) for chunks in (space_of(vectors).seen_from(), space_of(vectors).given()))
    for i, j, k in ((0, 1, 2), (3, 4, 0), (2, 1, 4)):
        a, b = vectors[j] - vectors[i], vectors[k] - vectors[i]
        assert angle[i, j, k] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        unit = vectors[i] / np.linalg.norm(vectors[i])
        a, b = (v - (v @ unit) * unit for v in (vectors[j], vectors[k]))
        assert given[i, j, k] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_near_models_lose_no_digits(rng):
    base = rng.normal(size=400)
    step = rng.normal(size=400)
    step -= (step @ base) / (base @ base) * base
    vectors = np.stack([base, base + 1e-4 * step])
    expected = np.sin(np.arctan(1e-4 * np.linalg.norm(step) / np.linalg.norm(base))) ** 2
    assert space_of(vectors).sine2()[0, 1] == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("n", [2, 3, 4, 6])
def test_pooling_is_that_of_a_loop(rng, n):
    values = rng.normal(size=(n, n, n))
    pooled, spread = pooled_over_third(iter([(slice(0, n), values.copy())]), n)
    for i in range(n):
        for j in range(n):
            others = [values[i, j, k] for k in range(n) if k not in (i, j)]
            if i == j or not others:
                assert (pooled[:, i, j] == 0).all() or i == j
                continue
            expected = [np.mean(others), np.min(others), np.max(others), np.std(others), np.median(others)]
            np.testing.assert_allclose(pooled[:, i, j], expected, atol=1e-9)
        seen = [values[i, j, k] ** 2 for j in range(n) for k in range(n) if len({i, j, k}) == 3]
        assert spread[i] == pytest.approx(np.sqrt(np.mean(seen)) if seen else 0.0)


def test_the_root_of_a_star_sees_right_angles(rng):
    root = rng.normal(size=3000)
    vectors = root + rng.normal(size=(6, 3000)) * 0.4
    vectors[3] = root
    _, spread = pooled_over_third(space_of(vectors).seen_from(), 6)
    assert np.argmin(spread) == 3
    assert spread[3] < 0.1
    assert np.delete(spread, 3).min() > 0.4


def test_between_is_the_least_detour():
    vectors = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 9.0]]) + 1.0
    between = space_of(vectors).between()
    assert between[0, 2] == pytest.approx(np.log(2 / 4))
    assert space_of(vectors[:2]).between()[0, 1] == 0


def test_what_shares_nothing_is_at_right_angles():
    product = np.array([[[1.0, np.nan], [np.nan, 4.0]]])
    space = Geometry.pooled(product, product, np.ones(1))
    assert space.gram[0, 1] == 0
    assert space.squared[0, 1] == 5


def test_ties_share_their_ranks():
    assert ranks(np.array([3.0, 1.0, 3.0, 5.0])).tolist() == pytest.approx([0.5, 0.0, 0.5, 1.0])
    assert ranks(np.array([2.0])).tolist() == [0.0]
