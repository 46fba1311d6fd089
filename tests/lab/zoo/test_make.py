"""Training for real, on the digits: small, resumable, the same every time."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.evaluation import read_truth
from neural_phylogeny.lab.zoo.convert import convert
from neural_phylogeny.lab.zoo.make import make
from neural_phylogeny.lab.zoo.recipes import read_recipe

pytestmark = pytest.mark.torch

TINY = """
summary = "two small families"
families = 2
network = { kind = "fc", side = 8, channels = 1, widths = [24] }

[pretraining]
task = "first"
steps = 80
rate = { sgd = 0.1 }

[cells.star]
task = "second"
head = "new"
steps = 80
rate = { sgd = 0.1 }
descendants = 2
"""


@pytest.fixture
def recipe(tmp_path):
    def written(text=TINY):
        path = tmp_path / "tiny.toml"
        path.write_text(text)
        return read_recipe(str(path))

    return written


def weights(folder):
    return {path.name: load_file(path) for path in sorted(folder.glob("*.safetensors"))}


def test_a_collection_has_its_truth_beside_it(tmp_path, recipe):
    (folder,) = make(recipe(), tmp_path / "out")
    truth = read_truth(folder / "truth.json")
    assert truth.complete
    assert len(truth.roots) == 2
    assert len(truth.edges) == 4
    files = weights(folder)
    assert set(truth.names()) == set(files)
    for edge in truth.edges:
        parent, child = files[edge.parent]["layers.0.weight"], files[edge.child]["layers.0.weight"]
        assert 0.3 < np.corrcoef(parent.ravel(), child.ravel())[0, 1] < 0.9999
    facts = json.loads((folder / "truth.json").read_text())["models"]
    assert all(fact["accuracy"] > 2 * fact["chance"] and fact["learnt"] for fact in facts.values())


def test_jobs_and_interruptions_change_no_bit(tmp_path, recipe):
    (whole,) = make(recipe(), tmp_path / "whole")
    (other,) = make(recipe(), tmp_path / "other", jobs=2)
    runs = tmp_path / "other" / ".runs" / "tiny-0"
    for path in list(runs.glob("*star-family1-2*")):
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in runs.glob("family-*.json")}
    make(recipe(), tmp_path / "other")
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items()), "finished runs are not trained again"
    first, second = weights(whole), weights(other)
    assert first.keys() == second.keys()
    for name, tensors in first.items():
        for key, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, second[name][key])


def test_another_configuration_is_never_mixed_in(tmp_path, recipe):
    make(recipe(), tmp_path / "out")
    with pytest.raises(SavedFileError, match="another version of the recipe 'tiny'"):
        make(recipe(TINY.replace("steps = 80", "steps = 90")), tmp_path / "out")


def test_models_at_chance_are_refused(tmp_path, recipe):
    with pytest.raises(SavedFileError, match="chance being"):
        make(recipe(TINY.replace("steps = 80", "steps = 0")), tmp_path / "out")


@pytest.mark.parametrize(
    ("network", "complaint"), [("kind = 'rnn'", "none of fc, conv"), ("kind = 'vit'", "kind 'vit'")]
)
def test_a_wrong_network_is_refused(tmp_path, recipe, network, complaint):
    text = TINY.replace('kind = "fc", side = 8, channels = 1, widths = [24]', network)
    with pytest.raises(SavedFileError, match=complaint):
        make(recipe(text), tmp_path / "out")


@pytest.mark.parametrize(
    "network",
    [
        "kind = 'conv', side = 16, channels = 3, widths = [4, 8], hidden = 16",
        "kind = 'resnet', side = 16, channels = 3, widths = [4, 8]",
        "kind = 'vit', side = 16, channels = 3, patch = 8, width = 16, depth = 1, heads = 2",
    ],
)
@pytest.mark.parametrize("initialisation", ["default", "orthogonal", "kaiming-normal"])
def test_every_architecture_trains(network, initialisation):
    import tomllib

    from neural_phylogeny.lab.zoo.plan import Run, Settings
    from neural_phylogeny.lab.zoo.training import train

    table = tomllib.loads(f"network = {{ {network} }}")["network"]
    settings = Settings("digits", "all", 3, "adamw", 1e-3, 16, 0.0, "first", "kept", initialisation)
    first, _ = train(Run("a", None, settings, 1, 1), table, "digits", None, None)
    second, facts = train(Run("b", "a", settings, 2, 2), table, "digits", None, first)
    assert first.keys() == second.keys()
    moved = {name for name in first if not np.array_equal(first[name].numpy(), second[name].numpy())}
    assert "head.weight" in moved
    assert next(iter(first)) not in moved, "the first layer is frozen"
    assert 0.0 <= facts["accuracy"] <= 1.0


def test_folders_of_images_become_a_data_set(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        folder = tmp_path / "images" / label
        folder.mkdir(parents=True)
        for k in range(5):
            Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(folder / f"{k}.png")
    target = tmp_path / "pets.npz"
    assert convert(tmp_path / "images", target, side=16, colour=False, test_share=0.2) == (8, 2, 2)
    with np.load(target) as data:
        assert data["x_train"].shape == (8, 16, 16)
        assert data["classes"].tolist() == ["cat", "dog"]
    (tmp_path / "images" / "cat" / "broken.png").write_bytes(b"no image")
    with pytest.raises(SavedFileError, match=r"broken\.png: not an image"):
        convert(tmp_path / "images", target, side=16, colour=True, test_share=0.2)
    with pytest.raises(SavedFileError, match="expected a folder of images"):
        convert(tmp_path / "images" / "dog", target, side=16, colour=True, test_share=0.2)
