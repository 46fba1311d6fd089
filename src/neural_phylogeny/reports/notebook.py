"""A phylogeny as a notebook shows it: the family tree as a drawing, then the numbers, folded."""

from __future__ import annotations

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.families import summary
from neural_phylogeny.reports.html import to_html
from neural_phylogeny.reports.markup import escaped, fold, page
from neural_phylogeny.reports.svg import to_svg


def to_notebook(phylogeny: Phylogeny) -> str:
    """The compact drawing in the colours of the notebook, and ``html.to_html`` below it; no scripts. Near-linear."""
    if not phylogeny.edges and not phylogeny.undirected:
        return to_html(phylogeny)
    drawing = f'<div class="drawing">{to_svg(phylogeny, theme="notebook")}</div>'
    heading = f"<p><b>{escaped(summary(phylogeny))}</b></p>"
    return page([heading, drawing, fold("<b>Numbers</b>", to_html(phylogeny), is_open=False)])
