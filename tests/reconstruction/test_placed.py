"""A parent that is farther from its children than they are from each other is found in an index all the same."""

from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.index.placed import is_complete, numbers
from neural_phylogeny.index.store import Index
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.reconstruction import beside, placed
from neural_phylogeny.reconstruction.beside import compared_with
from neural_phylogeny.reconstruction.indexed import relatives, tree_of
from neural_phylogeny.reconstruction.placed import place
from neural_phylogeny.statistics.fingerprints import fingerprint

SHAPES = {"a.weight": (32, 32), "b.weight": (24, 32)}


def star(hub, called, n, seed, alike=0.85, size=0.02):
    """Children of one task, most of whose steps is common: they are nearer to each other than to the hub."""
    rng = np.random.default_rng(seed)
    task = {name: rng.normal(size=w.shape) for name, w in hub.items()}
    children = {}
    for k in range(n):
        own = {
            name: np.sqrt(alike) * task[name] + np.sqrt(1 - alike) * rng.normal(size=w.shape) for name, w in hub.items()
        }
        children[f"{called}{k:02d}"] = {name: w + size * own[name] for name, w in hub.items()}
    return children


def base(seed=3):
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(-1, 1, shape) / 5 for name, shape in SHAPES.items()}


def printed(models) -> dict[str, Fingerprint]:
    return {
        name: fingerprint(
            ModelRef(name=name, path="", parts=()),
            MemoryCheckpoint({key: w.astype(np.float32) for key, w in one.items()}),
        )
        for name, one in models.items()
    }


def add(index, models) -> int:
    list(index.add((name, "", model) for name, model in models.items()))
    return place(index)


@pytest.fixture
def small(monkeypatch):
    """Families of more than a dozen are large."""
    monkeypatch.setattr(beside, "WHOLE", 12)
    monkeypatch.setattr(placed, "WHOLE", 12)
    monkeypatch.setattr(beside, "OTHERS", 4)


@pytest.fixture(scope="module")
def models():
    hub = base()
    return printed({"hub": hub} | star(hub, "m", 36, seed=1))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("order", ["first", "last", "amid"])
def test_a_hub_is_found_whenever_it_was_added(tmp_path: Path, models, order) -> None:
    names = [name for name in models if name != "hub"]
    names.insert({"first": 0, "last": len(names), "amid": 20}[order], "hub")
    with Index(tmp_path / "i", is_new=True) as index:
        asked = [add(index, {name: models[name] for name in some}) for some in (names[:20], names[20:-1], names[-1:])]
        assert (asked[1], asked[2]) == (16, 1)
        assert is_complete(index)
        assert place(index) == 0
        assert "hub" not in {one.entry.name for one in index.candidates(models["m00"], 12)}
        children = numbers(index)
        assert children[models["hub"].digest] == max(number or 0.0 for number in children.values())
        for name in names:
            others = compared_with(index, models[name], 12)
            assert name == "hub" or "hub" in {entry.name for entry in others}
            assert len(others) <= 24
        for name in ("m03", "m30"):
            found = relatives(index, name, models[name], nearest=12).relatives
            assert [one.name for one in found if one.relation == "parent"] == ["hub"]


@pytest.mark.usefixtures("small")
def test_without_its_hub_a_child_has_a_missing_ancestor(tmp_path: Path, models) -> None:
    with Index(tmp_path / "i", is_new=True) as index:
        add(index, models)
        index.remove(["hub"])
        tree = relatives(index, "m03", models["m03"], nearest=16).tree
        assert not [edge for edge in tree.edges if edge.parent in models and (edge.p_parent or 0.0) >= 0.95]
        assert len(tree.missing) + len(tree.undecided) == 1


@pytest.mark.usefixtures("small")
def test_models_that_come_one_by_one(tmp_path: Path, models) -> None:
    with Index(tmp_path / "i", is_new=True) as index:
        asked = [add(index, {name: models[name]}) for name in list(models)[:16]]
        assert asked == [0] * 12 + [13, 1, 1, 1]
        assert (numbers(index)[models["hub"].digest] or 0.0) > 8


@pytest.mark.usefixtures("small")
def test_several_hubs_each_with_its_children(tmp_path: Path) -> None:
    root = base()
    one, other = star(root, "hub", 2, seed=5, alike=0.0, size=0.01).values()
    made = (
        {"root": root, "one": one, "other": other}
        | star(one, "a", 16, 6, size=0.03)
        | star(other, "b", 16, 7, size=0.03)
    )
    models = printed(made)
    with Index(tmp_path / "i", is_new=True) as index:
        add(index, {name: models[name] for name in reversed(models)})
        for name, hub in (("a03", "one"), ("a12", "one"), ("b03", "other"), ("b12", "other")):
            assert hub in {entry.name for entry in compared_with(index, models[name], 12)}


def test_nothing_is_asked_of_a_small_family(tmp_path: Path, models) -> None:
    few = dict(list(models.items())[:20])
    with Index(tmp_path / "i", is_new=True) as index:
        assert add(index, few) == 0
        assert set(numbers(index).values()) == {None}
        assert {entry.name for entry in compared_with(index, few["m03"], 32)} == set(few)


@pytest.mark.usefixtures("small")
def test_chance_makes_no_family_of_small_models(tmp_path: Path, rng) -> None:
    models = printed({f"s{k:03d}": {"a.weight": rng.normal(size=(12, 14))} for k in range(160)})
    with Index(tmp_path / "i", is_new=True) as index:
        assert add(index, models) == 0
        assert len(index.candidates(models["s000"], 160)) > 12
        assert len(compared_with(index, models["s000"], 12)) == 12


@pytest.mark.slow
def test_a_star_of_86_as_it_is(tmp_path: Path) -> None:
    hub = base()
    models = printed({"hub": hub} | star(hub, "m", 85, seed=1))
    with Index(tmp_path / "i", is_new=True) as index:
        assert add(index, models) == 86
        found = [
            edge.parent
            for name in list(models)[1::8]
            for edge in relatives(index, name, models[name]).tree.edges
            if edge.child == name
        ]
        assert found == ["hub"] * 11
        whole = {edge.child: edge.parent for edge in tree_of(index).edges}
        assert sum(whole.get(name) == "hub" for name in models) >= 84
