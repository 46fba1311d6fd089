import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.tables import mark_trained
from neural_phylogeny.tensors.roles import Role, matrix_shape, role_of


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "role"),
    [
        ("conv1.weight", (8, 3, 3, 3), "float32", Role.KERNEL),
        ("model.embed_tokens.weight", (100, 16), "bfloat16", Role.BOUNDARY),
        ("lm_head.weight", (100, 16), "float16", Role.BOUNDARY),
        ("fc.bias", (8,), "float32", Role.VECTOR),
        ("fc.weight", (1, 8), "float32", Role.VECTOR),
        ("fc.weight", (8, 1), "float32", Role.VECTOR),
        ("logit_scale", (), "float32", Role.VECTOR),
        ("bn.running_mean", (8,), "float32", Role.BUFFER),
        ("bn/moving_mean:0", (8,), "float32", Role.BUFFER),
        ("bn/moving_variance:0", (8,), "float32", Role.BUFFER),
        ("bn/gamma:0", (8,), "float32", Role.VECTOR),
        ("bn.num_batches_tracked", (), "int64", Role.BUFFER),
        ("codes", (8, 8), "int8", Role.BUFFER),
        ("pos_encoder.pe", (5000, 1, 64), "float32", Role.BUFFER),
        ("rotary.inv_freq", (64,), "float32", Role.BUFFER),
        ("attn.out_proj.weight", (8, 8), "float32", Role.KERNEL),
        ("attn.q_proj.weight", (8, 8), "float32", Role.KERNEL),
    ],
)
def test_role(name, shape, dtype, role):
    assert role_of(TensorInfo(name=name, shape=shape, dtype=dtype)) is role


def test_units_come_from_the_output_axis():
    assert matrix_shape((3, 3, 16, 32), -1) == (32, 144)
    assert matrix_shape((3, 3, 16, 2), -2) == (16, 18)
    assert matrix_shape((0, 5), 0) == (0, 0)


def test_a_trained_position_table_is_no_computed_one(rng):
    angles = np.arange(64)[:, None] / 10_000 ** (np.arange(32)[None, :] / 32)
    computed = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    for values, role in ((rng.normal(size=(64, 64)), Role.BOUNDARY), (computed, Role.BUFFER)):
        checkpoint = MemoryCheckpoint({"pos_emb.weight": values.astype(np.float32)})
        mark_trained(checkpoint)
        assert role_of(checkpoint.tensors["pos_emb.weight"]) is role
