"""Numbers of eight bits with scales: torch's own fp8 numbers as the oracle."""

import json

import ml_dtypes
import numpy as np
import pytest
from tests.formats.quantised.conftest import value

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats.quantised.base import MisfitError
from neural_phylogeny.formats.quantised.scaled import layout

FP8 = ml_dtypes.float8_e4m3fn


def coarse(rng, *shape):
    return rng.normal(0, 100, shape).astype(FP8)


@pytest.mark.parametrize(
    "name", ["l.weight_scale", "l.scale_weight", "l.weight_scale_inv", "l.scale", "l.weight.scale"]
)
@pytest.mark.parametrize("shape", [(), (1,), (24,), (24, 1)])
def test_one_scale_for_all_or_a_row(opened, rng, name, shape):
    weight, scale = coarse(rng, 24, 40), rng.uniform(0.001, 0.002, shape).astype(np.float32)
    marks = {"scaled_fp8": np.zeros(2, FP8), "l.scale_input": np.ones(1, np.float32)}
    checkpoint = opened({"l.weight": weight, name: scale, **marks})
    assert set(checkpoint.tensors) == {"l.weight"}
    expected = weight.astype(np.float32) * np.broadcast_to(scale.reshape(-1, 1), (24, 1) if scale.size > 1 else (1, 1))
    np.testing.assert_array_equal(value(checkpoint, "l.weight"), expected)
    assert (checkpoint.tensors["l.weight"].codes, checkpoint.tensors["l.weight"].code_bits) == ("scaled fp8", 8)


@pytest.mark.parametrize(
    ("shape", "block", "leading"),
    [((256, 384), 128, ()), ((300, 200), 128, ()), ((96, 64), 32, ()), ((256, 384), 128, (3,))],
)
def test_a_scale_a_block(opened, rng, shape, block, leading):
    weight = coarse(rng, *leading, *shape)
    grid = tuple(-(-n // block) for n in shape)
    scales = rng.uniform(0.001, 0.002, (*leading, *grid)).astype(np.float32)
    checkpoint = opened({"e.gate_up_proj": weight, "e.gate_up_proj_scale_inv": scales})
    across = np.repeat(np.repeat(scales, block, -2), block, -1)[..., : shape[0], : shape[1]]
    np.testing.assert_array_equal(value(checkpoint, "e.gate_up_proj"), weight.astype(np.float32) * across)


def test_the_block_of_the_settings_comes_first(opened, rng, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": {"weight_block_size": [64, 64]}}))
    weight, scales = coarse(rng, 65, 65), rng.uniform(1, 2, (2, 2)).astype(np.float32)
    stored = {"weight": weight, "weight_scale_inv": scales}
    checkpoint = opened(stored, ("", str(tmp_path / "m.safetensors")))
    across = np.repeat(np.repeat(scales, 64, 0), 64, 1)[:65, :65]
    np.testing.assert_array_equal(value(checkpoint, "weight"), weight.astype(np.float32) * across)


def test_int8_with_zero_points(opened, rng):
    codes = rng.integers(-128, 128, (8, 3, 3, 3)).astype(np.int8)
    scales, zeros = rng.uniform(0.1, 0.2, (8, 1)).astype(np.float32), rng.integers(-5, 5, (8, 1)).astype(np.int8)
    checkpoint = opened({"c.weight": codes, "c.weight_scale": scales, "c.weight_zero_point": zeros})
    expected = (codes.astype(np.float32) - zeros[..., None, None]) * scales[..., None, None]
    np.testing.assert_array_equal(value(checkpoint, "c.weight"), expected)


def test_int8_of_bitsandbytes(opened, rng):
    codes, largest = rng.integers(-127, 128, (8, 24)).astype(np.int8), rng.uniform(0.1, 0.2, 8).astype(np.float32)
    checkpoint = opened({"f.weight": codes, "f.SCB": largest, "f.weight_format": np.array(0, np.uint8)})
    assert set(checkpoint.tensors) == {"f.weight"}
    np.testing.assert_allclose(value(checkpoint, "f.weight"), codes * largest[:, None] / 127, rtol=1e-6)


def test_quanto(opened, rng):
    codes, scale = rng.integers(-127, 128, (8, 24)).astype(np.int8), rng.uniform(0.1, 0.2, (8, 1)).astype(np.float32)
    checkpoint = opened({"f.weight._data": codes, "f.weight._scale": scale, "f.input_scale": np.ones((), np.float32)})
    assert set(checkpoint.tensors) == {"f.weight"}
    np.testing.assert_array_equal(value(checkpoint, "f.weight"), codes * scale)


def test_scales_that_are_exponents(opened, rng):
    weight, scales = coarse(rng, 8, 64), rng.integers(120, 130, (8, 2)).astype(np.uint8)
    checkpoint = opened({"weight": weight, "weight_scale": scales})
    expected = weight.astype(np.float32) * np.repeat(2.0 ** (scales.astype(int) - 127), 32, axis=1)
    np.testing.assert_array_equal(value(checkpoint, "weight"), expected.astype(np.float32))


def test_fp8_without_scales_is_what_it_is(opened, rng):
    checkpoint = opened({"weight": coarse(rng, 8, 64)})
    assert (checkpoint.format, checkpoint.tensors["weight"].codes) == ("memory", "")


def test_scales_of_another_shape_are_named(opened, rng):
    checkpoint = opened({"l.weight": coarse(rng, 24, 40), "l.weight_scale": np.ones((7, 5, 2), np.float32)})
    assert checkpoint.unread[0].tensors == ("l.weight", "l.weight_scale")
    assert checkpoint.unread[0].weights == 24 * 40
    assert "(7, 5, 2) do not go with a weight of shape (24, 40)" in checkpoint.unread[0].reason
    assert not checkpoint.tensors


def test_blocks_that_divide_nothing():
    with pytest.raises(MisfitError):
        layout((5, 5), (4, 4))


def test_errors_of_the_file_pass_through(opened, rng, monkeypatch):
    checkpoint = opened({"l.weight": coarse(rng, 24, 40), "l.weight_scale": np.ones((), np.float32)})

    def fail(*_: object) -> None:
        raise CheckpointError("gone", tensor="l.weight")

    monkeypatch.setattr(checkpoint.inner, "read", fail)
    with pytest.raises(CheckpointError, match="gone"):
        checkpoint.read("l.weight")
