"""What only some models have does not spoil the rest, and features mean the same at any size."""

import numpy as np
import pytest
from tests.detector.conftest import measurements_of, star_of

from neural_phylogeny.detector.features import groups, pair_features
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.detector.triples import everyone, triple_features


@pytest.fixture
def with_heads(rng):
    """A star, and the same star with heads of other class counts: some members have more rows, and one more layer."""
    star = star_of(rng)
    more = []
    for k, model in enumerate(star):
        head = rng.normal(size=(10 if k % 2 else 14, 10)).astype(np.float32)
        extra = {} if k < 3 else {"3.weight": rng.normal(size=(8, 10)).astype(np.float32)}
        more.append(model | {"2.weight": head} | extra)
    return measurements_of(star), measurements_of(more)


def test_heads_of_other_class_counts_leave_triples_as_they_are(with_heads):
    plain, more = with_heads
    expected = triple_features(plain, everyone(6)).astype(float)
    np.testing.assert_allclose(triple_features(more, everyone(6)).astype(float), expected, atol=2e-3)


def test_heads_of_other_class_counts_leave_features_of_third_models_as_they_are(with_heads):
    plain, more = with_heads
    chosen = np.array(groups()) == "triples"
    np.testing.assert_allclose(pair_features(more)[..., chosen], pair_features(plain)[..., chosen], atol=1e-3)


def test_a_head_that_some_children_of_a_small_network_have_leaves_angles_as_they_are(rng):
    star, head = star_of(rng), rng.normal(size=(4, 10))
    more = [
        m | ({"2.weight": (head + 0.9 * rng.normal(size=(4, 10))).astype(np.float32)} if 1 < k < 5 else {})
        for k, m in enumerate(star)
    ]
    plain, some = measurements_of(star), measurements_of(more)
    assert len(some.retained.sizes) == 3
    expected = triple_features(plain, everyone(6)).astype(float)
    np.testing.assert_allclose(triple_features(some, everyone(6)).astype(float), expected, atol=2e-3)


def test_where_little_is_common_to_all_everything_counts(rng):
    star = star_of(rng)
    star[4] = {"1.weight": star[4]["1.weight"]}
    measured = measurements_of(star)
    assert len(measured.common.sizes) == len(measured.retained.sizes) == 2


def test_features_of_a_family_drawn_from_a_larger_one_mean_the_same(rng):
    shapes = {"0.weight": (160, 128), "1.weight": (144, 160), "2.weight": (128, 144)}
    large: list[dict[str, np.ndarray]] = []
    for k in range(6):
        start = {name: rng.uniform(-1.0, 1.0, shape) for name, shape in shapes.items()} if not k else large[k // 2]
        large.append({name: w + 0.3 * rng.normal(size=w.shape) * (1.0 + np.abs(w)) for name, w in start.items()})
    large = [{name: w.astype(np.float32) for name, w in model.items()} for model in large]
    small = [{name: w[::2, ::2] for name, w in model.items()} for model in large]
    network = detector()
    difference = pair_features(measurements_of(large)) - pair_features(measurements_of(small))
    shifted = difference[..., : network.config.n_features] / network.networks[0]["deviation"]
    assert np.abs(shifted.mean(axis=(0, 1))).max() < 0.2
