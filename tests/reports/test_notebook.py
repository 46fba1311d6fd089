"""What a notebook shows of a result: a drawing without scripts, in its own colours, light and dark."""

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.html import to_html
from neural_phylogeny.reports.svg import to_svg


def test_a_notebook_shows_the_drawing_and_folds_the_numbers(everything):
    shown = everything._repr_html_()
    assert to_svg(everything, theme="notebook") in shown
    assert to_html(everything) in shown
    assert "<details><summary><b>Numbers</b>" in shown
    assert "<script" not in shown
    assert ".vscode-dark .nphylo-drawing" in shown


def test_without_claims_there_is_nothing_to_draw():
    assert "<svg" not in Phylogeny()._repr_html_()
