import time

import pytest

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.names import canonical_names
from neural_phylogeny.tensors.neutral import neutral_names
from neural_phylogeny.tensors.roles import role_of


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["module.fc.weight"], ["fc.weight"]),
        (["_orig_mod.module.fc.weight"], ["fc.weight"]),
        (["model.layers.0.w", "lm_head.weight"], ["layers.0.w", "lm_head.weight"]),
        (["base_model.model.q.lora_A.default.weight"], ["q.lora_A.weight"]),
        (["dense_7/dense_7/kernel:0"], ["dense#0/kernel"]),
        (["dense_7/dense_7_1/kernel:0"], ["dense#0/kernel"]),
        (["lstm_4/lstm_4/kernel:0", "lstm_9/lstm_9/kernel:0"], ["lstm#0/kernel", "lstm#1/kernel"]),
    ],
)
def test_wrappers_and_counters_are_dropped(given, expected):
    assert canonical_names(given) == expected


def test_names_stay_distinct_even_if_a_wrapper_must_stay():
    names = ["module.w", "w"]
    assert canonical_names(names) == names


def test_torch_numbers_are_positions_and_stay():
    assert canonical_names(["layers.0.w", "layers.1.w"]) == ["layers.0.w", "layers.1.w"]


HOSTILE = (
    "_" * 100_000,
    "position_emb" * 10_000,
    "a_1" * 33_000,
    "embed." * 17_000,
    "x" * 100_000 + "/kernel",
    "_1/" * 33_000,
)


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:12])
def test_a_name_of_any_length_costs_its_length(name):
    start = time.process_time()
    assert canonical_names([name, "fc.weight"])[1] == "fc.weight"
    assert neutral_names([name, "fc.weight"])[1] == ("fc", "weight")
    role_of(TensorInfo(name=name, shape=(8, 8), dtype="float32"))
    assert time.process_time() - start < 2.0
