"""How far each layer moved, and the similarities of a family."""

import numpy as np
import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.reconstruction import changes
from neural_phylogeny.reports.json import from_json, to_json


@pytest.fixture
def family(rng):
    parent = {f"net.{k}.weight": rng.uniform(-1, 1, (48, 48)) for k in range(3)}
    frozen, head = "net.0.weight", "net.2.weight"
    child = {name: w if name == frozen else w + rng.normal(0, 0.3, w.shape) for name, w in parent.items()}
    child[head] = parent[head] + rng.normal(0, 0.6, (48, 48))
    other = {name: w + rng.normal(0, 0.2, w.shape) for name, w in parent.items()}
    return {"parent": parent, "child": child, "other": other}


def test_the_changes_are_those_of_the_weights(family):
    answer = reconstruct(family)
    edge = next(edge for edge in answer.edges if edge.child == "child")
    assert edge.parent == "parent"
    assert [layer.layer for layer in edge.layers] == ["net.0", "net.1", "net.2"]
    for layer in edge.layers:
        p, c = (family[model][f"{layer.layer}.weight"] for model in ("parent", "child"))
        assert layer.change == pytest.approx(np.linalg.norm(c - p) / np.linalg.norm(p), rel=1e-3)
    assert edge.layers[0].change == 0.0


def test_the_similarities_are_those_of_the_claims_and_survive_the_file(family):
    answer = reconstruct(family)
    (table,) = answer.similarities
    assert set(table.models) == set(family)
    for edge in answer.edges:
        a, b = table.models.index(edge.parent), table.models.index(edge.child)
        assert edge.similarity is not None
        assert table.of(a, b) == table.of(b, a) == round(edge.similarity, 3)
    assert from_json(to_json(answer)) == answer


@pytest.mark.parametrize(
    ("name", "module", "block"),
    [
        ("model.layers.12.mlp.weight", "model.layers.12.mlp", "model.layers.12"),
        ("head.weight", "head", "head"),
        ("block_3/conv/kernel", "block_3/conv", "block_3"),
        ("w", "w", "w"),
    ],
)
def test_layers_are_modules_or_blocks(name, module, block):
    assert changes._layers([name]) == {name: module}
    many = [name, *(f"x.0.{k}.weight" for k in range(changes.MOST_LAYERS))]
    assert changes._layers(many)[name] == block
