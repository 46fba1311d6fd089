"""Tables of generators: what families are like, and how a detector does on each generator."""

import shutil

import numpy as np
import pytest

from neural_phylogeny.lab.bench.tables import diversity
from neural_phylogeny.lab.bench.tables.diversity import Cloud, shapes


def test_steps_and_siblings_of_a_planted_star(measured, rng):
    root = rng.normal(size=(60, 50)).astype(np.float32)
    common = rng.normal(size=root.shape)
    children = [root + 0.1 * (common + rng.normal(size=root.shape)) for _ in range(3)]
    statistics = measured({"w": root}, *({"w": child.astype(np.float32)} for child in children))
    cloud = Cloud()
    cloud.add(statistics, np.array([-1, 0, 0, 0]))
    np.testing.assert_allclose(cloud.steps, 0.1 * 2**0.5, rtol=0.05)
    np.testing.assert_allclose(cloud.cosines, 0.5, atol=0.05)
    row = cloud.row()
    assert row[:2] == ["1", "4"]
    assert row[6:10] == ["1.00", "0.00", "0.00", "0.25"]


def test_heads_that_a_parent_lacks_say_nothing_of_its_children(measured, rng):
    names = [f"w{k}" for k in range(6)]
    root = {name: rng.normal(size=(40, 30)).astype(np.float32) for name in names}
    moved = [
        {name: w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for name, w in root.items()} for _ in range(2)
    ]
    heads = [{"head": rng.normal(size=(40, 30)).astype(np.float32)} for _ in range(2)]
    models = [root, *(model | head for model, head in zip(moved, heads, strict=True)), dict(root)]
    cloud = Cloud()
    cloud.add(measured(*models), np.array([-1, 0, 0, 0]))
    np.testing.assert_allclose(cloud.cosines, 0.0, atol=0.1)
    assert len(cloud.cosines) == 1  # a copy moved nowhere


def test_shapes_of_trees():
    assert list(shapes(np.array([-1, 0, 1, 2]))) == ["run"]
    assert list(shapes(np.array([-1, 0, 0, 1, 2]))) == [""]
    assert list(shapes(np.array([-1, 0]))) == []


@pytest.mark.torch
def test_pages_have_a_row_for_each_generator(run, batches, tmp_path, monkeypatch):
    monkeypatch.setattr(diversity, "SUITES", ())
    for name in ("one", "other"):
        shutil.copytree(batches, tmp_path / "generators" / name)
    common = ("--generators", tmp_path / "generators", "-q")
    text = run("lab", "table", "generators", *common, "--judge", batches).stdout
    assert "| one | the detector |" in text
    assert "| other | the detector |" in text
    assert "the judge, by kind of network" in text
    assert "| one |" in run("lab", "table", "diversity", *common).stdout
