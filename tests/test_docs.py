"""The documents name commands, options, files and links that exist, and quote what the program prints."""

import dataclasses
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

import neural_phylogeny
from neural_phylogeny.cli.group import nphylo
from neural_phylogeny.records import (
    CLAIM_VERDICTS,
    DERIVATION_VERDICTS,
    Changes,
    CheckedClaim,
    Declared,
    Derivation,
    TensorChange,
    Verdict,
)

ROOT = Path(__file__).parents[1]
HISTORY = {"CHANGELOG.md", "docs/log.md"}
"""Pages about the past, which may name what is no longer there."""

PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if path.relative_to(ROOT).as_posix() not in HISTORY
)
FOLDERS = (ROOT, ROOT / "src" / "neural_phylogeny", ROOT / "docs")
"""Where a path in a document may start."""

VERDICTS = (Derivation, Declared, CheckedClaim, Changes, TensorChange)

REMAKE = "run: python docs/make_examples.py SHARED/wild/esl-lenet5"

CODE = re.compile(r"```(?:\w*)\n(.*?)```|`([^`\n]+)`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SOURCE_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|md|toml|json|csv|png|safetensors|sha256))")


def names(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def code_lines(page: Path) -> Iterator[str]:
    """Lines of code blocks and code spans."""
    for block, span in CODE.findall(page.read_text(encoding="utf-8")):
        yield from (block or span).splitlines()


def calls(page: Path) -> Iterator[list[str]]:
    """The words of every call of ``nphylo`` in a page."""
    for line in code_lines(page):
        if line.startswith("Usage: "):
            continue
        for call in re.findall(r"(?:^|[$;·|(]\s*|\.venv/bin/|python -m )(nphylo(?: [^#·;|]*)?)", line.strip()):
            try:
                yield shlex.split(call)[1:]
            except ValueError:
                yield call.split()[1:]


def check(words: list[str]) -> None:
    """Walk down the groups; every option must belong to the command."""
    command: click.Command = nphylo
    rest = list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        if not re.fullmatch(r"[a-z-]+", rest[0]):
            return  # X, NAME, an ellipsis, alternatives in braces
        below = command.get_command(click.Context(command), rest[0])
        assert below is not None, f"no command {' '.join(words)!r}"
        command = below
        rest.pop(0)
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in rest:
        if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word):
            assert word.split("=")[0] in {*options, "--help", "-h"}, f"no option {word} of {' '.join(words)!r}"


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_command_exists(page):
    for words in calls(page):
        check(words)


def test_calls_are_found():
    found = [" ".join(words) for words in calls(ROOT / "README.md")]
    assert any(call.startswith("tree ") for call in found)
    assert any(call.startswith("lab ") for call in found)
    with pytest.raises(AssertionError, match="no command"):
        check(["zoo", "list"])
    with pytest.raises(AssertionError, match="no option --quick"):
        check(["tree", "x", "--quick"])


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_leads_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    """The anchors of the headings of a page, as web forges make them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "cli.md"], ids=names)
def test_every_path_of_the_project_exists(page):
    known = {
        path.name for folder in ("src", "docs", "tests", "benchmarks", "examples") for path in (ROOT / folder).iterdir()
    }
    known |= {path.name for path in (ROOT / "src" / "neural_phylogeny").iterdir()}
    for _, span in CODE.findall(page.read_text(encoding="utf-8")):
        for word in span.split():
            if SOURCE_PATH.fullmatch(word) and word.split("/")[0] in {
                *known,
                "src",
                "docs",
                "tests",
                "benchmarks",
                "examples",
            }:
                assert any((folder / word).exists() for folder in FOLDERS), word


def test_the_page_of_the_python_interface_is_that_of_the_docstrings():
    page = runpy.run_path(str(ROOT / "docs" / "make_api.py"))["page"]()
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == page, "run: python docs/make_api.py"
    for name in neural_phylogeny.__all__:
        assert f"### {name}\n" in page or name in page.split("## Errors")[1], name


def test_the_keys_and_verdicts_of_a_comparison_are_documented():
    text = (ROOT / "docs" / "result-file.md").read_text(encoding="utf-8")
    section = text.split("## The comparison of two models")[1].split("\n## ")[0]
    words = [field.name for field in dataclasses.fields(neural_phylogeny.Comparison)] + list(get_args(Verdict))
    assert not [word for word in words if f"`{word}`" not in section]


def test_the_keys_of_verdicts_and_changes_are_documented():
    text = (ROOT / "docs" / "result-file.md").read_text(encoding="utf-8")
    section = text.split("## Verdicts on descent and on claims")[1].split("\n## ")[0]
    names = {field.name for record in VERDICTS for field in dataclasses.fields(record)} - {"skipped"}
    words = [*names, *DERIVATION_VERDICTS, *CLAIM_VERDICTS]
    assert not [word for word in words if f"`{word}`" not in section and f'`"{word}"`' not in section]


def test_the_front_page_quotes_what_the_demo_prints(monkeypatch):
    monkeypatch.undo()  # with all seeds
    examples = runpy.run_path(str(ROOT / "docs" / "make_examples.py"))
    assert examples["alike"]((ROOT / "README.md").read_text(encoding="utf-8"), examples["front_page"]()), REMAKE


@pytest.mark.wild
def test_the_walkthrough_quotes_what_its_steps_print(wild):
    examples = runpy.run_path(str(ROOT / "docs" / "make_examples.py"))
    page = (ROOT / "docs" / "walkthrough.md").read_text(encoding="utf-8")
    assert examples["alike"](page, examples["walkthrough"](wild / "esl-lenet5")), REMAKE


def test_the_ci_script_looks_beside_the_project_through_one_variable():
    code = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in code if "../" in line] == [': "${NPHYLO_SHARED:=../shared}"']
    assert not re.findall(r"/(?:work|home|tmp)\b", "\n".join(code))
