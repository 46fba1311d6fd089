"""GPTQ: codes written as in the format's description, one bit after the other."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.quantised.conftest import value

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.quantised import dequantised


def pack_down(codes, bits):
    """Codes of a column follow each other in its words, from the lowest bit of the first on."""
    rows, columns = codes.shape
    words = np.zeros((rows * bits // 32, columns), dtype=np.uint32)
    for column in range(columns):
        number = sum(int(code) << (bits * k) for k, code in enumerate(codes[:, column]))
        for word in range(words.shape[0]):
            words[word, column] = (number >> (32 * word)) & 0xFFFFFFFF
    return words.view(np.int32)


def layer(weight_codes, zeros, scales, group, bits, stored_less=1):
    """The tensors of one layer: codes (inputs, outputs), zeros and scales (groups, outputs)."""
    stored = (zeros.astype(np.int64) - stored_less) % 2**bits
    return {
        "m.q.qweight": pack_down(weight_codes, bits),
        "m.q.qzeros": np.ascontiguousarray(pack_down(stored.T, bits).T),
        "m.q.scales": scales.astype(np.float16),
        "m.q.g_idx": group.astype(np.int32),
    }


def example(bits, outputs=64, groups=3, size=32, seed=0, symmetric=False):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2**bits, (groups * size, outputs))
    zeros = np.full((groups, outputs), 2 ** (bits - 1)) if symmetric else rng.integers(0, 2**bits, (groups, outputs))
    scales = rng.uniform(0.01, 0.02, (groups, outputs)).astype(np.float16)
    group = rng.permutation(groups * size) % groups
    weight = (codes.astype(np.float32) - zeros[group]) * scales[group].astype(np.float32)
    return codes, zeros, scales, group, weight.T


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_codes_of_all_widths_in_any_order_of_inputs(opened, bits, symmetric):
    codes, zeros, scales, group, weight = example(bits, symmetric=symmetric)
    checkpoint = opened(layer(codes, zeros, scales, group, bits))
    assert set(checkpoint.tensors) == {"m.q.weight"}
    info = checkpoint.tensors["m.q.weight"]
    assert (info.shape, info.dtype, info.codes, info.code_bits) == ((64, 96), "float32", "gptq", bits)
    np.testing.assert_array_equal(value(checkpoint, "m.q.weight"), weight)


@pytest.mark.parametrize("bits", [3, 4])
def test_zero_points_of_the_second_version_are_distinguished_by_symmetric_ones(opened, bits):
    codes, zeros, scales, group, weight = example(bits, symmetric=True)
    checkpoint = opened(layer(codes, zeros, scales, group, bits, stored_less=0))
    np.testing.assert_array_equal(value(checkpoint, "m.q.weight"), weight)


def test_zero_points_of_the_second_version_are_distinguished_by_the_settings(opened, tmp_path):
    codes, zeros, scales, group, weight = example(4)
    settings = {"quantization_config": {"bits": 4, "checkpoint_format": "gptq_v2"}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    stored = layer(codes, zeros, scales, group, 4, stored_less=0)
    checkpoint = opened(stored, ("", str(tmp_path / "model.safetensors")))
    np.testing.assert_array_equal(value(checkpoint, "m.q.weight"), weight)


def test_groups_in_order_where_no_index_is_stored(opened):
    codes, zeros, scales, _, _ = example(4)
    group = np.arange(96) // 32
    stored = layer(codes, zeros, scales, group, 4)
    del stored["m.q.g_idx"]
    weight = (codes.astype(np.float32) - zeros[group]) * scales[group].astype(np.float32)
    np.testing.assert_array_equal(value(opened(stored), "m.q.weight"), weight.T)


@given(seed=st.integers(0, 1000), bits=st.sampled_from([2, 3, 4, 8]))
def test_a_quantised_weight_is_within_half_a_step(seed, bits):
    rng = np.random.default_rng(seed)
    weight = rng.normal(0, 0.1, (32, 64)).astype(np.float32)
    grouped = weight.T.reshape(2, 32, 32)
    low, high = np.minimum(grouped.min(1), 0), np.maximum(grouped.max(1), 0)
    scales = ((high - low) / (2**bits - 1)).astype(np.float16).astype(np.float32) + np.float32(1e-6)
    scales = scales.astype(np.float16).astype(np.float32)
    zeros = np.clip(np.round(-low / scales), 0, 2**bits - 1)
    group = np.arange(64) // 32
    codes = np.round(weight.T / scales[group]) + zeros[group]
    inside = (codes >= 0) & (codes <= 2**bits - 1)
    codes = np.clip(codes, 0, 2**bits - 1).astype(np.int64)
    checkpoint = dequantised(MemoryCheckpoint(layer(codes, zeros, scales, group, bits)))
    error = np.abs(value(checkpoint, "m.q.weight") - weight).T
    assert (error <= 0.5001 * scales[group])[inside].all()


def test_codes_without_scales_are_named(opened):
    codes, zeros, scales, group, _ = example(4)
    stored = layer(codes, zeros, scales, group, 4) | {"head.weight": np.ones((64, 32), np.float32)}
    del stored["m.q.scales"]
    checkpoint = opened(stored)
    assert [(item.tensors[0], item.weights, item.reason) for item in checkpoint.unread] == [
        ("m.q.qweight", 64 * 96 + 8 * 64 * 3 // 8 + 8 * 96, "codes without their scales")
    ]
    assert "m.q.qweight is not compared, about" in checkpoint.notes[0]


def test_an_index_beyond_the_groups_is_an_error():
    codes, zeros, scales, group, _ = example(4)
    group[5] = 9
    checkpoint = dequantised(MemoryCheckpoint(layer(codes, zeros, scales, group, 4)))
    with pytest.raises(ValueError, match=r"tensor 'm.q.weight': g_idx names group 9 of 3. Copy or download"):
        checkpoint.read("m.q.weight")


@pytest.mark.parametrize(
    ("part", "shape", "dtype", "reason"),
    [
        ("qzeros", (3, 9), np.int32, "no number of bits fits"),
        ("scales", (3, 63), np.float16, "neither the layout of GPTQ nor that of AWQ"),
        ("scales", (3, 64, 1), np.float16, "is not a matrix"),
        ("qweight", (0, 64), np.int32, "is not a matrix"),
    ],
)
def test_shapes_that_do_not_fit_are_named(opened, part, shape, dtype, reason):
    codes, zeros, scales, group, _ = example(4)
    checkpoint = opened(layer(codes, zeros, scales, group, 4) | {f"m.q.{part}": np.zeros(shape, dtype)})
    assert len(checkpoint.unread) == 1
    assert reason in checkpoint.unread[0].reason
    assert "m.q.scales" not in checkpoint.tensors
