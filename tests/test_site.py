"""The site: all pages in the contents, generated ones up to date; the tutorial runs, the pipeline keeps its word."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neural_phylogeny import demo

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_every_page_is_in_the_contents():
    made = runpy.run_path(str(DOCS / "make_cli.py"))
    assert made["contents"]() == (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), "run: python docs/make_cli.py"
    listed = set(re.findall(r": ([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


def test_generated_pages_are_those_of_the_program():
    made = runpy.run_path(str(DOCS / "make_cli.py"))
    pages = made["command_pages"]()
    assert {path.name for path in (DOCS / "commands").iterdir()} == set(pages)
    for name, text in pages.items():
        assert (DOCS / "commands" / name).read_text(encoding="utf-8") == text, "run: python docs/make_cli.py"
    assert (DOCS / "exports.md").read_text(encoding="utf-8") == made["formats_page"](), "run: python docs/make_cli.py"


def test_the_tutorial_prints_what_it_says(monkeypatch):
    monkeypatch.undo()  # draws are looked for under all seeds, as for a reader
    made = runpy.run_path(str(DOCS / "make_tutorial.py"))
    alike = runpy.run_path(str(DOCS / "make_examples.py"))["alike"]
    notebook = json.loads((DOCS / "tutorial.ipynb").read_text(encoding="utf-8"))
    page = made["page"](made["executed"](notebook))
    assert alike((DOCS / "tutorial.md").read_text(encoding="utf-8"), page), "run: python docs/make_tutorial.py"


def test_the_page_on_pipelines_quotes_the_script():
    script = (ROOT / "examples" / "pipeline" / "check.sh").read_text(encoding="utf-8")
    page = (DOCS / "tasks" / "pipeline.md").read_text(encoding="utf-8")
    assert f"```bash\n{script.rstrip()}\n```" in page


@pytest.fixture
def release(tmp_path):
    """A model with a card of its own, the claimed parent, and the family."""
    for folder, bird in (("true", "heron"), ("false", "egret"), ("godwit", "godwit")):
        (tmp_path / folder).mkdir()
        shutil.copy(demo.folder() / f"{bird}.safetensors", tmp_path / folder / "model.safetensors")
        (tmp_path / folder / "config.json").write_text("{}")
        if folder != "godwit":
            (tmp_path / folder / "README.md").write_text("---\nbase_model: org/godwit\n---\n")
    (tmp_path / "family").mkdir()
    for bird in ("dunlin", "ibis", "kestrel", "avocet"):
        shutil.copy(demo.folder() / f"{bird}.safetensors", tmp_path / "family")
    return tmp_path


@pytest.mark.parametrize(("claim", "code", "said"), [("true", 0, "exit 0"), ("false", 1, "exit 1")])
def test_the_pipeline_passes_a_true_claim_and_fails_a_planted_false_one(release, claim, code, said):
    pytest.importorskip("yaml", reason="PyYAML is not installed: cards are not read")
    if shutil.which("bash") is None:
        pytest.skip("there is no bash: the example is a script of it")
    tool = release / "nphylo"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from neural_phylogeny.cli import main; main()" "$@"\n')
    tool.chmod(0o755)
    command = ["bash", str(ROOT / "examples" / "pipeline" / "check.sh"), claim, "godwit", "family"]
    environment = os.environ | {"PATH": f"{release}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=release, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == f"derived: {said}, verify: {said}\n"
    assert "<failure" in (release / "derived.xml").read_text() or claim == "true"
    assert json.loads((release / "verify.sarif").read_text())["version"] == "2.1.0"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: no site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    front = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//(?!github)[^\"]*\.(?:js|css)", front)
