"""Lists of tensors on a screen are bounded, whatever a file is called and holds."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from neural_phylogeny import diff
from neural_phylogeny.reports.difference import render_changes
from neural_phylogeny.reports.listing import MOST_CHARACTERS, MOST_ROWS, others, shown
from neural_phylogeny.reports.text import plain


def test_the_rows_of_largest_weight_are_shown_in_their_order():
    rows = shown(range(1000), lambda n: [str(n)], lambda n: -abs(n - 500), every=False)
    assert [n for n, _ in rows] == list(range(450, 550)) or [n for n, _ in rows] == list(range(451, 551))
    assert len(shown(range(1000), lambda n: [str(n)], float, every=True)) == 1000
    assert shown([], lambda n: [str(n)], float, every=False) == []


def test_long_names_make_fewer_rows_and_one_is_always_shown():
    rows = shown(range(1000), lambda n: ["x" * 200, "y" * 200], float, every=False)
    assert 0 < len(rows) * 400 <= MOST_CHARACTERS
    assert len(shown(range(2), lambda n: ["x" * 20_000], float, every=False)) == 1


def test_what_has_no_row_is_counted():
    assert others(101, range(100), "smaller") == ["… 1 more tensor, smaller; --all lists them, --format json too"]
    assert others(100, range(100), "smaller") == []


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two related models of 300 matrices of which one, and one that is no number, changed more than the others."""
    folder, rng = tmp_path_factory.mktemp("many"), np.random.default_rng(0)
    base = {f"layer.{k}.weight": rng.normal(size=(8, 8)).astype("f4") for k in range(300)}
    tuned = {name: w + rng.normal(size=w.shape).astype("f4") * np.float32(0.02) for name, w in base.items()}
    tuned["layer.7.weight"] = base["layer.7.weight"] * np.float32(3)
    tuned["layer.9.weight"] = np.full((8, 8), np.nan, "f4")
    for name, model in (("a", base), ("b", tuned)):
        save_file(model, folder / f"{name}.safetensors")
    return folder / "a.safetensors", folder / "b.safetensors"


@pytest.mark.parametrize(("command", "count"), [("inspect", 1), ("compare", 2), ("diff", 2)])
def test_commands_list_a_hundred_and_with_all_every_tensor(run, models, command, count):
    few, every, data = (run(command, *models[:count], *extra).stdout for extra in ([], ["--all"], ["--format", "json"]))
    listed = [line for line in few.splitlines() if line.lstrip().startswith("layer.")]
    assert len(listed) == MOST_ROWS
    assert "… 200 more tensors, none of" in few
    assert len(few) < 13_000
    assert sum(line.lstrip().startswith("layer.") for line in every.splitlines()) == 300
    assert "more tensors" not in every
    assert "layer.299.weight" in data
    json.loads(data)


def test_the_largest_changes_are_listed(models):
    text = plain(render_changes(diff(list(models))))
    assert "layer.7.weight" in text
    assert "layer.9.weight" in text
