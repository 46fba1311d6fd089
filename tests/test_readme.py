"""Figures and names on the front page are those of the tables, the code and the package."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import neural_phylogeny
from neural_phylogeny import reconstruct
from neural_phylogeny.cli.derived import CODES
from neural_phylogeny.formats import FORMATS
from neural_phylogeny.records import Changes, Derivation, Phylogeny, Verdict, Verification
from neural_phylogeny.relations.components import KERNELS, SUBSTANTIAL
from neural_phylogeny.relations.existence import ENOUGH
from neural_phylogeny.tensors.layouts import WHOLE
from neural_phylogeny.trees.methods import METHODS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORDS = " ".join(README.split())


def rows(table: str) -> list[list[str]]:
    """The rows of all tables of a page in ``docs/tables/``."""
    lines = (ROOT / "docs" / "tables" / f"{table}.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def of(suite: str, method: str, title: str) -> str:
    """What a suite's page has for a method in a column."""
    header, *others = rows(suite)
    row = next(row for row in others if row[0] == method)
    return row[header.index(title)].split(" ")[0]


def confidence(where: str, probability: str = "this parent") -> list[str]:
    return next(row for row in rows("confidence") if row[:2] == [where, probability])


def text(page: str) -> str:
    return (ROOT / "docs" / "tables" / f"{page}.md").read_text(encoding="utf-8")


def test_numbers_of_the_code():
    assert f"# {len(METHODS)} methods, those" in README
    assert f"less than {ENOUGH:.0%} of the smaller model".replace("%", " %") in WORDS
    assert f"models above {WHOLE / 1e6:.1f} million values" in WORDS
    assert f"at least {'zero one two three four'.split()[KERNELS]} other matrices, or a quarter of the weights" in WORDS
    assert SUBSTANTIAL == 0.25


def test_verdicts_and_exit_codes():
    named = set(re.findall(r"\*([a-z ]+)\*", README.split("The verdict is")[1].split("always that of")[0]))
    assert named == set(get_args(Verdict))
    assert [CODES[word] for word in ("derived", "not derived", "undetermined")] == [0, 1, 4]
    assert "exit code 0 derived, 1 not derived, 4 undetermined" in README


def test_names_in_the_python_example():
    code = README.split("```python\n")[1].split("```")[0]
    [imported] = re.findall(r"from neural_phylogeny import (.*)", code)
    assert set(imported.split(", ")) <= set(neural_phylogeny.__all__)
    used = set(re.findall(r"answer\.(\w+)", code)) | {"to_svg", "to_newick", "to_text", "children_of", "ancestors_of"}
    assert not {name for name in used | {"family_of", "roots", "load"} if not hasattr(Phylogeny, name)}
    assert "claims" in Verification.__dataclass_fields__
    assert "tensors" in Changes.__dataclass_fields__
    assert "verdict" in Derivation.__dataclass_fields__


def test_extras_and_formats():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    assert set(re.findall(r"`\[([\w-]+)\]`", README)) <= extras
    assert extras - {"zoo"} <= set(re.findall(r"\[([\w-]+)\]", README))
    assert f"Python {project['requires-python'].removeprefix('>=')} and make" in README
    suffixes = {suffix for row in FORMATS for suffix in row.suffixes}
    assert set(re.findall(r"`(\.\w+)`", README.split("Reads safetensors")[1].split("Exit codes")[0])) <= suffixes


def test_strangers():
    assert "0 of 6,125 pairs (upper 95 % bound 0.05 %)" in README
    assert "6125 independent pairs, 0 called related; upper 95 % bound 0.05%." in text("unrelated")
    classes = [row for row in rows("unrelated") if row[1] == "3003" and row[0] != "one seed"]
    assert len(classes) == 8
    assert {(row[3], row[4]) for row in classes} == {("0", "0.10%")}
    assert "0 of 3,003 pairs each (upper 95 % bound 0.10 %)" in README


def test_levels_of_derived():
    own, one_seed = (
        next(row for row in rows("derived") if row[0].startswith(f"strangers {word}")) for word in ("with", "of")
    )
    assert (own[1], own[5], one_seed[1], one_seed[5]) == ("900", "0", "400", "0")
    assert "none of 900 pairs of strangers and of 400 pairs of strangers of one seed is called derived" in WORDS


def test_public_checkpoints():
    parent, direction = of("wild", "auto", "exact parent"), of("wild", "auto", "tree direction")
    assert f"exact parent; tree direction | {parent} of 102; {direction} of 105 |" in README
    wild = confidence("wild")
    assert f"| {wild[6]} (of {wild[2]}) |" in README


def test_suites_by_auto_and_by_the_innovation_tree():
    suites = ("generations", "mixed", "paper")
    for method, line in (("auto", "the paper's stars"), ("innovation-tree", "`--method innovation-tree`")):
        figures = "; ".join(of(suite, method, "overall") for suite in suites)
        [row] = [row for row in README.splitlines() if row.startswith("|") and line in row]
        assert f"| {figures} |" in row


def test_calibration_and_missing_parents():
    tiny, larger = confidence("left-out families")[3], confidence("larger networks")[3]
    assert f"`p_parent` on new synthetic families, tiny; larger | {tiny}; {larger} |" in README
    found = {}
    section = ""
    for line in text("confidence").splitlines():
        section = line.removeprefix("### ") if line.startswith("### ") else section
        if line.startswith("| 0.0 |"):
            found[section] = float(line.strip("| ").split(" | ")[-1])
    noticed = f"noticed in {found['paper']:.0%} of the paper's families and in {found['mixed']:.0%} of those with mixed"
    assert noticed.replace("%", " %") in WORDS


def test_the_results_page_has_the_same_calibration():
    words = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert confidence("left-out families")[3] in words
    assert confidence("larger networks")[3] in words


@pytest.mark.wild
@pytest.mark.parametrize(("group", "quoted"), [("mesonet", "at 91 and 94 %"), ("ddpg-continue", "reversed, at 80 %")])
def test_public_families_of_two(wild, group, quoted):
    """Up to a tenth: the figures are of the detector that ships."""
    edges = [edge for edge in reconstruct(wild / group).edges if "actor" not in edge.child]
    assert quoted in WORDS
    assert [edge.confidence for edge in edges] == pytest.approx(
        [int(n) / 100 for n in re.findall(r"\d+", quoted)], abs=0.1
    )
    assert group == "mesonet" or "v0410" in edges[0].child
