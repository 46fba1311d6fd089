"""Adapters hang below the model that they were made for: proven by a merged model, or by shapes with low confidence."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.cases.test_gguf_families import base, trained

from neural_phylogeny import reconstruct

RANK = 4
TARGETS = ("self_attn.q_proj", "self_attn.v_proj")


def adapter_of(rng, model, targets=TARGETS, scale=0.3):
    """Factors of PEFT by the names of the adapted modules: the inner one is an initialisation that hardly moved."""
    found = {}
    for name, values in model.items():
        if name.endswith(targets):
            inner = rng.uniform(-1, 1, (RANK, values.shape[1])) / np.sqrt(values.shape[1])
            outer = rng.normal(0, scale, (len(values), RANK))
            found[name] = inner.astype(np.float32), outer.astype(np.float32)
    return found


def merged(model, adapter, scale=2.0):
    return {
        name: (values + scale * adapter[name][1] @ adapter[name][0]).astype(np.float32) if name in adapter else values
        for name, values in model.items()
    }


def save_model(path, model, dtype=np.float32):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({f"{name}.weight": values.astype(dtype) for name, values in model.items()}, path)


def save_peft(folder, adapter, claim="", extra=None):
    folder.mkdir(parents=True)
    tensors = {}
    for name, (inner, outer) in adapter.items():
        tensors[f"base_model.model.{name}.lora_A.weight"] = inner
        tensors[f"base_model.model.{name}.lora_B.weight"] = outer
    save_file(tensors | (extra or {}), folder / "adapter_model.safetensors")
    content = {"peft_type": "LORA", "r": RANK, "lora_alpha": 8, "base_model_name_or_path": claim}
    (folder / "adapter_config.json").write_text(json.dumps(content))


@pytest.fixture
def family(rng):
    first = base(rng)
    return {"base": first, "chat": trained(rng, first)}


def edge_to(found, child):
    return next(edge for edge in found.edges if edge.child == child)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_merged_model_proves_the_base_of_an_adapter(family, rng, tmp_path, dtype):
    for name, model in family.items():
        save_model(tmp_path / f"{name}.safetensors", model)
    adapter = adapter_of(rng, family["chat"])
    save_peft(tmp_path / "lora", adapter, claim="org/base")
    save_model(tmp_path / "merged.safetensors", merged(family["chat"], adapter), dtype)
    found = reconstruct([tmp_path])
    edge = edge_to(found, "lora")
    assert (edge.parent, edge.kind) == ("chat.safetensors", "adapter")
    assert (edge.p_parent or 0) > 0.99
    assert edge.evidence[0].feature == "merged-adapter"
    assert "is chat.safetensors with 2 times the factors of lora added" in edge.evidence[0].statement
    assert edge_to(found, "merged.safetensors").parent == "chat.safetensors"
    assert len({model.family for model in found.models}) == 1


def test_shapes_alone_are_of_low_confidence_and_a_claim_is_only_a_claim(family, rng, tmp_path):
    for name, model in family.items():
        save_model(tmp_path / f"{name}.safetensors", model)
    save_peft(tmp_path / "lora", adapter_of(rng, family["chat"]), claim="org/chat")
    save_peft(tmp_path / "other", adapter_of(rng, family["chat"]))
    found = reconstruct([tmp_path])
    claimed, plain = edge_to(found, "lora"), edge_to(found, "other")
    assert (claimed.parent, plain.parent) == ("chat.safetensors", "base.safetensors")
    assert claimed.p_parent == plain.p_parent == pytest.approx(1 / 3)
    assert claimed.evidence[-1].feature == "adapter-config"
    remarks = {model.name: model.remark for model in found.models}
    assert "by names and shapes alone; 'org/chat' is its base by its configuration, a claim" in remarks["lora"]


def test_shapes_that_two_families_have_relate_an_adapter_to_neither(family, rng, tmp_path):
    for name, model in family.items():
        save_model(tmp_path / f"{name}.safetensors", model)
    save_model(tmp_path / "stranger.safetensors", base(rng))
    save_peft(tmp_path / "lora", adapter_of(rng, family["chat"]))
    save_peft(tmp_path / "claimed", adapter_of(rng, family["chat"]), claim="org/chat")
    found = reconstruct([tmp_path])
    assert [edge.child for edge in found.edges if edge.child == "lora"] == []
    assert edge_to(found, "claimed").parent == "chat.safetensors"
    lora = next(model for model in found.models if model.name == "lora")
    assert [model.name for model in found.models if model.family == lora.family] == ["lora"]
    assert lora.remark.startswith(
        "an adapter of rank 4 on 4 matrices; names and shapes fit 3 models of 2 families here"
    )


def test_an_adapter_hangs_below_the_family_whose_matrices_read_what_it_adds(family, tmp_path):
    def made_for(model):
        found = {}
        for name, values in model.items():
            if name.endswith(TARGETS):
                _, _, inner = np.linalg.svd(values)
                behind = next(other for key, other in model.items() if key.endswith("mlp.up_proj"))
                _, _, outer = np.linalg.svd(behind[:, : len(values)])
                found[name] = inner[:RANK].astype(np.float32), outer[:RANK].T.astype(np.float32)
        return found

    save_model(tmp_path / "base.safetensors", family["base"])
    save_model(tmp_path / "chat.safetensors", family["chat"])
    save_model(tmp_path / "other.safetensors", base(np.random.default_rng(99)))
    save_peft(tmp_path / "adapter", made_for(family["base"]))
    found = reconstruct([tmp_path])
    edge = edge_to(found, "adapter")
    assert (edge.parent, edge.kind, edge.p_parent) == ("base.safetensors", "adapter", 0.5)
    assert "adapter-directions" in {one.feature for one in edge.evidence}
    assert "what its matrices read" in next(model.remark for model in found.models if model.name == "adapter")


def test_adapters_of_one_initialisation_are_siblings(family, rng, tmp_path):
    save_model(tmp_path / "base.safetensors", family["base"])
    first = adapter_of(rng, family["base"])
    for number in range(3):
        own = {
            name: (inner, rng.normal(0, 0.3, outer.shape).astype(np.float32)) for name, (inner, outer) in first.items()
        }
        save_peft(tmp_path / f"lora{number}", own)
    found = reconstruct([tmp_path])
    assert {(edge.parent, edge.child) for edge in found.edges} == {
        ("base.safetensors", f"lora{number}") for number in range(3)
    }
    assert found.missing == ()


def test_an_adapter_of_another_model_is_a_sentence(family, tmp_path):
    for name, model in family.items():
        save_model(tmp_path / f"{name}.safetensors", model)
    save_peft(
        tmp_path / "lora",
        {"model.layers.0.self_attn.q_proj": (np.ones((4, 99), np.float32), np.ones((7, 4), np.float32))},
    )
    found = reconstruct([tmp_path])
    remark = next(model.remark for model in found.models if model.name == "lora")
    assert remark.startswith("an adapter of rank 4 on 1 matrices of a model that is not here")


def test_a_merged_model_proves_the_base_of_loha(family, rng, tmp_path):
    tensors, changed = {}, dict(family["chat"])
    for name, values in family["chat"].items():
        if name.endswith(TARGETS):
            shapes = (len(values), RANK), (RANK, values.shape[1])
            first, second = ([rng.normal(0, 0.3, shape) for shape in shapes] for _ in range(2))
            changed[name] = (values + 0.5 * (first[0] @ first[1]) * (second[0] @ second[1])).astype(np.float32)
            for k, factors in enumerate((first, second), start=1):
                for side, factor in zip("ab", factors, strict=True):
                    tensors[f"base_model.model.{name}.hada_w{k}_{side}"] = factor.astype(np.float32)
    assert_proven(family, tensors, changed, tmp_path, "an adapter of rank 4 on 4 matrices")


@pytest.mark.parametrize("products", ["", "w2", "w1 w2"])
def test_a_merged_model_proves_the_base_of_lokr(family, rng, tmp_path, products):
    tensors, changed, ranks = {}, dict(family["chat"]), []
    for name, values in family["chat"].items():
        if name.endswith(TARGETS):
            small, whole = (4, 2), (len(values) // 4, values.shape[1] // 2)
            ranks.append(RANK if "w2" in products else min(whole))
            parts = {}
            for which, (outputs, inputs) in (("w1", small), ("w2", whole)):
                if which in products:
                    parts[which] = [rng.normal(0, 0.5, (outputs, RANK)), rng.normal(0, 0.5, (RANK, inputs))]
                else:
                    parts[which] = [rng.normal(0, 0.5, (outputs, inputs))]
                for side, factor in zip(("_a", "_b") if which in products else ("",), parts[which], strict=True):
                    tensors[f"base_model.model.{name}.lokr_{which}{side}"] = factor.astype(np.float32)
            first, second = (one[0] if len(one) == 1 else one[0] @ one[1] for one in parts.values())
            changed[name] = (values + 0.5 * np.kron(first, second)).astype(np.float32)
    assert_proven(family, tensors, changed, tmp_path, f"an adapter of rank {max(ranks)} on 4 matrices")


def test_lokr_without_its_merge_is_placed_by_shapes(family, rng, tmp_path):
    for name, model in family.items():
        save_model(tmp_path / f"{name}.safetensors", model)
    tensors = {}
    for name, values in family["chat"].items():
        if name.endswith(TARGETS):
            for which, shape in (("w1", (4, 2)), ("w2", (len(values) // 4, values.shape[1] // 2))):
                tensors[f"base_model.model.{name}.lokr_{which}"] = rng.normal(size=shape).astype(np.float32)
    save_peft(tmp_path / "adapter", {}, extra=tensors)
    assert edge_to(reconstruct([tmp_path]), "adapter").parent == "base.safetensors"


def test_a_merged_model_proves_the_base_of_dora(family, rng, tmp_path):
    adapter, tensors, changed = adapter_of(rng, family["chat"]), {}, dict(family["chat"])
    for name, (inner, outer) in adapter.items():
        lengths = np.linalg.norm(family["chat"][name], axis=1) * np.exp(rng.normal(0, 0.1, len(outer)))
        summed = family["chat"][name] + 2.0 * outer @ inner
        changed[name] = (lengths[:, None] * summed / np.linalg.norm(summed, axis=1, keepdims=True)).astype(np.float32)
        for leaf, values in (("A.weight", inner), ("B.weight", outer), ("magnitude_vector", lengths)):
            tensors[f"base_model.model.{name}.lora_{leaf}"] = values.astype(np.float32)
    assert_proven(family, tensors, changed, tmp_path, "an adapter of rank 4 on 4 matrices")


def test_a_merged_model_proves_the_base_of_scales(family, rng, tmp_path):
    tensors, changed = {}, dict(family["chat"])
    for name, values in family["chat"].items():
        if name.endswith(TARGETS):
            shape = (len(values), 1) if name.endswith("v_proj") else (1, values.shape[1])
            scales = rng.normal(1, 0.1, shape).astype(np.float32)
            tensors[f"base_model.model.{name}.ia3_l"], changed[name] = scales, values * scales
    assert_proven(family, tensors, changed, tmp_path, "an adapter of scales (IA3) on 4 matrices")


def assert_proven(family, tensors, changed, tmp_path, remark):
    for name, model in (family | {"merged": changed}).items():
        save_model(tmp_path / f"{name}.safetensors", model)
    save_peft(tmp_path / "adapter", {}, extra=tensors)
    found = reconstruct([tmp_path])
    edge = edge_to(found, "adapter")
    assert (edge.parent, edge.kind) == ("chat.safetensors", "adapter")
    assert edge.evidence[0].feature == "merged-adapter"
    assert next(model.remark for model in found.models if model.name == "adapter") == remark


def test_what_is_saved_beside_the_factors_makes_no_relative_of_the_base(family, rng, tmp_path):
    save_model(tmp_path / "base.safetensors", family["base"])
    extra = {"base_model.model.lm_head.weight": family["base"]["lm_head"]}
    save_peft(tmp_path / "lora", adapter_of(rng, family["base"]), extra=extra)
    found = reconstruct([tmp_path])
    assert [(edge.parent, edge.child, edge.kind) for edge in found.edges] == [("base.safetensors", "lora", "adapter")]


def test_files_of_kohya_fit_the_unet_of_a_pipeline(rng, tmp_path):
    weights = {
        f"down_blocks.{n}.attentions.0.to_q.weight": rng.normal(size=(48, 32)).astype(np.float32) for n in range(4)
    }
    (tmp_path / "pipe" / "unet").mkdir(parents=True)
    (tmp_path / "pipe" / "model_index.json").write_text(json.dumps({"unet": ["diffusers", "UNet"]}))
    save_file(weights, tmp_path / "pipe" / "unet" / "diffusion_pytorch_model.safetensors")
    tensors = {}
    for n in range(4):
        stem = f"lora_unet_down_blocks_{n}_attentions_0_to_q"
        tensors[f"{stem}.lora_down.weight"] = rng.normal(size=(RANK, 32)).astype(np.float32)
        tensors[f"{stem}.lora_up.weight"] = rng.normal(size=(48, RANK)).astype(np.float32)
        tensors[f"{stem}.alpha"] = np.full((), RANK, np.float32)
    save_file(tensors, tmp_path / "style.safetensors")
    found = reconstruct([tmp_path])
    assert [(edge.parent, edge.child, edge.kind) for edge in found.edges] == [("pipe", "style.safetensors", "adapter")]


def test_the_lengths_of_rows_that_dora_learnt_show_its_base(family, rng, tmp_path):
    for name, model in family.items():
        save_model(tmp_path / f"{name}.safetensors", model)
    adapter = adapter_of(rng, family["chat"], scale=0.01)
    extra = {}
    for name in adapter:
        lengths = np.linalg.norm(family["chat"][name], axis=1) * np.exp(rng.normal(0, 1e-3, len(family["chat"][name])))
        extra[f"base_model.model.{name}.lora_magnitude_vector"] = lengths.astype(np.float32)
    save_peft(tmp_path / "dora", adapter, extra=extra)
    edge = edge_to(reconstruct([tmp_path]), "dora")
    assert (edge.parent, edge.p_parent) == ("chat.safetensors", 0.5)
    assert edge.evidence[0].feature == "dora-lengths"
