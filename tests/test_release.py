"""What is released: the bill of materials is current, and the wheel has the same bytes whenever it is built."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "release" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_bill_of_materials_is_current():
    assert (ROOT / "release" / "sbom.cdx.json").read_text("utf-8") == load("sbom").text()


def test_the_bill_names_what_is_always_needed():
    found = json.loads(load("sbom").text())
    needed = {item["name"] for item in found["components"] if item["scope"] == "required"}
    assert needed == {"click", "ml-dtypes", "networkx", "numpy", "rich", "threadpoolctl"}


@pytest.mark.slow
def test_two_wheels_are_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    assert load("wheel").main(tmp_path) == 0, capsys.readouterr().out


def test_an_audit_that_gets_no_answers_says_so():
    judged = load("audit").judged
    row: dict[str, object] = {"name": "a", "version": "1"}
    skipped, sound = row | {"skip_reason": "not found"}, {**row, "vulns": []}
    bad = row | {"vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}
    for rows, status, words in (
        ([skipped, skipped], 3, "none of 2 packages"),
        ([skipped, sound], 3, "1 of 2 packages: a"),
        ([sound], 0, "nothing is known"),
        ([skipped, bad], 1, "a 1: CVE-1, mended in 2"),
    ):
        found = judged(json.dumps({"dependencies": rows}))
        assert found[0] == status
        assert words in found[1]
    assert judged("no JSON")[0] == 3
