"""Generators of JAX, Flax, Keras and TensorFlow against values that they published."""

import numpy as np
import pytest

from neural_phylogeny.relations.initialisations.generators import normal_quantile
from neural_phylogeny.relations.initialisations.keyed import (
    flax_key,
    jax_fold_in,
    jax_key,
    jax_split,
    jax_uniform,
    jax_words,
    keras_seeds,
    philox,
    philox_words,
    tensorflow_normal,
    tensorflow_uniform,
    tensorflow_words,
    threefry,
)

FULL = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344)


def normal(key, size, *, partitionable=True):
    """``jax.random.normal``, whose uniform numbers lie between -1 and 1."""
    low = float(np.nextafter(np.float32(-1.0), np.float32(0.0)))
    uniform = jax_uniform(key, size, partitionable=partitionable) * (1.0 - low) + low
    return normal_quantile((uniform + 1.0) / 2.0)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((FULL, FULL), (FULL, FULL), (0x1CB996FC, 0xBB002BE7)),
        (*PI, (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_has_the_known_answers_of_random123(counter, key, expected):
    found = threefry(key, *(np.array([word], dtype=np.uint32) for word in counter))
    assert tuple(int(word[0]) for word in found) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (FULL, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ],
)
def test_philox_has_the_known_answers_of_random123(word, expected):
    assert tuple(philox((word, word), np.full((1, 4), word, dtype=np.uint64))[0].tolist()) == expected


def test_bits_of_jax():
    assert jax_words(jax_key(0), 3).tolist() == [0xF29A4FA7, 0xFA843692, 0x55110E28]


def test_normal_numbers_of_jax_now_and_before_version_0_5():
    now = [-0.02830462, 0.46713185, 0.29570296]  # jax.random.normal(jax.random.key(42), (3,))
    assert normal(jax_key(42), 3) == pytest.approx(now, abs=3e-7)
    assert normal(jax_key(42), 1, partitionable=False) == pytest.approx([-0.18471177], abs=1e-7)


def test_keys_of_jax_are_split_as_it_splits_them():
    now = [0.07592554, 0.60576403, 0.4323065]  # each of split(key(42), 3)
    assert [normal(key, 1)[0] for key in jax_split(jax_key(42), 3)] == pytest.approx(now, abs=1e-6)
    before = [0.13790321, 1.3694694]
    keys = jax_split(jax_key(42), partitionable=False)
    assert [normal(key, 1, partitionable=False)[0] for key in keys] == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("size", [1, 7, 8])
def test_the_first_words_of_a_tensor_are_those_of_the_whole(size, partitionable):
    whole = jax_words((3, 4), size, partitionable=partitionable)
    for first in range(1, size + 1):
        assert (jax_words((3, 4), size, first, partitionable=partitionable) == whole[:first]).all()


def test_a_key_of_flax_depends_on_path_and_number():
    paths: list[list[str | int]] = [["Dense_0", 1], ["Dense_1", 1], ["Dense_0", 2]]
    assert len({flax_key((0, 1), path) for path in paths}) == 3
    assert flax_key((0, 1), ["ab", "c"]) == flax_key((0, 1), ["a", "bc"])
    assert flax_key((0, 1), ["ab", "c"], separated=True) != flax_key((0, 1), ["a", "bc"], separated=True)
    assert jax_fold_in((5, 6), 7) == jax_split((5, 6), 8)[7]


def test_normal_numbers_of_tensorflow():
    published = [0.43842277, -0.53439844, -0.07710262, 1.5658046, -0.1012345, -0.2744976]
    assert tensorflow_normal(philox_words((0, 0), (0, 0), 6, start=1)) == pytest.approx(published, abs=1e-6)


def test_stateless_draws_of_tensorflow_are_uniform_and_follow_both_seeds():
    first, second, third = (tensorflow_uniform(tensorflow_words(seeds, 4001)) for seeds in ((1, 0), (1, 0), (1, 2)))
    assert (first == second).all()
    assert (first != third).any()
    assert abs(first.mean() - 0.5) < 0.02
    assert first.max() < 1.0


def test_seeds_of_keras_are_those_of_python():
    assert keras_seeds(42, 3) == keras_seeds(42, 5)[:3]
    assert all(1 <= seed <= 10**9 for seed in keras_seeds(0, 100))
