"""Each answer to a reviewer has a command, and every figure in it stands in a table that it links to."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "reviewers.md"
NUMBER = re.compile(r"(?<![\w.,-])\d+\.\d+(?![\w.])")


def sections() -> dict[str, str]:
    """The answer under each heading."""
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    return {title: text for title, text in (part.split("\n", 1) for part in parts)}


SECTIONS = sections()


def linked(text: str) -> list[Path]:
    """The pages of tables that an answer links to."""
    return [DOCS / name for name in re.findall(r"\]\((tables/\w+\.md)", text)]


def prose(text: str) -> str:
    """An answer without code and the targets of links."""
    return re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)


def unproved(text: str, pages: str) -> list[str]:
    """The numbers with a point that no number of the pages rounds to."""
    known = [float(number) for number in re.findall(r"\d+\.\d+", pages)]
    return [
        quoted
        for quoted in NUMBER.findall(prose(text))
        if not any(abs(value - float(quoted)) <= 0.5001 * 10.0 ** -len(quoted.split(".")[1]) for value in known)
    ]


@pytest.mark.parametrize("title", SECTIONS)
def test_each_answer_has_evidence_a_command_and_a_limit(title):
    text = SECTIONS[title]
    assert re.search(r"^- (?:Tables?|Source): \[|^- Tables?: ", text, re.MULTILINE), "no table"
    assert re.search(r"^- Remake: .*`(?:nphylo|make) ", text, re.MULTILINE), "no command"
    assert re.search(r"^- Not shown: ", text, re.MULTILINE), "nothing is said of what it does not show"


@pytest.mark.parametrize("title", SECTIONS)
def test_every_figure_stands_in_a_linked_table(title):
    text = SECTIONS[title]
    pages = "\n".join(path.read_text(encoding="utf-8") for path in linked(text))
    assert not unproved(text, pages)


def test_a_figure_of_nowhere_is_noticed():
    assert unproved("It has 0.91 and 0.5 of them.", "| a | 0.906 | 0.47 |") == []
    assert unproved("It has 0.93 of them, `0.7` aside.", "| a | 0.906 |") == ["0.93"]
