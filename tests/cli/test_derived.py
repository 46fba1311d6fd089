"""``nphylo derived``: verdicts, formats and exit codes."""

import functools
import json
import xml.etree.ElementTree as ET

import pytest

from neural_phylogeny import demo
from neural_phylogeny.reconstruction import audit

DEMO = demo.folder()
HERON, GODWIT, EGRET = (DEMO / f"{bird}.safetensors" for bird in ("heron", "godwit", "egret"))


def test_derived_and_from_which(run):
    text = run("derived", HERON, "--from", EGRET, GODWIT, "--among", DEMO).stdout
    assert "heron.safetensors was not derived from egret.safetensors" in text
    assert "heron.safetensors was derived from godwit.safetensors\n  probability " in text
    assert "which: godwit.safetensors" in text
    assert "Operating point at 95%" in text
    assert "siblings of a model that was not" not in text


def test_not_derived_and_undetermined(run):
    text = run("derived", HERON, "--from", EGRET, code=1).stdout
    assert text.startswith("heron.safetensors was not derived from egret.safetensors\n  relatedness p = ")
    assert "siblings of a model that was not can look like parent and child" in text
    assert run("derived", HERON, "--from", GODWIT, "--at-least", "0.999", code=4).stdout.startswith(
        "heron.safetensors may or may not have been derived from godwit.safetensors"
    )


def test_the_formats(run, tmp_path, monkeypatch):
    once = functools.cache(audit.derived)
    monkeypatch.setattr(audit, "derived", lambda child, parents, **_: once(child, tuple(parents), among=str(DEMO)))
    question = ("derived", HERON, "--from", GODWIT, EGRET, "--among", DEMO)
    run(*question, "-o", tmp_path / "d.json")
    found = json.loads((tmp_path / "d.json").read_text())
    assert (found["format"], found["verdict"], found["which"]) == (
        "neural-phylogeny-derivation",
        "derived",
        ["godwit.safetensors"],
    )
    assert found["operating_point"]["one seed"]["derived"] == 0
    assert [one["verdict"] for one in found["derivations"]] == ["derived", "not derived"]
    run(*question, "-o", tmp_path / "d.xml")
    suite = ET.parse(tmp_path / "d.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    run(*question, "-o", tmp_path / "d.sarif")
    results = json.loads((tmp_path / "d.sarif").read_text())["runs"][0]["results"]
    assert [(one["kind"], one["level"]) for one in results] == [("pass", "none"), ("fail", "error")]
    uri = results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.endswith("/heron.safetensors")


def test_names_are_escaped(run, folder):
    stranger = folder / "stranger\x1b[2J.npz"
    for form in ("text", "json", "junit", "sarif"):
        shown = run("derived", stranger, "--from", folder / "base.npz", "--format", form, code=1).stdout
        assert "\x1b" not in shown
        assert r"\x1b" in shown or r"\u001b" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((HERON,), 2, "Missing option '--from'"),
        ((HERON, "--from", "none.pt"), 2, "none.pt: there is no such file"),
        ((HERON, "--from", DEMO), 2, "the path of one model"),
        ((HERON, "--from", HERON), 2, "different models"),
        ((HERON, "--from", EGRET, "--at-least", "0.5"), 2, "is not in the range 0.9<=x<1"),
    ],
)
def test_wrong_usage(run, arguments, code, message):
    assert message in run("derived", *arguments, code=code).stderr


def test_a_model_that_cannot_be_read(run, tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(HERON.read_bytes()[:1000])
    assert "cut.safetensors: " in run("derived", HERON, "--from", tmp_path / "cut.safetensors", code=3).stderr
