"""Pieces of HTML for notebooks: they fold, take the colours of the page, and keep names as data."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable

from neural_phylogeny.records import Evidence
from neural_phylogeny.reports.names import safe

STYLE = """\
div.nphylo{line-height:1.45;font-size:13px;overflow-x:auto;max-width:72em}
div.nphylo p,div.nphylo h4{margin:.5em 0 .2em;font-size:inherit}
div.nphylo ul.tree{list-style:none;margin:0 0 0 .42em;padding:0 0 0 .8em;border-left:1px solid rgba(128,128,128,.4)}
div.nphylo ul.tree.top{border:0;margin:0;padding:0}
div.nphylo li{margin:0;padding:0}
div.nphylo .row{display:flex;gap:.8em;align-items:baseline}
div.nphylo .row>.name{flex:1 1 auto;min-width:9em;overflow-wrap:anywhere}
div.nphylo .row>.cell{flex:0 0 5.6em;text-align:right;white-space:nowrap}
div.nphylo .head,div.nphylo .dim{opacity:.65;font-weight:normal}
div.nphylo .drawing{max-height:44em;overflow:auto}
div.nphylo .drawing svg{max-width:none;display:block}
div.nphylo summary{cursor:pointer;list-style:none}
div.nphylo summary::-webkit-details-marker{display:none}
div.nphylo summary::before,div.nphylo .leaf::before{content:'';flex:0 0 .9em;display:inline-block;width:.9em}
div.nphylo details>summary::before{content:'\\25b8'}
div.nphylo details[open]>summary::before{content:'\\25be'}
div.nphylo .row.leaf,div.nphylo summary.row,div.nphylo .row.head{gap:.3em}
div.nphylo .note{padding-left:1.2em;overflow-wrap:anywhere}
div.nphylo table{border-collapse:collapse;margin:.3em 0}
div.nphylo table td,div.nphylo table th{text-align:left;padding:.1em .9em .1em 0;border:0;
vertical-align:top;overflow-wrap:anywhere}
div.nphylo table td.number,div.nphylo table th.number{text-align:right;white-space:nowrap}
div.nphylo table td.key{white-space:nowrap}
/* dots */
div.nphylo .dot{display:inline-block;width:.9em;text-align:center;font-size:.8em}
div.nphylo .high{color:#2e9d5b}div.nphylo .middle{color:#c08a00}div.nphylo .low{color:#d1495b}
"""
"""Text and ground have the colours of the page, so that it is readable on light and dark; only the dots have their own.
Without the style, as on pages that remove it, what remains are nested lists. The selectors are stronger than
those of Jupyter for lists and tables."""


def escaped(text: str) -> str:
    r"""Text as it may stand in a page; see ``names.safe``.

    Examples
    --------
    >>> escaped("<b>\x1b")
    '&lt;b&gt;\\x1b'
    """
    return html.escape(safe(text))


def page(parts: Iterable[str]) -> str:
    """The whole, with its style."""
    return f'<div class="nphylo"><style>\n{STYLE}</style>\n' + "\n".join(parts) + "\n</div>"


def fold(summary: str, body: str, *, is_open: bool) -> str:
    """What can be folded away below its summary; both are HTML."""
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>\n{body}\n</details>"


def listed(items: str, kind: str = "tree") -> str:
    """A list of items, which are HTML."""
    return f'<ul class="{kind}">{items}</ul>'


def leaf(row: str) -> str:
    """A line that folds nothing; the row is HTML."""
    return f'<div class="row leaf">{row}</div>'


def dim(words: str) -> str:
    """Words that step back; nothing where there are none."""
    return f'<span class="dim">{escaped(words)}</span>' if words else ""


def evidence_table(evidence: Iterable[Evidence]) -> str:
    """Measurements in a table, a row each."""
    rows = [
        f'<tr><td class="number">{"–" if math.isnan(each.strength) else f"{each.strength:.2f}"}</td>'
        f'<td class="key">{escaped(each.feature)}</td>'
        f"<td>{escaped(each.statement)}</td></tr>"
        for each in evidence
    ]
    return '<table><tr><th class="number">strength</th><th>feature</th><th></th></tr>' + "".join(rows) + "</table>"
