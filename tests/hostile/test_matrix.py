"""SECURITY.md and docs/security.md name tests that exist, and readers and limits as they are."""

import fnmatch
import re
from pathlib import Path

from tests.hostile.corpus import CASES

from neural_phylogeny.formats import FORMATS
from neural_phylogeny.formats.limits import LIMITS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")


def functions() -> set[str]:
    """Names of test functions in the tests of this folder and of fuzzing."""
    files = [*(ROOT / "tests" / "hostile").glob("test_*.py"), *(ROOT / "tests" / "fuzz").glob("test_*.py")]
    return {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}


def exists(name: str) -> bool:
    """Whether a file of tests, a test or an input of the corpus has this name."""
    if name.endswith(".py"):
        return (ROOT / name).is_file() or (ROOT / "tests" / "hostile" / name).is_file()
    return name in functions() or bool(fnmatch.filter(CASES, name))


def test_every_threat_names_tests_that_exist():
    rows = [line for line in TEXT.split("## Limits")[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 30
    for row in rows:
        named = re.findall(r"`([^`]+)`", row.rstrip("| ").rsplit("|", 1)[1])
        assert named, row
        for name in named:
            assert exists(name), name


def test_every_promise_names_tests_that_exist():
    promised = (ROOT / "SECURITY.md").read_text("utf-8").split("## What is promised")[1].split("\n\n[docs")[0]
    promises = promised.strip().removeprefix("- ").split("\n- ")
    assert len(promises) >= 6
    for promise in promises:
        named = [name for name in re.findall(r"`([^`\n]+)`", promise.split("(", 1)[-1]) if not name.startswith("make ")]
        assert named, promise
        for name in named:
            assert exists(name), name


def test_every_reader_can_be_left_out():
    text = (ROOT / "SECURITY.md").read_text("utf-8").split("Readers: ")[1].split(". Those")[0]
    assert set(re.split(r",\s+", text)) == {row.name for row in FORMATS}


def test_the_limits_are_those_of_the_code():
    found = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert {name: (int(number.replace(",", "")), what) for name, number, what in found} == {
        name: (row.default, row.counts) for name, row in LIMITS.items()
    }
