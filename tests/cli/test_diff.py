"""``nphylo diff``: a table, JSON and pictures."""

import json
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from neural_phylogeny import demo

HERON, GODWIT = (demo.folder() / f"{bird}.safetensors" for bird in ("heron", "godwit"))


def test_the_table(run):
    lines = run("diff", GODWIT, HERON).stdout.splitlines()
    assert lines[0].startswith("godwit.safetensors -> heron.safetensors: relative change 4")
    assert lines[1].startswith("0 of 6 tensors frozen, 80 % of the entries equal")
    assert any("0.weight" in line and "5.37 of 64" in line for line in lines)


def test_json(run, tmp_path):
    run("diff", GODWIT, HERON, "-o", tmp_path / "c.json")
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["format"] == "neural-phylogeny-changes"
    assert {"name", "changed", "equal", "effective_rank", "new_rows"} <= set(found["changes"]["tensors"][0])


def test_pictures_hold_hostile_names_as_text(run, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: no pictures")
    rng = np.random.default_rng(0)
    weights: dict[str, Any] = {f"$x^{{<b>&{k}\x1b[31m\u202e": rng.normal(size=(6, 5)) for k in range(3)}
    np.savez(tmp_path / "a.npz", **weights)
    np.savez(tmp_path / "b.npz", **{name: values + 0.1 for name, values in weights.items()})
    run("diff", tmp_path / "a.npz", tmp_path / "b.npz", "-o", tmp_path / "c.svg")
    text = (tmp_path / "c.svg").read_text()
    ET.fromstring(text)
    assert "\x1b" not in text
    assert "\u202e" not in text
    result = run("diff", tmp_path / "a.npz", tmp_path / "b.npz", "--png", tmp_path / "c.png")
    assert "0 of 3 tensors frozen" in result.stdout
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_in_common(run, tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones((4, 4)))
    np.savez(tmp_path / "b.npz", v=np.ones((3, 5)))
    assert "no tensor in common" in run("diff", tmp_path / "a.npz", tmp_path / "b.npz", code=1).stderr
    assert "hardly anything in common" in run("diff", GODWIT, demo.folder() / "egret.safetensors").stdout
