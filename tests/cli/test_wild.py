"""The whole way on public checkpoints: every group gets a forest, and no documented strangers share a family."""

import json

import pytest

pytestmark = pytest.mark.wild


FEW = ("dueling-dqn-transfer", "esl-lenet5", "fedavg-4-clients", "lpips-lin", "mesonet")
"""Small groups of several formats."""


@pytest.mark.parametrize("chosen", [FEW, pytest.param((), marks=pytest.mark.slow)], ids=["few", "all"])
def test_every_group_gets_a_forest_and_a_score(run, wild, tmp_path, chosen):
    truths = sorted(path for path in wild.glob("*/truth.json") if not chosen or path.parent.name in chosen)
    assert len(truths) >= max(len(chosen), 1)
    for truth in truths:
        saved = tmp_path / f"{truth.parent.name}.json"
        result = run("tree", truth.parent, "--threads", "2", "-o", saved, code=None)
        found = json.loads(saved.read_text())
        assert found["skipped"] == [], result.stderr
        assert result.exit_code == (0 if sum(model["family"] is not None for model in found["models"]) > 1 else 1)
        score = json.loads(run("score", saved, truth, "--format", "json").stdout)
        assert score["unread"] == score["absent"] == []
        assert score["false_positives"] == [], truth.parent.name


def test_exports_of_one_detector_in_four_formats_are_copies(run, wild, tmp_path):
    saved = tmp_path / "slim.json"
    run("tree", wild / "linzaer-slim", "--threads", "2", "-o", saved, code=None)
    copies = json.loads(saved.read_text())["copies"]
    names = ("caffe", "simplified.onnx", "pretrained__version-slim-320", "ncnn")
    assert any(all(any(name in model for model in group) for name in names) for group in copies)
