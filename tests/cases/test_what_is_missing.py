"""What cannot be known is said, and nothing is guessed: no base, no scheme, no second parent, tensors that disagree."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.cases.test_adapters import save_peft
from tests.cases.test_gguf_families import base, trained
from tests.cases.test_one_of_each import f32

from neural_phylogeny import reconstruct


@pytest.fixture
def first(rng):
    return base(rng)


def test_an_adapter_alone_is_an_adapter_of_a_model_that_is_not_here(first, tmp_path, rng):
    """What is here has other shapes."""
    names = [name for name in first if name.endswith("q_proj")]
    factors = {}
    for name in names:
        rows, inputs = first[name].shape
        a, b = rng.normal(size=(4, inputs + 8)), rng.normal(size=(rows, 4))
        factors[name] = a.astype(np.float32), b.astype(np.float32)
    save_peft(tmp_path / "lora", factors)
    save_file(f32(first), tmp_path / "base.safetensors")
    found = reconstruct([tmp_path])
    remark = next(model.remark for model in found.models if model.name == "lora")
    assert "of a model that is not here: none has matrices of their names and shapes" in remark
    assert found.edges == ()


def test_codes_of_an_unknown_scheme_are_named_and_not_compared(first, tmp_path, rng):
    model = f32(first)
    name = next(key for key in model if key.endswith("up_proj.weight"))
    coded = {key: values for key, values in model.items() if key != name}
    coded[name.replace(".weight", ".xq_codes")] = rng.integers(0, 255, size=(64, 7)).astype(np.uint8)
    save_file(model, tmp_path / "base.safetensors")
    save_file(coded, tmp_path / "coded.safetensors")
    found = reconstruct([tmp_path])
    remark = next(each.remark for each in found.models if each.name == "coded.safetensors")
    assert "xq_codes" in remark
    assert not any(edge.kind == "quantized" for edge in found.edges)


def test_a_merge_of_which_one_parent_is_not_here_is_no_merge_but_a_sentence(first, rng):
    here, gone = trained(rng, first), trained(rng, first)
    merged = {name: 0.4 * here[name] + 0.6 * gone[name] for name in first}
    found = reconstruct({"base": f32(first), "here": f32(here), "merged": f32(merged)})
    claims = [claim for claim in found.edges if claim.child == "merged"]
    assert "merge" not in {claim.kind for claim in claims}
    every = [each.statement for edge in found.edges for each in edge.evidence]
    statement = next(each for each in every if each.startswith("merged has 0.4"))
    assert "of the step from base to here in every matrix; a parent that is not here may explain the rest" in statement


def test_one_half_permuted_and_the_other_not_contradict_each_other(first, rng):
    broken = dict(first)
    for name, values in first.items():
        if name.endswith("down_proj"):
            broken[name] = values[:, rng.permutation(values.shape[1])]
    found = reconstruct({"base": f32(first), "broken": f32(broken)})
    note = next(note for note in found.provenance["notes"] if note.startswith("broken"))
    assert "down_proj.weight" in note
    assert "are in an order that no other matrix has: its tensors contradict each other" in note
