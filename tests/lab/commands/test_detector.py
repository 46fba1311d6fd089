"""``nphylo lab detector``: from families to a detector that can be asked; and no torch where none is needed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neural_phylogeny import demo


@pytest.mark.torch
def test_from_families_to_a_detector(run, tmp_path):
    waves, mine = tmp_path / "waves", tmp_path / "mine.safetensors"
    run("lab", "detector", "families", "--out", waves, "--waves", 2, "-q")
    assert len(list(waves.glob("wave-*.npz"))) == 2
    before = {path: path.stat().st_mtime_ns for path in waves.iterdir()}
    assert "0 families made now" in run("lab", "detector", "families", "--out", waves, "--waves", 2, "-q").stdout
    assert before == {path: path.stat().st_mtime_ns for path in waves.iterdir()}
    text = run("lab", "detector", "train", waves, "--out", mine, "--networks", 1, "--epochs", 1, "-q").stdout
    assert text.startswith("all ")
    assert "SHA-256" in text
    assert "overall" in run("lab", "detector", "evaluate", waves, "--detector", mine, "--by", "kind").stdout
    said = json.loads(run("lab", "detector", "info", mine, "--format", "json").stdout)
    assert said["networks"] == 1
    assert said["about"]["recipe"]["epochs"] == 1
    run(
        "lab",
        "detector",
        "train",
        waves,
        "--out",
        tmp_path / "on.safetensors",
        "--networks",
        1,
        "--epochs",
        1,
        "--start",
        mine,
    )


@pytest.mark.torch
def test_the_papers_protocol_is_a_training_too(run, tmp_path):
    kept = Path(__file__).parents[3] / "benchmarks/data/quick/quick-star/0.npz"
    place = tmp_path / "quick" / "quick-star"
    place.mkdir(parents=True)
    shutil.copy(kept, place)
    out = tmp_path / "runs.json"
    text = run("lab", "detector", "train", place.parent, "--protocol", "paper", "--out", out, "-q").stdout
    assert "| quick-star | 5 |" in text
    assert len(json.loads(out.read_text())["runs"]) == 5


def test_the_shipped_one_is_described(run):
    text = run("lab", "detector", "info").stdout
    assert "temperature" in text
    assert "sha256" in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["evaluate", "."], 3, "expected waves of families here"),
        (["train", ".", "--out", "x"], 3, "nphylo lab detector families --out"),
        (["train", "nowhere", "--out", "x"], 2, "nowhere"),
        (["info", "junk"], 3, "cannot be read as a detector"),
    ],
)
def test_wrong_usage_is_told_with_what_would_be_right(run, tmp_path, monkeypatch, arguments, code, message):
    if arguments[0] == "train":
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "junk").write_bytes(b"junk")
    result = run("lab", "detector", *arguments, code=code)
    assert message in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.output


def test_asking_the_detector_needs_no_torch():
    code = (
        "import sys; from neural_phylogeny import reconstruct; "
        f"reconstruct({str(demo.folder())!r}, method='detector'); "
        "sys.exit(any(name.split('.')[0] in ('torch', 'sklearn', 'scipy') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
