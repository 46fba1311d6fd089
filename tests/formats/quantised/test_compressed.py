"""compressed-tensors: signed codes with half of their number added, as many a word as fit whole."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.quantised.conftest import value

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.quantised import dequantised


def pack(codes, bits):
    """Signed codes (rows, columns) into 32-bit words along the columns."""
    per_word = 32 // bits
    unsigned = (codes + 2 ** (bits - 1)).astype(np.uint32)
    padded = np.zeros((len(codes), -(-codes.shape[1] // per_word) * per_word), dtype=np.uint32)
    padded[:, : codes.shape[1]] = unsigned
    shifts = (np.arange(per_word) * bits).astype(np.uint32)
    words = (padded.reshape(len(codes), -1, per_word) << shifts).sum(-1, dtype=np.uint32)
    return words.view(np.int32)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("zeros", ["none", "plain", "packed"])
def test_codes_of_all_widths(opened, rng, bits, zeros):
    half = 2 ** (bits - 1)
    codes, shift = rng.integers(-half, half, (20, 90)), rng.integers(-half, half, (20, 3))
    scales = rng.uniform(0.01, 0.02, (20, 3)).astype(np.float32)
    arrays = {
        "m.weight_packed": pack(codes, bits),
        "m.weight_scale": scales,
        "m.weight_shape": np.array([20, 90]),
        "m.input_scale": np.ones(1, np.float32),
    }
    if zeros == "plain":
        arrays["m.weight_zero_point"] = shift.astype(np.int8)
    elif zeros == "packed":
        arrays["m.weight_zero_point"] = np.ascontiguousarray(pack(shift.T, bits).T)
    else:
        shift = np.zeros_like(shift)
    checkpoint = opened(arrays)
    group = np.arange(90) // 32
    expected = (codes - shift[:, group]).astype(np.float32) * scales[:, group]
    assert set(checkpoint.tensors) == {"m.weight"}
    assert checkpoint.tensors["m.weight"].code_bits == bits
    np.testing.assert_array_equal(value(checkpoint, "m.weight"), expected)


@pytest.mark.parametrize("scales", [(16, 1), (1,), ()])
def test_one_scale_a_row_or_for_all(opened, rng, scales):
    codes, scale = rng.integers(-8, 8, (16, 64)), rng.uniform(0.5, 1.0, scales).astype(np.float32)
    checkpoint = opened({"weight_packed": pack(codes, 4), "weight_scale": scale})
    expected = codes.astype(np.float32) * (scale if scale.ndim == 2 else scale.reshape(-1)[0])
    np.testing.assert_array_equal(value(checkpoint, "weight"), expected)


def test_bits_are_those_of_the_settings_where_no_shape_is_stored(opened, rng, tmp_path):
    groups = {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8}}}
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {"config_groups": groups}}))
    codes = rng.integers(-128, 128, (16, 64))
    stored = {"weight_packed": pack(codes, 8), "weight_scale": np.ones((16, 1), np.float32)}
    checkpoint = opened(stored, ("", str(tmp_path / "m.safetensors")))
    np.testing.assert_array_equal(value(checkpoint, "weight"), codes)


def test_inputs_in_another_order(opened, rng):
    codes, scales = rng.integers(-8, 8, (16, 64)), rng.uniform(0.5, 1.0, (16, 2)).astype(np.float32)
    order = rng.permutation(64) % 2
    stored = {"weight_packed": pack(codes, 4), "weight_scale": scales, "weight_shape": np.array([16, 64])}
    checkpoint = opened(stored | {"weight_g_idx": order.astype(np.int32)})
    np.testing.assert_array_equal(value(checkpoint, "weight"), codes.astype(np.float32) * scales[:, order])


@given(seed=st.integers(0, 1000), bits=st.sampled_from([4, 8]))
def test_a_quantised_weight_is_within_half_a_step(seed, bits):
    weight = np.random.default_rng(seed).normal(0, 0.1, (8, 64)).astype(np.float32)
    scales = np.abs(weight).reshape(8, 2, 32).max(2) / (2 ** (bits - 1) - 1)
    spread = np.repeat(scales, 32, axis=1)
    codes = np.round(weight / spread).astype(np.int64)
    stored = {"weight_packed": pack(codes, bits), "weight_scale": scales, "weight_shape": np.array([8, 64])}
    decoded = value(dequantised(MemoryCheckpoint(stored)), "weight")
    assert (np.abs(decoded - weight) <= 0.5001 * spread).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weight_scale": None}, "codes without their scales"),
        ({"weight_shape": np.array([16, 2**40])}, "does not go with 16 rows of 8 words"),
        ({"weight_shape": np.array([16, 5])}, "no number of bits puts 5 codes into 8 words"),
        ({"weight_scale": np.ones((3, 2), np.float32)}, "do not go with 16 outputs"),
        ({"weight_zero_point": np.ones((3, 2), np.int8)}, "do not go with the scales"),
    ],
)
def test_what_does_not_fit_is_named(opened, rng, change, reason):
    stored = {
        "weight_packed": pack(rng.integers(-8, 8, (16, 64)), 4),
        "weight_scale": np.ones((16, 2), np.float32),
        "weight_shape": np.array([16, 64]),
        **change,
    }
    checkpoint = opened({name: array for name, array in stored.items() if array is not None})
    assert reason in checkpoint.unread[0].reason
