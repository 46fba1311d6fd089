import json

from neural_phylogeny import demo, reconstruct
from neural_phylogeny.evaluation import read_truth
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.tensors.alignment import align


def files():
    return sorted(path for path in demo.folder().iterdir() if path.name != "truth.json")


def test_it_is_a_family_worth_showing():
    truth = read_truth(demo.folder() / "truth.json")
    parents = {edge.child: edge.parent for edge in truth.edges}
    generations = {name: 1 + (name in parents) + (parents.get(name) in parents) for name in truth.names()}
    assert len(truth.names()) >= 12
    assert max(generations.values()) == 3
    assert len(truth.roots) == 2
    assert truth.complete


def test_the_truth_names_the_files_that_are_there():
    assert {path.name for path in files()} == set(read_truth(demo.folder() / "truth.json").names())
    assert sum(path.stat().st_size for path in demo.folder().iterdir()) < 1_000_000


def test_every_model_learnt_its_task():
    models = json.loads((demo.folder() / "truth.json").read_text())["models"]
    assert min(model["accuracy"] for model in models.values()) > 0.7


def test_several_formats_are_read_and_aligned():
    opened = [open_checkpoint(path) for path in files()]
    assert {checkpoint.format for checkpoint in opened} == {"safetensors", "npz", "pytorch"}
    alignment = align([checkpoint.tensors for checkpoint in opened], [path.name for path in files()])
    assert alignment.coverage().min() > 0.9
    for checkpoint in opened:
        checkpoint.close()


def test_auto_finds_all_of_its_edges():
    truth = read_truth(demo.folder() / "truth.json")
    found = reconstruct(demo.folder())
    assert {(edge.parent, edge.child) for edge in found.edges} == {(edge.parent, edge.child) for edge in truth.edges}
    assert len(truth.edges) == 12
