from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.index.store import Index
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.reconstruction.indexed import relatives, tree_of
from neural_phylogeny.statistics.fingerprints import fingerprint


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(3)

    def fresh():
        return {f"layer.{k}.weight": rng.uniform(-0.1, 0.1, (80, 64)).astype("f4") for k in range(4)}

    def tuned(parent):
        return {name: values + rng.normal(0, 0.02, values.shape).astype("f4") for name, values in parent.items()}

    found: dict[str, dict[str, np.ndarray]] = {}
    for family in "ab":
        base = fresh()
        child = tuned(base)
        found |= {f"{family}/base": base, f"{family}/child": child, f"{family}/grandchild": tuned(child)}
    found["stranger"] = fresh()
    found["a/copy"] = found["a/child"]
    return {name: fingerprint(ModelRef(name=name, path="", parts=()), MemoryCheckpoint(m)) for name, m in found.items()}


@pytest.fixture
def index(tmp_path: Path, models):
    with Index(tmp_path / "i", is_new=True) as found:
        list(found.add((name, f"/there/{name}", model) for name, model in models.items()))
        yield found


def test_relatives_of_a_model_are_its_family(index, models) -> None:
    found = relatives(index, "a/child", models["a/child"])
    stands = {one.name: one.relation for one in found.relatives}
    assert stands["a/copy"] == "copy"
    assert set(stands) == {"a/copy", "a/base", "a/grandchild"}
    assert {stands["a/base"], stands["a/grandchild"]} <= {"parent", "child", "related"}
    assert (found.searched, found.compared) == (8, 3)
    assert found.relatives[0].path == "/there/a/copy"
    p_values = [one.p_value for one in found.relatives if one.p_value is not None]
    assert p_values
    assert max(p_values) < 1e-6


def test_a_model_that_is_not_in_the_index(index, models) -> None:
    found = relatives(index, "upload", models["b/base"])
    assert {one.name: one.relation for one in found.relatives}["b/base"] == "copy"
    assert len(index) == 8
    assert not relatives(index, "stranger", models["stranger"]).relatives
    assert not relatives(
        index, "x", fingerprint(ModelRef(name="x", path="", parts=()), MemoryCheckpoint({"b": np.zeros(3)}))
    ).relatives


def test_the_tree_of_an_index_is_that_of_its_models(index, models) -> None:
    whole, found = reconstruct(dict(models)), tree_of(index)
    assert [model.name for model in found.models] == list(models)
    edges = [sorted((edge.parent, edge.child) for edge in answer.edges) for answer in (found, whole)]
    assert edges[0] == edges[1]
    assert found.copies == whole.copies
    families = [{frozenset(answer.family_of(name)) for name in models} for answer in (found, whole)]
    assert families[0] == families[1]
    assert {model.format for model in found.models} == {"memory"}
    assert found.to_json()


def test_an_empty_index_has_an_empty_tree(tmp_path: Path) -> None:
    with Index(tmp_path / "i", is_new=True) as index:
        assert tree_of(index).models == ()
