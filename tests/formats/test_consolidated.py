"""Tensor-parallel shards of Meta's and Mistral's files."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file
from tests.formats.gguf.conftest import interleaved

from neural_phylogeny.sources import open_models

WIDTH, HEADS, HIDDEN = 16, 4, 24
COLUMNS = ("attention.wq", "attention.wk", "attention.wv", "feed_forward.w1", "feed_forward.w3")


@pytest.fixture
def model(rng):
    shapes = {
        "model.embed_tokens": (10, WIDTH),
        "model.layers.0.self_attn.q_proj": (WIDTH, WIDTH),
        "model.layers.0.self_attn.k_proj": (8, WIDTH),
        "model.layers.0.self_attn.v_proj": (8, WIDTH),
        "model.layers.0.self_attn.o_proj": (WIDTH, WIDTH),
        "model.layers.0.mlp.gate_proj": (HIDDEN, WIDTH),
        "model.layers.0.mlp.up_proj": (HIDDEN, WIDTH),
        "model.layers.0.mlp.down_proj": (WIDTH, HIDDEN),
        "model.layers.0.input_layernorm": (WIDTH,),
        "model.layers.0.post_attention_layernorm": (WIDTH,),
        "model.norm": (WIDTH,),
        "lm_head": (10, WIDTH),
    }
    return {f"{name}.weight": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def shards_of(model, count, by_width):
    """What each of several processes holds."""
    layer = {
        "attention.wq": interleaved(model["model.layers.0.self_attn.q_proj.weight"], HEADS),
        "attention.wk": interleaved(model["model.layers.0.self_attn.k_proj.weight"], HEADS // 2),
        "attention.wv": model["model.layers.0.self_attn.v_proj.weight"],
        "attention.wo": model["model.layers.0.self_attn.o_proj.weight"],
        "feed_forward.w1": model["model.layers.0.mlp.gate_proj.weight"],
        "feed_forward.w2": model["model.layers.0.mlp.down_proj.weight"],
        "feed_forward.w3": model["model.layers.0.mlp.up_proj.weight"],
        "attention_norm": model["model.layers.0.input_layernorm.weight"],
        "ffn_norm": model["model.layers.0.post_attention_layernorm.weight"],
    }
    found = []
    for number in range(count):
        one = {}
        for name, values in layer.items():
            axis = None if values.ndim == 1 else 0 if name in COLUMNS else 1
            one[f"layers.0.{name}.weight"] = values if axis is None else np.split(values, count, axis)[number]
        one["tok_embeddings.weight"] = np.split(model["model.embed_tokens.weight"], count, int(by_width))[number]
        one["output.weight"] = np.split(model["lm_head.weight"], count, 0)[number]
        one["norm.weight"] = model["model.norm.weight"]
        found.append({name: np.ascontiguousarray(values) for name, values in one.items()})
    return found


def write(folder, shards):
    folder.mkdir(exist_ok=True)
    (folder / "params.json").write_text(json.dumps({"dim": WIDTH, "n_heads": HEADS, "n_kv_heads": HEADS // 2}))
    for number, shard in enumerate(shards):
        save_file(shard, folder / f"consolidated.{number:02}.safetensors")


@pytest.mark.parametrize(("count", "by_width"), [(1, True), (2, True), (2, False)])
def test_shards_are_joined_into_the_model_that_they_were_cut_from(model, tmp_path, rng, count, by_width):
    write(tmp_path / "meta", shards_of(model, count, by_width))
    opened, skipped = open_models([tmp_path / "meta"])
    assert skipped == []
    ((ref, checkpoint),) = opened
    with checkpoint:
        assert checkpoint.tensors.keys() == model.keys()
        for name, values in model.items():
            assert checkpoint.tensors[name].shape == values.shape
            np.testing.assert_array_equal(checkpoint.read(name).reshape(values.shape), values)
            start, stop = sorted(rng.integers(0, values.size, 2).tolist())
            np.testing.assert_array_equal(checkpoint.read(name, start, stop), values.reshape(-1)[start:stop])
    assert len(ref.parts) == count


def test_a_shard_that_is_missing_is_named(model, tmp_path):
    shards = shards_of(model, 2, True)
    write(tmp_path / "last", shards[:1])
    (opened, (skipped,)) = open_models([tmp_path / "last"])
    assert opened == []
    assert "the 1 shards together have 8 of its 16 rows: one is missing" in skipped.reason
    write(tmp_path / "first", [*shards, *shards])
    (tmp_path / "first" / "consolidated.01.safetensors").unlink()
    assert "shard 1 of the 4 of 'consolidated.safetensors' is missing" in open_models([tmp_path / "first"])[1][0].reason


def test_shards_of_different_models_are_refused(model, tmp_path):
    shards = shards_of(model, 2, True)
    del shards[1]["layers.0.attention.wv.weight"]
    write(tmp_path / "meta", shards)
    assert "do not all hold it" in open_models([tmp_path / "meta"])[1][0].reason


def test_the_same_weights_in_hugging_face_s_files_beside_them_are_one_line(model, tmp_path):
    write(tmp_path / "both", shards_of(model, 2, True))
    (tmp_path / "both" / "config.json").write_text("{}")
    save_file(model, tmp_path / "both" / "model.safetensors")
    opened, (skipped,) = open_models([tmp_path / "both"])
    opened[0][1].close()
    assert (len(opened), skipped.is_model) == (1, False)
    assert "the same weights as" in skipped.reason
