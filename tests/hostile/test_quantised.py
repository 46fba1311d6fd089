"""Tensors named as quantisers name them, of any shape and type: decoded, named as not compared, or an error of ours."""

import json
import random

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.quantised import dequantised

NAMES = (
    "qweight qzeros scales g_idx weight weight_packed weight_scale weight_zero_point weight_shape weight_g_idx biases "
    "W_q scale zero nbits axis shape weight.absmax weight.quant_map weight.nested_absmax weight.nested_quant_map SCB "
    "weight.quant_state.bitsandbytes__nf4 weight_scale_2 weight_global_scale x_blocks x_scales weight._data "
    "weight._scale weight_scale_inv scale_weight"
).split()

DTYPES = (
    np.int32, np.uint32, np.uint8, np.int8, np.float16, np.float32, np.int64, ml_dtypes.float8_e4m3fn,
    ml_dtypes.bfloat16,
)  # fmt: skip


def state(choose: random.Random) -> np.ndarray:
    content = {
        "shape": [choose.choice([4, 8, -1, 2**40]), 8],
        "blocksize": choose.choice([0, 8, 16, 64, "x"]),
        "nested_blocksize": choose.choice([0, 4]),
        "nested_offset": choose.choice([0.1, "x"]),
    }
    return np.frombuffer(json.dumps(content).encode(), np.uint8)


def layer(choose: random.Random, rng: np.random.Generator) -> dict[str, np.ndarray]:
    arrays = {}
    for name in choose.sample(NAMES, choose.randint(2, 9)):
        shape = tuple(choose.choice([0, 1, 2, 3, 4, 8, 16, 32, 64]) for _ in range(choose.choice([0, 1, 2, 2, 2, 3])))
        values = rng.integers(0, 100, shape)
        arrays[f"m.{name}"] = state(choose) if "quant_state" in name else values.astype(choose.choice(DTYPES))
    return arrays


@pytest.mark.parametrize("seed", range(4))
def test_nothing_but_our_errors_comes_of_it(seed):
    choose, rng = random.Random(seed), np.random.default_rng(seed)
    for _ in range(300):
        checkpoint = dequantised(MemoryCheckpoint(layer(choose, rng)))
        assert all(item.reason for item in checkpoint.unread)
        for name, tensor in checkpoint.tensors.items():
            try:
                assert checkpoint.read(name).size == tensor.size
                assert checkpoint.read(name, 1, 1).size == 0
            except CheckpointError as error:
                assert error.tensor == name  # noqa: PT017
