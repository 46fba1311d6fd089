"""Every number that decides something is documented, in one table."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
TABLE = runpy.run_path(str(DOCS / "make_thresholds.py"))


def test_the_table_is_that_of_the_source():
    assert (DOCS / "thresholds.md").read_text() == TABLE["page"](), "run: python docs/make_thresholds.py"


def test_every_constant_says_what_it_decides():
    assert [(module, name) for module, name, _, reported in TABLE["rows"]() if not reported] == []
