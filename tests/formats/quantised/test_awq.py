"""AWQ: eight outputs a word, in the order in which its kernel unpacks them."""

import numpy as np
from tests.formats.quantised.conftest import value

PLACES = (0, 2, 4, 6, 1, 3, 5, 7)
"""Which of eight outputs the k-th four bits of a word hold."""


def pack(codes):
    words = np.zeros((codes.shape[0], codes.shape[1] // 8), dtype=np.uint32)
    for place, output in enumerate(PLACES):
        words |= codes[:, output::8].astype(np.uint32) << np.uint32(4 * place)
    return words.view(np.int32)


def test_codes_are_read_in_their_order(opened, rng):
    codes, zeros = rng.integers(0, 16, (128, 40)), rng.integers(0, 16, (2, 40))
    scales = rng.uniform(0.01, 0.02, (2, 40)).astype(np.float16)
    checkpoint = opened(
        {"a.qweight": pack(codes), "a.qzeros": pack(zeros), "a.scales": scales, "a.bias": np.ones(40, np.float16)}
    )
    group = np.arange(128) // 64
    weight = (codes.astype(np.float32) - zeros[group]) * scales[group].astype(np.float32)
    np.testing.assert_array_equal(value(checkpoint, "a.weight"), weight.T)
    assert (checkpoint.tensors["a.weight"].codes, checkpoint.tensors["a.weight"].code_bits) == ("awq", 4)
    assert set(checkpoint.tensors) == {"a.weight", "a.bias"}


def test_zero_points_of_another_shape_are_named(opened, rng):
    checkpoint = opened(
        {
            "a.qweight": pack(rng.integers(0, 16, (128, 40))),
            "a.qzeros": np.zeros((3, 5), np.int32),
            "a.scales": np.ones((2, 40), np.float16),
        }
    )
    assert checkpoint.unread[0].reason == "qzeros and scales have different shapes"
