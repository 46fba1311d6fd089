"""Drawings on terminals of 80 columns: they fit, large ones are folded, and one family can be had alone."""

import pytest
from rich.console import Console
from tests.reports.synthetic import synthetic

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.text import render, to_text


def drawn(result: Phylogeny, width: int = 80, **options) -> list[str]:
    console = Console(width=width, force_terminal=True, color_system=None, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(render(result, is_terminal=True, **options), crop=False)
    return captured.get().splitlines()


@pytest.mark.parametrize(("n", "families"), [(14, 2), (50, 4), (500, 24), (500, 1)])
def test_a_line_is_a_model_and_fits(n, families):
    lines = drawn(synthetic(n, families))
    assert max(map(len, lines)) <= 80
    tree = [line for line in lines if line.lstrip("│ ").startswith(("├──", "└──"))]
    names = [line.split("──")[1].split("  ")[0].strip() for line in tree]
    assert len(set(names)) >= len(names) - 1
    assert "finetune" in " ".join(tree)


def test_large_results_are_folded_and_say_so():
    lines = drawn(synthetic(500, 3))
    assert len(lines) < 250
    assert any("below" in line for line in lines)
    assert "--depth N" in " ".join(lines[-2:])
    assert "below" not in to_text(synthetic(500, 3)).split("\n\n")[1]


def test_depth_and_family(answer):
    result = answer(["abcd", "xy"], "ab ac bd xy")
    folded = next(line for line in drawn(result, depth=1) if line.endswith(" below"))
    assert folded.split()[-2:] == ["+1", "below"]
    for chosen in ("2", "y"):
        text = "\n".join(drawn(result, family=chosen))
        assert "Family 2" in text
        assert "Family 1" not in text
    with pytest.raises(UnknownChoiceError, match="unknown family '9'"):
        drawn(result, family="9")


def test_copies_and_further_parents_are_named_as_in_the_tree():
    result = synthetic(500, 3)
    lines = drawn(result, family="1")
    assert any(line.lstrip("│ ").startswith("= ") for line in lines)
    assert not any("uploads/" in line for line in lines[5:] if "begin with" not in line and "──" in line)
