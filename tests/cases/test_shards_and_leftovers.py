"""Reported publicly: half of a model taken for one, and files beside checkpoints taken for models."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.sources.conftest import safetensors_of

from neural_phylogeny import reconstruct

SHAPES = {f"layers.{k}.weight": (48, 48) for k in range(6)}


@pytest.fixture
def models(trained):
    base = trained(shapes=SHAPES)
    return {"base": base, "tuned": trained(base), "stranger": trained(shapes=SHAPES)}


def write(folder, model, pattern, total, index="", dtype=np.float32):
    """Shards of a model as a library numbers them; a config marks the folder as a model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    home: dict[str, str] = {}
    names = list(model)
    for k in range(total):
        file = pattern.format(f"{k + 1:05d}-of-{total:05d}")
        part = {name: model[name].astype(dtype) for name in names[k::total]}
        (folder / file).write_bytes(safetensors_of(part))
        home |= dict.fromkeys(part, file)
    if index:
        (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": home}))
    return home


def edges(answer):
    return {(Path(e.parent).parts[0], Path(e.child).parts[0]) for e in answer.edges}


def test_old_names_of_variants(models, tmp_path):
    """`model.fp16-00002-of-00003` is a shard, not another variant."""
    for name, model in models.items():
        folder = tmp_path / name / "text_encoder"
        write(folder, model, "model.fp16-{}.safetensors", 3, "model.safetensors.index.fp16.json", np.float16)
        (tmp_path / name / "model_index.json").write_text(
            '{"_class_name": "P", "text_encoder": ["transformers", "T5"]}'
        )
    answer = reconstruct(str(tmp_path))
    assert edges(answer) == {("base", "tuned")}
    assert [model.parameters for model in answer.models] == [6 * 48 * 48] * 3


def test_two_variants_side_by_side(models, tmp_path):
    for name, model in models.items():
        write(tmp_path / name, model, "model-{}.safetensors", 3, "model.safetensors.index.json")
        fp16 = ("model-{}.fp16.safetensors", 2, "model.safetensors.index.fp16.json", np.float16)
        write(tmp_path / name, model, *fp16)
    answer = reconstruct(str(tmp_path))
    assert [model.parameters for model in answer.models] == [6 * 48 * 48] * len(answer.models)
    assert ("base", "tuned") in edges(answer)
    assert all("stranger" not in {*pair} or pair == ("stranger", "stranger") for pair in edges(answer))


def test_no_index(models, tmp_path):
    for name, model in models.items():
        write(tmp_path / name, model, "model-{}.safetensors", 2)
    assert edges(reconstruct(str(tmp_path))) == {("base", "tuned")}


def test_a_shard_is_missing(models, tmp_path):
    for name, model in models.items():
        write(tmp_path / name, model, "model-{}.safetensors", 3)
    (tmp_path / "tuned" / "model-00002-of-00003.safetensors").unlink()
    answer = reconstruct(str(tmp_path))
    assert {model.name for model in answer.models} == {"base", "stranger"}
    [left_out] = [item for item in answer.skipped if "tuned" in item.path]
    assert "shard 2 of the 3" in left_out.reason


def test_an_index_older_than_its_shards(models, tmp_path):
    for name, model in models.items():
        write(tmp_path / name, model, "model-{}.safetensors", 2, "model.safetensors.index.json")
    old = {name: f"model-0000{k % 4 + 1}-of-00004.safetensors" for k, name in enumerate(SHAPES)}
    (tmp_path / "tuned" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": old}))
    assert edges(reconstruct(str(tmp_path))) == {("base", "tuned")}


def test_what_is_no_model(models, tmp_path, rng):
    """Means and covariances, features, curves, data, moments: none is in a family, and few lines name them."""
    for name in ("base", "tuned"):
        np.savez(tmp_path / f"{name}.npz", **models[name])
    for k in range(2):
        features = rng.normal(size=(200, 48))
        np.savez(tmp_path / f"fid_stats_{k}.npz", mu=features.mean(0), sigma=np.cov(features, rowvar=False))
        np.savez(tmp_path / f"dataset_{k}.npz", x_train=features, y_train=rng.integers(0, 10, 200))
        np.savez(tmp_path / f"embeddings_{k}.npz", features=features)
        curve = np.cumsum(rng.normal(size=(20, 60)), 1)
        np.savez(tmp_path / f"results_{k}.npz", train_returns=curve, valid_returns=curve)
    moments = {f"state.{k}.exp_avg_sq": np.square(w) * 1e-4 for k, w in enumerate(models["base"].values())}
    moments |= {f"state.{k}.exp_avg": w * 1e-3 for k, w in enumerate(models["base"].values())}
    np.savez(tmp_path / "optimizer.npz", **moments)
    answer = reconstruct(str(tmp_path))
    assert {model.name for model in answer.models if model.family is not None} >= {"base.npz", "tuned.npz"}
    assert {(e.parent, e.child) for e in answer.edges} == {("base.npz", "tuned.npz")}
    assert not answer.undirected
    assert not answer.copies
    named = {model.name for model in answer.models}
    assert not {"fid_stats_0.npz", "fid_stats_1.npz", "optimizer.npz"} & named
    assert len(answer.skipped) <= 4
    assert not any(item.is_model for item in answer.skipped)


def test_moments_in_several_spellings(models, tmp_path):
    base = models["base"]
    (tmp_path / "base").mkdir()
    (tmp_path / "tuned").mkdir()
    for name in ("base", "tuned"):
        (tmp_path / name / "model.safetensors").write_bytes(safetensors_of(models[name]))
        spelled = {
            f"{k}.{q}": np.square(w).astype(np.float32) for k, w in base.items() for q in ("exp_avg", "exp_avg_sq")
        }
        (tmp_path / name / "opt_state.safetensors").write_bytes(safetensors_of(spelled))
        spelled = {f"optimizer.{q}.{k}": np.square(w) for k, w in base.items() for q in ("mu", "nu")}
        np.savez(tmp_path / name / "opt.npz", **spelled)
    answer = reconstruct(str(tmp_path))
    assert edges(answer) == {("base", "tuned")}
    assert len(answer.models) == 2


@pytest.mark.torch
def test_a_universal_checkpoint_is_one_model(models, tmp_path):
    torch = pytest.importorskip("torch")
    for name in ("base", "tuned"):
        for key, w in models[name].items():
            folder = tmp_path / name / "global_step100_universal" / "zero" / key
            folder.mkdir(parents=True)
            for kind in ("fp32", "exp_avg", "exp_avg_sq"):
                values = torch.from_numpy(w if kind == "fp32" else np.abs(w) * 1e-3)
                torch.save({"param": values, "cat_dim": 0}, folder / f"{kind}.pt")
    answer = reconstruct(str(tmp_path))
    assert len(answer.models) == 2
    assert len(answer.edges) == 1


def test_tensors_that_were_not_gathered(models):
    """A save without its values says so, and takes nothing from the models beside it."""
    base, tuned = models["base"], models["tuned"]
    none = np.zeros(0, np.float32)
    partly = {name: none if k > 3 else w for k, (name, w) in enumerate(tuned.items())}
    answer = reconstruct({"base": base, "tuned": tuned, "ungathered": dict.fromkeys(tuned, none), "partly": partly})
    assert ("base", "tuned") in {(e.parent, e.child) for e in answer.edges}
    assert not [e for e in answer.edges if "partly" in e.parent]
    remarks = {model.name: model.remark for model in answer.models}
    remarks |= {Path(item.path).name: item.reason for item in answer.skipped}
    assert any("empty" in text for name, text in remarks.items() if "ungathered" in name)
    assert remarks["partly"]
