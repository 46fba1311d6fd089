"""The drawing of a forest as SVG: the same for the page, for notebooks and for files."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Literal

from neural_phylogeny.records import Edge, Phylogeny
from neural_phylogeny.reports.families import summary
from neural_phylogeny.reports.folding import first_fold
from neural_phylogeny.reports.layout import lay_out
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.palette import HUES, KIND_HUES, SURFACES, literal, variables
from neural_phylogeny.reports.places import NODE, PAD, Layout, Link, Node, Panel, curve

Colour = Literal["family", "kind"]
Theme = Literal["light", "dark", "auto", "notebook"]

FONT = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans',sans-serif"

MARGIN = 20.0
"""Around a drawing in a file."""

DARK_NOTEBOOKS = ("[data-jp-theme-light=false]", ".vscode-dark", "html[theme=dark]")
"""How Jupyter, Visual Studio Code and Colab say that their page is dark."""

STYLE = """\
.nphylo-drawing{font-family:%(font)s}
.nphylo-drawing .card{fill:var(--panel);stroke:var(--line)}
.nphylo-drawing .title{fill:var(--dim);font-size:13px;font-weight:600}
.nphylo-drawing .node,.nphylo-drawing .edge{color:var(--none)}
%(hues)s
.nphylo-drawing .box{fill:currentColor;fill-opacity:.1;stroke:currentColor;stroke-opacity:.65;stroke-width:1.2}
.nphylo-drawing .ground{fill:var(--panel)}
.nphylo-drawing .copy{fill:var(--panel);stroke:currentColor;stroke-opacity:.5}
.nphylo-drawing .dot{fill:currentColor}
.nphylo-drawing .missing .box{fill:none;stroke-dasharray:4 3;stroke-opacity:1}
.nphylo-drawing .missing .dot{fill:none;stroke:currentColor;stroke-width:1.6}
.nphylo-drawing .missing .label{font-style:italic;font-weight:400}
.nphylo-drawing .label{fill:var(--ink);font-size:12.5px;font-weight:600}
.nphylo-drawing .note{fill:var(--dim);font-size:11px;text-anchor:end}
.nphylo-drawing .weak .note{fill:var(--poor)}
.nphylo-drawing .badge{fill:currentColor;font-size:11px;font-weight:600}
.nphylo-drawing .line{fill:none;stroke:currentColor;stroke-linecap:round}
.nphylo-drawing .tip{fill:currentColor}
.nphylo-drawing .pair .line{stroke-dasharray:7 6;stroke-linecap:butt}
.nphylo-drawing .start .line{stroke-dasharray:.1 6;stroke-width:2.6}
.nphylo-drawing .toggle circle{fill:var(--card);stroke:currentColor}
.nphylo-drawing .toggle text{fill:var(--ink);font-size:10px;font-weight:600;text-anchor:middle}
"""


def drawing_style() -> str:
    """The rules of a drawing with the names of colours; by family or by kind as the class ``by-…`` says."""
    rules = []
    for k in range(len(HUES["light"])):
        rules.append(f".nphylo-drawing.by-family .f{k}{{color:var(--c{k})}}")
        rules.append(f".nphylo-drawing.by-kind .k{k}{{color:var(--c{k})}}")
    return STYLE % {"font": FONT, "hues": "\n".join(rules)}


def themed_style(theme: Theme) -> str:
    """The rules of a drawing for a file: of one theme, or of both by what the reader or the notebook prefers."""
    if theme == "notebook":
        dark = ",".join(f"{place} .nphylo-drawing" for place in DARK_NOTEBOOKS)
        return f".nphylo-drawing{{{variables('light')}}}\n{dark}{{{variables('dark')}}}\n{drawing_style()}"
    if theme != "auto":
        return literal(drawing_style(), theme)
    return (
        f".nphylo-drawing{{{variables('light')}}}\n"
        f"@media (prefers-color-scheme:dark){{.nphylo-drawing{{{variables('dark')}}}}}\n{drawing_style()}"
    )


def to_svg(phylogeny: Phylogeny, *, colour: Colour = "family", theme: Theme = "light") -> str:
    """The forest as one SVG file: generations from left to right, a panel a family. Near-linear in the result.

    Families are folded above 300 models. Names are escaped; there are no scripts.

    Examples
    --------
    >>> to_svg(answer).startswith("<svg")
    True
    """
    layout = lay_out(phylogeny, first_fold(phylogeny))
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    box = f'x="{-MARGIN:g}" y="{-MARGIN:g}" width="{width:.0f}" height="{height:.0f}"'
    ground = "" if theme in ("auto", "notebook") else f'<rect {box} fill="{SURFACES[theme]["page"]}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nphylo-drawing by-{colour}" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="{-MARGIN:g} {-MARGIN:g} {width:.0f} {height:.0f}" role="img">'
        f"<title>{escaped(summary(phylogeny))}</title><style>{themed_style(theme)}</style>"
        f"{ground}{drawn(layout)}</svg>\n"
    )


def escaped(text: str) -> str:
    """Text as it may stand in XML; what cannot be printed is escaped as in every other output."""
    return html.escape(safe(text))


def drawn(layout: Layout, *, is_page: bool = False, hidden: frozenset[str] = frozenset()) -> str:
    """All panels of a drawing; for the page with identifiers and marks to click on, and what is ``hidden`` at first."""
    numbers = {name: k for k, name in enumerate(layout.nodes)}
    parts, first = [], 0
    for k, panel in enumerate(layout.panels):
        nodes = [layout.nodes[name] for name in panel.names]
        edges = "".join(
            _edge(layout, link, first + at, is_page, link.start in hidden or link.end in hidden)
            for at, link in enumerate(panel.links)
        )
        first += len(panel.links)
        boxes = "".join(_node(node, numbers[node.name], is_page, node.name in hidden) for node in nodes)
        parts.append(
            f'<g class="panel" id="panel{k}" transform="translate({panel.x:.1f},{panel.y:.1f})">{_card(panel)}'
            f'<g class="edges" aria-hidden="true">{edges}</g><g class="nodes">{boxes}</g></g>'
        )
    return "\n".join(parts)


_HIDDEN = ' display="none"'


def _card(panel: Panel) -> str:
    return (
        f'<rect class="card" width="{panel.width:.1f}" height="{panel.height:.1f}" rx="12"/>'
        f'<text class="title" x="{PAD:g}" y="26">{escaped(panel.title)}</text>'
    )


def classes(node: Node) -> Iterator[str]:
    """The colours of a model by family and by kind, and what is special about it."""
    if node.colour >= 0:
        yield f"f{node.colour % len(HUES['light'])}"
    if node.kind:
        yield f"k{KIND_HUES.get(node.kind, 0)}"
    if node.is_missing:
        yield "missing"
    if node.is_weak:
        yield "weak"


def _node(node: Node, number: int, is_page: bool, is_hidden: bool) -> str:
    name = " ".join(("node", *classes(node)))
    size = f'width="{node.width:.1f}" height="{NODE:g}" rx="8"'
    parts = [
        f'<rect class="copy" x="{3.5 * k:g}" y="{-NODE / 2 + 3.5 * k:g}" {size}/>'
        for k in range(min(2, len(node.copies)), 0, -1)
    ]
    if not node.is_missing:
        parts.append(f'<rect class="ground" y="{-NODE / 2:g}" {size}/>')
    parts.append(f'<rect class="box" y="{-NODE / 2:g}" {size}/>')
    parts.append('<circle class="dot" cx="12" r="4"/>')
    parts.append(f'<text class="label" x="23" y="4.3">{escaped(node.label)}</text>')
    end = node.width - (17 if node.n_below else 10)
    if node.note:
        parts.append(f'<text class="note" x="{end:.1f}" y="4">{escaped(node.note)}</text>')
    if node.copies:
        at = 23 + node.label_width + 8
        parts.append(f'<text class="badge" x="{at:.1f}" y="4">×{len(node.copies) + 1}</text>')
    if node.n_below and (is_page or node.is_folded):
        words = "−" if not node.is_folded else f"{node.n_below:,}"
        radius = max(8.0, 3.2 * len(words) + 3)
        parts.append(
            f'<g class="toggle" transform="translate({node.width:.1f},0)"><circle r="{radius:g}"/>'
            f'<text y="3.4">{words}</text></g>'
        )
    marks = (
        f' id="n{number}" tabindex="{-1 if number else 0}" role="button" aria-label="{escaped(node.words)}"'
        if is_page
        else ""
    )
    return (
        f'<g class="{name}"{marks}{_HIDDEN if is_hidden else ""} transform="translate({node.x:.1f},{node.y:.1f})">'
        f"<title>{escaped(node.words)}</title>"
        f"{''.join(parts)}</g>"
    )


def _edge(layout: Layout, link: Link, number: int, is_page: bool, is_hidden: bool) -> str:
    start, end = layout.nodes[link.start], layout.nodes[link.end]
    names = ["edge", *(name for name in classes(end) if name not in ("missing",))]
    if link.claim is None:
        names.append("start")
    elif not isinstance(link.claim, Edge):
        names.append("pair")
    width, opacity = stroke(link)
    line, tip = path(start, end, is_directed=isinstance(link.claim, Edge))
    hit = f'<path class="hit" d="{line}"/>' if is_page and link.claim is not None else ""
    mark = f' id="e{number}"{_HIDDEN if is_hidden else ""}' if is_page else ""
    arrow = f'<path class="tip" d="{tip}"/>' if tip else ""
    return (
        f'<g class="{" ".join(names)}"{mark}>{hit}<path class="line" d="{line}" stroke-width="{width:.2f}" '
        f'opacity="{opacity:.2f}"/>{arrow}</g>'
    )


def stroke(link: Link) -> tuple[float, float]:
    """Width and opacity of a line by the confidence of its claim."""
    sure = link.claim.confidence if isinstance(link.claim, Edge) else None
    if sure is None:
        return 1.6, 0.85
    return 1.0 + 3.0 * sure**2, 0.35 + 0.5 * sure


def path(start: Node, end: Node, *, is_directed: bool) -> tuple[str, str]:
    """A line from one model to another and the arrow at its end; the page's script draws them in the same way."""
    points, tip = curve(start, end, is_directed=is_directed)
    first, *others = [f"{x:.1f},{y:.1f}" for x, y in points]
    arrow = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in tip) + "z" if tip else ""
    if len(others) == 1:
        return f"M{first}L{others[0]}", arrow
    return f"M{first}C{' '.join(others[:3])}{''.join(f'L{point}' for point in others[3:])}", arrow
