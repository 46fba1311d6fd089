"""Generators under keys, against known answers of their authors and of the libraries that use them."""

import numpy as np
import pytest

from neural_phylogeny.relations.initialisations.generators import normal_quantile
from neural_phylogeny.relations.initialisations.keyed import (
    cuda_words,
    flax_keys,
    flax_keys_before,
    jax_fold_in,
    jax_key,
    jax_split_before,
    jax_words,
    keras_seeds,
    philox,
    threefry,
)

FULL = 0xFFFFFFFF
PI = (0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344)


def word(value):
    return np.array([[value]], dtype=np.uint32)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((FULL, FULL), (FULL, FULL), (0x1CB996FC, 0xBB002BE7)),
        (*PI, (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_has_the_known_answers_of_random123(counter, key, expected):
    found = threefry(np.array([key], dtype=np.uint32), *map(word, counter))
    assert tuple(int(each[0, 0]) for each in found) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (FULL, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    ],
)
def test_philox_has_the_known_answers_of_random123(value, expected):
    found = philox(np.full((1, 2), value, dtype=np.uint32), [word(value)] * 4)
    assert tuple(int(each[0, 0]) for each in found) == expected


def test_bits_of_jax_now_and_before_version_0_5():
    assert jax_words(jax_key(0), 3).tolist() == [[0xF29A4FA7, 0xFA843692, 0x55110E28]]
    before = [3568232559, 713140391, 1958986954, 2761185182, 2442350529]  # jax.random.bits(jax.random.key(1), (5,))
    assert jax_words(jax_key(1), 5, partitionable=False).tolist() == [before]


def test_normal_numbers_of_jax():
    now = [-0.02830462, 0.46713185, 0.29570296]  # jax.random.normal(jax.random.key(42), (3,))
    uniform = (jax_words(jax_key(42), 3)[0] >> np.uint32(9)) * 2.0**-23
    assert normal_quantile(uniform) == pytest.approx(now, abs=3e-7)


def test_keys_of_jax_are_split_as_it_splits_them():
    now = [[1832780943, 270669613], [64467757, 2916123636], [2465931498, 255383827]]  # split(key(42), 3)
    before = [[3134548294, 3733159049], [3746501087, 894150801], [801545058, 2363201431]]
    assert jax_fold_in(jax_key(42), range(3)).tolist() == now
    assert jax_split_before(jax_key(42), 3).tolist() == before


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("size", [1, 7, 8])
def test_the_first_words_of_a_tensor_are_those_of_the_whole(size, partitionable):
    whole = jax_words(jax_key(3), size, partitionable=partitionable)
    for first in range(1, size + 1):
        assert (jax_words(jax_key(3), size, first, partitionable=partitionable) == whole[:, :first]).all()


@pytest.mark.parametrize("keys", [flax_keys, flax_keys_before])
def test_a_key_of_flax_depends_on_path_and_number(keys):
    found = [keys(jax_key(1), path, number) for path, number in ((["a", "b"], 1), (["a", "c"], 1), (["a", "b"], 2))]
    assert len({tuple(key[0].tolist()) for key in found}) == 3


def test_seeds_of_keras_are_those_of_python():
    assert keras_seeds(42, 3) == keras_seeds(42, 5)[:3]
    assert all(1 <= seed <= 10**9 for seed in keras_seeds(0, 100))


def test_values_of_a_tensor_on_a_gpu_have_threads_of_their_own():
    first, _ = cuda_words(0, np.arange(2), 6)
    assert first.shape == (2, 6)
    assert (cuda_words(0, np.arange(2), 3)[0] == first[:, :3]).all()
