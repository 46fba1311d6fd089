import json
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.zoo.libraries.recipes import known_library_recipes, read_library_recipe

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries

RECIPE = """
summary = "small"
suite = "decoder"
use = "report"
models = [
    { name = "base", how = "pretrain", checkpoints = [20], ema = 0.5 },
    { name = "frozen", how = "frozen", parents = ["base"], task = "instruct:docs", precision = "bfloat16" },
    { name = "larger", how = "full", parents = ["base"], task = "next-token:names", extra_tokens = 8 },
    { name = "larger-child", how = "full", parents = ["larger"], task = "next-token:names", shards = 2 },
    { name = "merged", how = "merge", parents = ["base", "base@20"], weight = 0.25 },
    { name = "student", how = "distil", parents = ["base"], task = "next-token:code", steps = 3 },
]
[network]
library = "transformers"
kind = "LlamaForCausalLM"
[network.config]
vocab_size = 300
hidden_size = 16
intermediate_size = 24
num_hidden_layers = 1
num_attention_heads = 2
tie_word_embeddings = false
[defaults]
pretrain = { task = "next-token:code", steps = 40, rate = 1e-2 }
full = { steps = 2 }
frozen = { steps = 2 }
"""


def skip_without_libraries():
    for name in ("torch", "transformers", "peft", "diffusers", "timm"):
        if find_spec(name) is None:
            pytest.skip(f"needs the extra zoo: {name}")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small collection of one recipe: its folder, its truth, and the weights of each model by its key."""
    skip_without_libraries()
    from safetensors.torch import load_file

    from neural_phylogeny.lab.zoo.libraries.make import make_collections

    folder = tmp_path_factory.mktemp("zoo")
    (folder / "small.toml").write_text(RECIPE)
    recipe = read_library_recipe(str(folder / "small.toml"))
    (place,) = make_collections(recipe, folder / "out")
    truth = json.loads((place / "truth.json").read_text())
    weights: dict[str, dict[str, Any]] = {}
    for name, facts in truth["models"].items():
        weights[facts["key"]] = {}
        for file in sorted((place / name).glob("*.safetensors")):
            weights[facts["key"]] |= load_file(file)
    return folder, recipe, truth, weights


def test_truth_names_every_edge_and_root(made):
    _, _, truth, _ = made
    key = {name: facts["key"] for name, facts in truth["models"].items()}
    edges = {(key[edge["parent"]], key[edge["child"]]) for edge in truth["edges"]}
    assert {key[name] for name in truth["roots"]} == {"base@20", "student"}
    assert edges == {
        ("base@20", "base"),
        ("base", "base+ema"),
        ("base", "frozen"),
        ("base", "larger"),
        ("larger", "larger-child"),
        ("base", "merged"),
        ("base@20", "merged"),
    }


def test_files_have_the_precision_the_vocabulary_and_the_shards_of_the_recipe(made):
    folder, recipe, truth, weights = made
    name = {facts["key"]: name for name, facts in truth["models"].items()}
    place = folder / "out" / recipe.name / "0"
    assert {str(tensor.dtype) for tensor in weights["frozen"].values()} == {"torch.bfloat16"}
    assert weights["larger"]["model.embed_tokens.weight"].shape[0] == 308
    assert weights["larger-child"]["lm_head.weight"].shape[0] == 308
    assert len(list((place / name["larger-child"]).glob("*.safetensors"))) > 1


def test_what_is_frozen_stays_and_the_rest_moves(made):
    weights = made[3]
    changed = [
        not np.array_equal(tensor.float().numpy(), weights["base"][name].bfloat16().float().numpy())
        for name, tensor in weights["frozen"].items()
    ]
    assert any(changed)
    assert not all(changed)


def test_merges_and_averages_lie_between_their_models(made):
    weights = made[3]
    name = "model.layers.0.mlp.up_proj.weight"
    a, b = (weights[key][name].numpy() for key in ("base", "base@20"))
    assert np.allclose(weights["merged"][name].numpy(), 0.75 * a + 0.25 * b)
    assert 0 < np.abs(weights["base+ema"][name].numpy() - a).max() < np.abs(a - b).max()


def test_what_is_made_is_not_made_again_and_another_recipe_is_refused(made):
    from neural_phylogeny.lab.zoo.libraries.make import make_collections

    folder, recipe, _, _ = made
    record = folder / "out" / ".runs" / f"{recipe.name}-0" / "base.json"
    before = record.stat().st_mtime_ns
    make_collections(recipe, folder / "out")
    assert record.stat().st_mtime_ns == before
    (folder / "small.toml").write_text(RECIPE.replace("weight = 0.25", "weight = 0.5"))
    with pytest.raises(SavedFileError, match="another version of the recipe"):
        make_collections(read_library_recipe(str(folder / "small.toml")), folder / "out")


def test_the_command_writes_a_collection_in_every_format(made):
    for needed in ("gguf", "h5py"):
        pytest.importorskip(needed)
    from click.testing import CliRunner

    from neural_phylogeny.lab.commands.zoo import command

    folder, recipe, truth, _ = made
    out = folder / "formats"
    paths = ("--made", str(folder / "out"), "--out", str(out))
    result = CliRunner().invoke(command, ["formats", str(folder / "small.toml"), *paths])
    assert result.exit_code == 0, result.output
    assert {place.name for place in out.iterdir()} >= {f"{recipe.name}-{form}" for form in ("npz", "keras", "mixed")}
    written = json.loads((out / f"{recipe.name}-npz" / "0" / "truth.json").read_text())
    assert {name.removesuffix(".npz") for name in written["models"]} == set(truth["models"])


@pytest.mark.slow
@pytest.mark.parametrize("name", known_library_recipes())
def test_every_recipe_trains(name):
    """Two steps of every run."""
    skip_without_libraries()
    from dataclasses import replace

    from neural_phylogeny.lab.zoo.libraries.make import makers_of
    from neural_phylogeny.lab.zoo.libraries.plan import plan
    from neural_phylogeny.lab.zoo.libraries.training import Parent, run

    recipe = read_library_recipe(name)
    runs = plan(recipe, 0)
    makers = makers_of(runs)
    states: dict[str, Any] = {}
    for drawn in runs:
        count = len(drawn.member.checkpoints)
        short = replace(drawn.member, steps=count + 1, batch=2, checkpoints=tuple(range(1, count + 1)))
        parents = {key: Parent(states[key], makers[key]) for key in drawn.member.parents}
        found, _ = run(replace(drawn, member=short), recipe, parents, None)
        keys = [model.key for model in drawn.models] or [drawn.member.name]
        states |= dict(zip(keys, found.values(), strict=True))
