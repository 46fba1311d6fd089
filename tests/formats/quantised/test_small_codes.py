"""Codes of four bits and similar codes, written by hand from the descriptions of their formats."""

import json

import ml_dtypes
import numpy as np
import pytest
from tests.formats.quantised.conftest import value


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_bitsandbytes_of_four_bits(opened, rng, kind, nested):
    codes, table = rng.integers(0, 16, 6 * 40).astype(np.uint8), rng.normal(0, 1, 16).astype(np.float32)
    state = {"quant_type": kind, "blocksize": 64, "shape": [6, 40], "dtype": "float16"}
    absmax = rng.uniform(0.1, 0.2, 4).astype(np.float32)
    arrays = {"q.weight": (codes[::2] << 4 | codes[1::2])[:, None], "q.weight.quant_map": table}
    if nested:
        index, outer, numbers = rng.integers(0, 256, 4).astype(np.uint8), np.array([0.5, 2.0]), rng.normal(0, 1, 256)
        state |= {"nested_blocksize": 2, "nested_offset": 0.25}
        absmax = numbers.astype(np.float32)[index] * outer.repeat(2).astype(np.float32) + np.float32(0.25)
        arrays |= {"q.weight.absmax": index, "q.weight.nested_absmax": outer.astype(np.float32)}
        arrays["q.weight.nested_quant_map"] = numbers.astype(np.float32)
    else:
        arrays["q.weight.absmax"] = absmax
    arrays[f"q.weight.quant_state.bitsandbytes__{kind}"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    checkpoint = opened(arrays)
    assert set(checkpoint.tensors) == {"q.weight"}
    assert (checkpoint.tensors["q.weight"].codes, checkpoint.tensors["q.weight"].code_bits) == (
        f"bitsandbytes {kind}",
        4,
    )
    expected = table[codes] * absmax[np.arange(240) // 64]
    np.testing.assert_array_equal(value(checkpoint, "q.weight"), expected.reshape(6, 40))


FP4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]


@pytest.mark.parametrize("writer", ["compressed-tensors", "ModelOpt"])
def test_nvfp4(opened, rng, writer):
    codes = rng.integers(0, 16, (8, 64)).astype(np.uint8)
    scales, overall = rng.uniform(1, 4, (8, 4)).astype(ml_dtypes.float8_e4m3fn), np.array([8.0], np.float32)
    name, extra = ("weight_packed", "weight_global_scale") if writer[0] == "c" else ("weight", "weight_scale_2")
    packed = codes[:, ::2] | codes[:, 1::2] << 4
    checkpoint = opened({f"m.{name}": packed, "m.weight_scale": scales, f"m.{extra}": overall})
    factor = 1 / overall if writer[0] == "c" else overall
    numbers = np.array(FP4 + [-x for x in FP4], np.float32)[codes]
    expected = numbers * np.repeat(scales.astype(np.float32) * factor, 16, axis=1)
    np.testing.assert_array_equal(value(checkpoint, "m.weight"), expected)
    assert checkpoint.tensors["m.weight"].codes == "nvfp4"


def test_mxfp4_of_experts_has_inputs_first(opened, rng):
    codes = rng.integers(0, 16, (3, 10, 2, 32)).astype(np.uint8)
    scales = rng.integers(120, 130, (3, 10, 2)).astype(np.uint8)
    packed = codes[..., ::2] | codes[..., 1::2] << 4
    checkpoint = opened({"e.up_blocks": packed, "e.up_scales": scales})
    numbers = np.array(FP4 + [-x for x in FP4], np.float32)[codes]
    expected = (numbers * 2.0 ** (scales.astype(int) - 127)[..., None]).reshape(3, 10, 64).transpose(0, 2, 1)
    np.testing.assert_array_equal(value(checkpoint, "e.up"), expected.astype(np.float32))


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_mlx(opened, rng, bits, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"quantization": {"bits": bits, "group_size": 64}}))
    codes = rng.integers(0, 2**bits, (6, 128))
    words = np.zeros((6, 4 * bits), dtype=np.uint32)
    for row, line in enumerate(codes):
        number = sum(int(code) << (bits * k) for k, code in enumerate(line))
        words[row] = [(number >> (32 * k)) & 0xFFFFFFFF for k in range(4 * bits)]
    scales, biases = (rng.uniform(0.1, 0.2, (6, 2)).astype(np.float16) for _ in range(2))
    stored = {"l.weight": words, "l.scales": scales, "l.biases": biases}
    checkpoint = opened(stored, ("", str(tmp_path / "model.safetensors")))
    wide = [np.repeat(each.astype(np.float32), 64, axis=1) for each in (scales, biases)]
    np.testing.assert_array_equal(value(checkpoint, "l.weight"), codes.astype(np.float32) * wide[0] + wide[1])


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("axis", [0, 1])
def test_hqq(opened, rng, bits, axis):
    group = 16
    codes = rng.integers(0, 2**bits, (80, group) if axis == 1 else (group, 80))
    per = {8: 1, 4: 2, 3: 10, 2: 4, 1: 8}[bits]
    slab = -(-len(codes) // per)
    padded = np.zeros((slab * per, codes.shape[1]), dtype=np.int64)
    padded[: len(codes)] = codes
    words = sum(padded[k * slab : (k + 1) * slab] << (bits * (per - 1 - k)) for k in range(per))
    line = (80, 1) if axis == 1 else (1, 80)
    scale, zero = (rng.uniform(0.1, 0.2, line).astype(np.float32) for _ in range(2))
    checkpoint = opened(
        {
            "l.W_q": np.asarray(words).astype(np.int32 if bits == 3 else np.uint8),
            "l.scale": scale, "l.zero": zero, "l.nbits": np.array([bits], np.int32),
            "l.axis": np.array([axis], np.int32), "l.shape": np.array([16, 80]),
        }
    )  # fmt: skip
    expected = ((codes.astype(np.float32) - zero) * scale).reshape(16, 80)
    np.testing.assert_array_equal(value(checkpoint, "l.weight"), expected)


def test_masks_and_indices_are_no_codes(opened):
    mask = np.tril(np.ones((32, 32), np.uint8))
    index = np.arange(1024, dtype=np.int32).reshape(32, 32)
    assert opened({"mask": mask, "index": index}).format == "memory"
