"""``nphylo lab families`` and ``nphylo lab train``: from families to a detector; no torch for an answer."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neural_phylogeny import demo


@pytest.mark.torch
def test_from_families_to_a_detector(run, batches, small_prior, tmp_path, monkeypatch):
    monkeypatch.delenv("NPHYLO_DATA", raising=False)
    folder, mine = tmp_path / "batches", tmp_path / "mine.safetensors"
    shutil.copytree(batches, folder)
    made = run("lab", "families", "make", small_prior, "--out", folder, "--count", 2, "-q").stdout
    assert "0 families made now, 2 batches there" in made
    assert "| star |" in run("lab", "families", "info", folder).stdout
    short = ("--networks", 1, "--epochs", 1)
    text = run("lab", "train", "detector", folder, "--out", mine, *short, "-q").stdout
    assert text.startswith("batches:\nall ")
    assert "SHA-256" in text
    assert "overall" in run("lab", "train", "assess", folder, "--detector", mine, "--by", "kind").stdout
    found = json.loads(run("lab", "train", "info", mine, "--format", "json").stdout)
    assert found["networks"] == 1
    assert found["about"]["recipe"]["epochs"] == 1
    on = ("--out", tmp_path / "on.safetensors", *short)
    run("lab", "train", "detector", folder, *on, "--start", mine)
    (folder / "prior.json").write_text('{"prior": "apart"}')
    assert "for judging only" in run("lab", "train", "detector", folder, *on, code=3).stderr


@pytest.mark.torch
def test_the_papers_protocol_is_a_training_too(run, tmp_path):
    kept = Path(__file__).parents[3] / "benchmarks/data/quick/quick-star/0.npz"
    place = tmp_path / "quick" / "quick-star"
    place.mkdir(parents=True)
    shutil.copy(kept, place)
    out = tmp_path / "runs.json"
    text = run("lab", "train", "paper", "quick", "--data", tmp_path, "--runs", 2, "--out", out, "-q").stdout
    assert "| quick-star | 2 |" in text
    assert len(json.loads(out.read_text())["runs"]) == 2


def test_the_shipped_one_is_described(run):
    text = run("lab", "train", "info").stdout
    assert "temperature" in text
    assert "sha256" in text


def test_priors_are_listed(run):
    assert "tiny\n  networks of a few hundred" in run("lab", "families", "list").stdout
    rows = json.loads(run("lab", "families", "list", "--format", "json").stdout)["priors"]
    assert {"tiny", "wide", "strangers", "stars", "long", "vision", "apart"} <= {row["name"] for row in rows}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "assess", "."], 3, "expected batches of families here"),
        (["train", "detector", ".", "--out", "x"], 3, "nphylo lab families make --out"),
        (["train", "detector", "nowhere", "--out", "x"], 2, "nowhere"),
        (["train", "info", "junk"], 3, "cannot be read as a detector"),
        (["families", "make", "tinny", "--out", "x", "-q"], 2, "'tiny'"),
        (["families", "info", "."], 3, "expected batches of families here"),
    ],
)
def test_wrong_usage_names_what_would_be_right(run, tmp_path, monkeypatch, arguments, code, message):
    if "detector" in arguments or "make" in arguments:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk").write_bytes(b"junk")
    result = run("lab", *arguments, code=code)
    assert message in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.output


def test_an_answer_of_the_detector_needs_no_torch():
    code = (
        "import sys; from neural_phylogeny import reconstruct; "
        f"reconstruct({str(demo.folder())!r}, method='detector'); "
        "sys.exit(any(name.split('.')[0] in ('torch', 'sklearn', 'scipy') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
