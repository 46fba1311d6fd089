"""Pipelines are models of components: the U-Net decides descent, and one line names the others."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.cases.test_gguf_families import trained

from neural_phylogeny import compare, reconstruct

SIDES = ("vae", "text_encoder")


def network(rng, component):
    if component == "unet":
        shapes = {"conv_in": (32, 36), "mid_block.a": (48, 96), "up_blocks.0.b": (48, 96), "conv_out": (36, 48)}
        shapes |= {
            f"down_blocks.{n}.{name}": shape for n in range(3) for name, shape in (("to_q", (48, 48)), ("ff", (96, 48)))
        }
    else:
        shapes = {f"{component}_layer.{n}": (96, 80) for n in range(6)}
    return trained(rng, {name: rng.uniform(-1, 1, shape) / 7 for name, shape in shapes.items()}, 0.5)


def pipeline(unet, vae, text_encoder):
    parts = {"unet": unet, "vae": vae, "text_encoder": text_encoder}
    return {f"{part}.{name}.weight": values for part, one in parts.items() for name, values in one.items()}


@pytest.fixture
def family(rng):
    """Two pipelines with tunes of their U-Nets; one tune took the VAE of the other pipeline."""
    a, b = ([network(rng, part) for part in ("unet", *SIDES)] for _ in range(2))
    a1 = trained(rng, a[0])
    return {
        "a": pipeline(*a),
        "b": pipeline(*b),
        "a1": pipeline(a1, a[1], a[2]),
        "a11": pipeline(trained(rng, a1), a[1], a[2]),
        "a2": pipeline(trained(rng, a[0]), b[1], a[2]),
        "b1": pipeline(trained(rng, b[0]), b[1], trained(rng, b[2])),
    }


def test_the_unet_decides_and_a_line_joins_the_components(family):
    found = reconstruct(family)
    assert {(e.parent, e.child) for e in found.edges} == {("a", "a1"), ("a1", "a11"), ("a", "a2"), ("b", "b1")}
    remarks = {model.name: model.remark for model in found.models}
    assert remarks["a2"] == "U-Net from a, VAE the same as that of b, text encoder the same as that of a"
    assert {name for name, remark in remarks.items() if remark} == {"a2"}
    assert [({one.a, one.b}, one.component) for one in found.components] == [({"a2", "b"}, "vae")]
    assert found.copies == ()
    whole = sum(values.size for values in family["a"].values())
    assert {(model.parameters, model.compared) for model in found.models} == {(whole, 1.0)}


def test_the_same_unet_with_another_vae_is_no_copy(family, rng):
    unet = {name.removeprefix("unet.").removesuffix(".weight"): v for name, v in family["a"].items() if "unet" in name}
    other = pipeline(unet, network(rng, "vae"), network(rng, "text_encoder"))
    found = reconstruct({"a": family["a"], "same": dict(family["a"]), "other": other})
    assert found.copies == (("a", "same"),)
    (pair,) = found.undirected
    assert {pair.a, pair.b} == {"a", "other"}
    assert (
        "the U-Net of both is the same, to the last bit; not the same: VAE, text encoder" in pair.evidence[0].statement
    )


def test_folders_of_pipelines_are_read_by_component(family, tmp_path):
    for name, model in family.items():
        for part in ("unet", *SIDES):
            (tmp_path / name / part).mkdir(parents=True)
            own = {key.removeprefix(f"{part}."): values for key, values in model.items() if key.startswith(f"{part}.")}
            save_file(own, tmp_path / name / part / "diffusion_pytorch_model.safetensors")
        (tmp_path / name / "model_index.json").write_text(json.dumps({part: ["x", "y"] for part in ("unet", *SIDES)}))
    found = reconstruct([tmp_path])
    assert {(e.parent, e.child) for e in found.edges} == {("a", "a1"), ("a1", "a11"), ("a", "a2"), ("b", "b1")}
    assert compare([tmp_path / "a", tmp_path / "a1"]).verdict == "parent"


def test_other_models_are_no_pipelines(rng):
    weights = rng.uniform(-1, 1, (48, 48)).astype(np.float32)
    models = {name: {"transformer.wte.weight": weights + k, "lm_head.weight": weights} for k, name in enumerate("ab")}
    assert all(model.remark == "" for model in reconstruct(models).models)


def single_file(model):
    """The same values in one file of Stable Diffusion, under its names and in another order."""
    words = {"unet": "model.diffusion_model", "vae": "first_stage_model", "text_encoder": "cond_stage_model"}
    found = {"betas": np.linspace(0, 1, 10, dtype=np.float32)}
    for part, word in words.items():
        own = [values for name, values in model.items() if name.startswith(f"{part}.")]
        for number, values in enumerate([*own[::2], *own[1::2]]):
            found[f"{word}.block_{'abcdefghijkl'[number]}.weight"] = values
    return found


def test_a_single_file_beside_its_pipeline_is_a_copy_whatever_its_names(family):
    found = reconstruct({**family, "a.ckpt": single_file(family["a"]), "a1.ckpt": single_file(family["a1"])})
    assert set(found.copies) == {("a", "a.ckpt"), ("a1", "a1.ckpt")}
    assert {(e.parent, e.child) for e in found.edges} == {("a", "a1"), ("a1", "a11"), ("a", "a2"), ("b", "b1")}
