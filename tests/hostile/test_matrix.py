"""docs/security.md names tests that exist, and limits as they are."""

import fnmatch
import re
from pathlib import Path

from tests.hostile.corpus import CASES

from neural_phylogeny.formats.limits import LIMITS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")


def functions() -> set[str]:
    """Names of test functions in the tests of this folder and of fuzzing."""
    files = [*(ROOT / "tests" / "hostile").glob("test_*.py"), *(ROOT / "tests" / "fuzz").glob("test_*.py")]
    return {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}


def test_every_threat_names_tests_that_exist():
    known = functions()
    rows = [line for line in TEXT.split("## Limits")[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 30
    for row in rows:
        named = re.findall(r"`([^`]+)`", row.rstrip("| ").rsplit("|", 1)[1])
        assert named, row
        for name in named:
            if name.endswith(".py"):
                assert (ROOT / name).is_file() or (ROOT / "tests" / "hostile" / name).is_file(), name
            else:
                assert name in known or fnmatch.filter(CASES, name), name


def test_the_limits_are_those_of_the_code():
    found = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert {name: (int(number.replace(",", "")), what) for name, number, what in found} == {
        name: (row.default, row.counts) for name, row in LIMITS.items()
    }
