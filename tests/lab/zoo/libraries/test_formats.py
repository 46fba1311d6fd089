import json

import numpy as np
import pytest

from neural_phylogeny.errors import SavedFileError, UnknownChoiceError
from neural_phylogeny.lab.zoo.libraries.formats import FORMATS, gguf_name, permuted
from neural_phylogeny.lab.zoo.libraries.recipes import read_library_recipe
from neural_phylogeny.reconstruction.api import compare

CONFIG = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2}
SHAPES = {
    "model.embed_tokens.weight": (96, 32),
    "model.layers.0.self_attn.q_proj.weight": (32, 32),
    "model.layers.0.self_attn.k_proj.weight": (16, 32),
    "model.layers.0.mlp.up_proj.weight": (64, 32),
    "model.layers.0.input_layernorm.weight": (32,),
    "lm_head.weight": (96, 32),
}


@pytest.fixture
def llama(rng):
    torch = pytest.importorskip("torch")
    return {name: torch.from_numpy(rng.normal(size=shape).astype(np.float32)) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("form", FORMATS)
def test_a_model_in_another_format_is_the_same_model(form, llama, tmp_path):
    for needed in ("gguf", "h5py", "safetensors"):
        pytest.importorskip(needed)
    name = FORMATS[form](llama, CONFIG, tmp_path / "other")
    FORMATS["safetensors"](llama, CONFIG, tmp_path / "plain")
    found = compare(tmp_path / "plain.safetensors", tmp_path / name)
    assert (found.similarity or 0.0) > 0.999


def test_queries_and_keys_are_permuted_by_head():
    values = np.arange(32 * 2).reshape(32, 2)
    found = permuted("model.layers.0.self_attn.q_proj.weight", values, CONFIG)
    assert found[:8, 0].tolist() == [0, 8, 2, 10, 4, 12, 6, 14]
    assert permuted("model.layers.0.mlp.up_proj.weight", values, CONFIG) is values


def test_names_of_llama_in_gguf():
    assert [gguf_name(name) for name in SHAPES][1:4] == [
        f"blk.0.{part}.weight" for part in ("attn_q", "attn_k", "ffn_up")
    ]


def test_a_collection_in_every_format(llama, tmp_path):
    from neural_phylogeny.lab.zoo.libraries.formats import write_formats

    place = tmp_path / "small" / "0"
    place.mkdir(parents=True)
    edge = {"parent": "mira", "child": "tolu"}
    (place / "truth.json").write_text(json.dumps({"edges": [edge]}))
    states = {name: {f"model|{key}": tensor for key, tensor in llama.items()} for name in ("mira", "tolu")}
    folders = write_formats(place, states, CONFIG, tmp_path / "out")
    assert [folder.parent.name for folder in folders] == [
        f"small-{form}" for form in (*FORMATS, "mixed", "mixed-rounded")
    ]
    for folder in folders:
        (found,) = json.loads((folder / "truth.json").read_text())["edges"]
        assert (folder / found["parent"]).exists()
        assert (folder / found["child"]).exists()


def test_a_recipe_of_pipelines_and_a_collection_that_is_not_there_are_refused(tmp_path):
    for needed in ("torch", "gguf", "h5py", "safetensors"):
        pytest.importorskip(needed)
    from neural_phylogeny.lab.zoo.libraries.formats import formats_of_collection

    with pytest.raises(UnknownChoiceError, match="recipe of plain models 'stable'"):
        formats_of_collection(read_library_recipe("stable"), tmp_path, tmp_path)
    with pytest.raises(SavedFileError, match="expected a finished collection of 'llama-code' here"):
        formats_of_collection(read_library_recipe("llama-code"), tmp_path, tmp_path)
