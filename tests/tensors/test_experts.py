"""Mixtures of experts facing a dense model: what is averaged, what it is called, what is left out."""

import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.alignment import align, align_pairs
from neural_phylogeny.tensors.layouts import Layout
from neural_phylogeny.tensors.reading import read_stored


def model(**shapes):
    return {name: TensorInfo(name=name, shape=shape, dtype="float32") for name, shape in shapes.items()}


DENSE = {
    "layers.0.attn.weight": (16, 16),
    "layers.0.mlp.gate_proj.weight": (24, 16),
    "layers.0.mlp.up_proj.weight": (24, 16),
    "layers.0.mlp.down_proj.weight": (16, 24),
}
ATTENTION = {"layers.0.attn.weight": (16, 16)}


def mixture(place, names, n=4, router="layers.0.mlp.gate.weight"):
    shapes = list(DENSE.values())[1:]
    experts = {
        f"layers.0.{place.format(e)}.{name}": shape for e in range(n) for name, shape in zip(names, shapes, strict=True)
    }
    return ATTENTION | experts | {router: (n, 16)}


def compared(dense, other):
    """What is compared with what, the dense names first."""
    found = align_pairs([model(**dense), model(**other)], ["dense", "mixture"])
    return {tensor.sources[0].name: tensor.sources[1].name for tensor in found.tensors}, found


STYLES = {
    "mixtral": ("block_sparse_moe.experts.{}", ("w1.weight", "w3.weight", "w2.weight")),
    "qwen": ("mlp.experts.{}", ("gate_proj.weight", "up_proj.weight", "down_proj.weight")),
    "switch": ("mlp.experts.expert_{}", ("wi_0.weight", "wi_1.weight", "wo.weight")),
    "deepspeed": ("mlp.deepspeed_moe.experts.deepspeed_experts.{}", ("gate.weight", "up.weight", "down.weight")),
}


@pytest.mark.parametrize("style", STYLES)
def test_each_dense_matrix_faces_the_mean_of_the_experts(style):
    pairs, found = compared(DENSE, mixture(*STYLES[style]))
    assert len(pairs) == 4
    for part in ("gate", "up", "down"):
        name = pairs[f"layers.0.mlp.{part}_proj.weight"]
        ours = dict(zip(("gate", "up", "down"), STYLES[style][1], strict=True))[part]
        assert "*" in name
        assert name.endswith(ours)
    assert all(tensor.pieces.tolist() in ([1, 1], [1, 4]) for tensor in found.tensors)


def test_the_order_in_which_they_are_stored_does_not_matter():
    shuffled = dict(sorted(mixture(*STYLES["mixtral"]).items(), reverse=True))
    assert compared(DENSE, shuffled)[0] == compared(DENSE, mixture(*STYLES["mixtral"]))[0]


def test_the_mean_stands_for_all_experts_in_the_share_that_is_compared():
    found = compared(DENSE, mixture(*STYLES["qwen"]))[1]
    whole = 16 * 16 + 4 * 3 * 24 * 16
    assert found.coverage()[0, 1] == pytest.approx(whole / (whole + 4 * 16))
    assert found.coverage_of_smaller()[0, 1] == 1.0
    assert found.compared(np.ones((2, 2), dtype=bool)).tolist() == [16 * 16 + 3 * 24 * 16, whole]


def test_two_mixtures_are_compared_expert_by_expert():
    one = mixture(*STYLES["qwen"])
    pairs, found = compared(one, one)
    assert len(pairs) == len(one)
    assert not any("*" in name for name in pairs)
    assert found.coverage()[0, 1] == 1.0


def test_experts_in_one_tensor_are_taken_apart():
    stacked = ATTENTION | {
        "layers.0.mlp.experts.gate_up_proj": (4, 48, 16),
        "layers.0.mlp.experts.down_proj": (4, 16, 24),
        "layers.0.mlp.router.weight": (4, 16),
    }
    tensors = Layout.of(model(**stacked)).tensors
    assert tensors["layers.0.mlp.experts.3.down_proj.weight"].pieces == (("layers.0.mlp.experts.down_proj", 3 * 384),)
    found = align_pairs([model(**DENSE), model(**stacked)], ["dense", "mixture"])
    assert {t.sources[0].name for t in found.tensors} == set(DENSE)
    apart = mixture(*STYLES["qwen"], router="layers.0.mlp.router.weight")
    found = align_pairs([model(**apart), model(**stacked)], ["apart", "stacked"])
    assert found.coverage()[0, 1] == 1.0


def test_a_convolution_under_experts_is_no_stack():
    tensors = model(**{"experts.conv.weight": (16, 16, 3)})
    assert list(Layout.of(tensors).tensors) == ["experts.conv.weight"]


def test_an_expert_that_all_share_faces_the_dense_network_where_the_others_are_smaller():
    small = {name: shape for name, shape in mixture(*STYLES["qwen"]).items() if "experts" not in name}
    for e in range(4):
        small |= {f"layers.0.mlp.experts.{e}.{part}_proj.weight": (6, 16) for part in ("gate", "up")}
        small[f"layers.0.mlp.experts.{e}.down_proj.weight"] = (16, 6)
    shared = {name.replace("mlp.", "mlp.shared_expert."): shape for name, shape in DENSE.items() if "mlp" in name}
    pairs, _ = compared(DENSE, small | shared)
    assert pairs["layers.0.mlp.up_proj.weight"] == "layers.0.mlp.shared_expert.up_proj.weight"


def test_a_family_reads_means_and_experts():
    """Dense models meet mixtures in the means, and mixtures each other in every expert."""
    dense, mixed = model(**DENSE), model(**mixture(*STYLES["mixtral"]))
    found = align([dense, mixed, mixed], ["dense", "one", "two"])
    members = {tensor.members for tensor in found.tensors}
    assert members == {(0, 1, 2), (1, 2)}
    assert sum(tensor.pieces.max() > 1 for tensor in found.tensors) == 3
    assert found.coverage().max() == 1.0


def test_the_mean_of_equal_pieces_is_each_of_them(rng):
    values = rng.normal(size=6).astype(np.float32)
    checkpoint = MemoryCheckpoint({"a": values, "b": values, "stack": np.stack([np.zeros(6, np.float32), values])})
    mean = TensorInfo(name="*", shape=(6,), dtype="float32", pieces=(("a", 0), ("b", 0), ("stack", 6)))
    out = np.empty(4, dtype=np.float32)
    read_stored(checkpoint, mean, 2, out)
    np.testing.assert_array_equal(out, values[2:])
