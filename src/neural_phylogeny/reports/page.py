"""A result as one page that works offline: summary, drawing, similarities, tables; nothing in it comes from outside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import os
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from string import Template

from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.records import Edge, Phylogeny, RelatedPair
from neural_phylogeny.reports.families import summary
from neural_phylogeny.reports.folding import first_fold
from neural_phylogeny.reports.labels import also, cosine, magnitude
from neural_phylogeny.reports.layout import lay_out
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.page_data import page_json
from neural_phylogeny.reports.palette import KIND_HUES, variables
from neural_phylogeny.reports.places import Layout
from neural_phylogeny.reports.record import Record, record
from neural_phylogeny.reports.svg import drawing_style, drawn, escaped
from neural_phylogeny.reports.text import sections
from neural_phylogeny.wording import p_value, percent

FOLDER = files("neural_phylogeny.reports") / "page_files"

INPUTS_ON_PAGE_ONE = 14
"""Up to this many inputs the hashes stand in the summary; of more, at the end of the page, and their digest in it."""

SCRIPTS = (
    *("data", "places", "drawing", "view", "details", "keyboard"),
    *("toolbar", "theme", "heatmap", "tables", "printing", "start"),
)
"""The parts of the page's script in their order: each uses those before it, and what it calls later those after."""

FULL = 0.995
"""From this share on all weights count as compared."""

ROWS = 200
"""Rows of a table that are shown at first."""

ANNEX = (
    '<section id="inputs" aria-labelledby="inputs-title"><details class="annex"><summary><h2 id="inputs-title">Inputs '
    "and their hashes · {count}</h2></summary>{inputs}</details></section>"
)

POLICY = "default-src 'none'; script-src {script}; style-src {style}; base-uri 'none'; form-action 'none'"


def save_page(phylogeny: Phylogeny, path: str | os.PathLike[str]) -> None:
    """Write the page; it is complete or absent."""
    with replacing(path) as file:
        file.write(to_page(phylogeny).encode("utf-8"))


def to_page(phylogeny: Phylogeny) -> str:
    """The whole page. Near-linear in the size of the result; 2,000 models take a few seconds.

    Scripts and styles are named by their hash in the page's own policy, so that a browser runs nothing else.

    Examples
    --------
    >>> to_page(answer).startswith("<!doctype html>")
    True
    """
    layout = lay_out(phylogeny)
    found = record(phylogeny)
    has_few = len(phylogeny.models) <= INPUTS_ON_PAGE_ONE or not any(model.sha256 for model in phylogeny.models)
    style, script = _style(), _script()
    policy = POLICY.format(script=_source(script), style=_source(style))
    names = {name: k for k, name in enumerate(layout.nodes)}
    folded = first_fold(phylogeny)
    hidden = frozenset(layout.nodes) - frozenset(lay_out(phylogeny, folded).nodes) if folded else frozenset()
    return _template("page.html").substitute(
        policy=policy,
        title=escaped(summary(phylogeny)),
        style=style,
        script=script,
        licences=_licences(),
        question=escaped(found.question),
        lead=escaped(found.answer[0]),
        answer=_paragraphs(found.answer[1:]),
        how_sure=_paragraphs(found.how_sure),
        method=_paragraphs(found.method),
        limits=_listed(found.limits),
        version=escaped(found.version),
        inputs=_inputs(phylogeny, found) if has_few else _digest(found, has_table=True),
        annex="" if has_few else ANNEX.format(count=f"{len(phylogeny.models):,}", inputs=_inputs(phylogeny, found)),
        chips=_chips(phylogeny),
        legend=_legend(phylogeny, is_folded=bool(folded)),
        folder=_folder(layout),
        drawing=drawn(layout, is_page=True, hidden=hidden),
        width=f"{layout.width:.0f}",
        height=f"{layout.height:.0f}",
        claims=_claims(phylogeny, layout),
        models=_models(phylogeny, names, layout.folder),
        empty=" ".join(_empty_columns(phylogeny)),
        aside=_aside(phylogeny),
        data=page_json(phylogeny, layout),
        folded=json.dumps([names[name] for name in folded]),
    )


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _template(name: str) -> Template:
    return Template(_text(name))


@cache
def _style() -> str:
    light, dark = variables("light"), variables("dark")
    themes = (
        f":root{{color-scheme:light;{light}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f"@media print{{:root,:root[data-theme]{{color-scheme:light;{light}}}}}\n"
    )
    return f"{themes}{drawing_style()}{_text('page.css')}"


@cache
def _script() -> str:
    libraries = json.loads(_text("vendor/vendor.json"))
    parts = [_text(f"vendor/{library['name']}.js") for library in libraries]
    own = [_text(f"script/{name}.js") for name in SCRIPTS]
    return "\n".join([*parts, '"use strict";\n(() => {', *own, "})();"])


@cache
def _licences() -> str:
    """Which libraries the page contains, under which licences; each text stands once."""
    texts: dict[str, list[str]] = {}
    for library in json.loads(_text("vendor/vendor.json")):
        licence = _text(f"vendor/{library['name']}.LICENSE").strip().replace("--", "- -")
        texts.setdefault(licence, []).append(f"{library['name']} {library['version']} ({library['license']})")
    return "\n\n".join(f"This page contains {', '.join(named)}:\n{licence}" for licence, named in texts.items())


def _source(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
    return f"'sha256-{digest}'"


def _sentence(words: str) -> str:
    return escaped(words).replace(" %", "&nbsp;%")


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{_sentence(sentence)}</p>" for sentence in sentences)


def _listed(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_sentence(sentence)}</li>' for sentence in sentences)}</ul>"


def _chips(phylogeny: Phylogeny) -> str:
    return "".join(f"<li>{escaped(part)}</li>" for part in summary(phylogeny).split(", "))


def _folder(layout: Layout) -> str:
    return f'<span class="folder">names begin with <b>{escaped(layout.folder)}</b></span>' if layout.folder else ""


def _legend(phylogeny: Phylogeny, *, is_folded: bool) -> str:
    """The marks of the drawing that occur in it."""
    kinds = dict.fromkeys(edge.kind for edge in phylogeny.edges)
    entries = [f'<li class="kind edge k{KIND_HUES.get(kind, 0)}"><i></i>{escaped(kind)}</li>' for kind in kinds]
    if phylogeny.edges:
        entries.append('<li class="families"><i></i>one colour per family</li>')
    if phylogeny.edges:
        entries.append('<li><i class="thin"></i><i class="thick"></i>less, more certain</li>')
    if phylogeny.undirected:
        entries.append('<li><i class="dashed"></i>related, direction open</li>')
    if phylogeny.undecided:
        entries.append('<li><i class="dotted"></i>same initialisation</li>')
    if phylogeny.missing:
        entries.append('<li><i class="hollow"></i>missing ancestor</li>')
    if phylogeny.copies:
        entries.append('<li><b class="stack">×2</b>copies</li>')
    if is_folded:
        entries.append('<li><b class="folded">9</b>models folded below</li>')
    return "".join(entries)


def _inputs(phylogeny: Phylogeny, found: Record) -> str:
    """The hash of every input, for the record."""
    if not any(model.sha256 for model in phylogeny.models):
        return "<p>The hashes of the inputs were not recorded; <b>nphylo tree --hashes</b> does.</p>"
    rows = "".join(
        f"<tr><td>{escaped(model.name)}</td><td class=hash>{escaped(model.sha256 or '–')}</td></tr>"
        for model in phylogeny.models
    )
    return (
        f"{_digest(found)}<table class=inputs><thead><tr><th>input</th><th>SHA-256</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _digest(found: Record, *, has_table: bool = False) -> str:
    """One hash for all inputs; of many it stands in the summary, and names where the others are."""
    if not found.digest:
        return "<p>The hashes of the inputs are listed at the end.</p>" if has_table else ""
    where = "listed at the end, a line each" if has_table else "a line each"
    return f"<p>SHA-256 of the list of the inputs' hashes, {where}: <span class=hash>{found.digest}</span></p>"


def _aside(phylogeny: Phylogeny) -> str:
    """What is in no family, with the reason."""
    parts = []
    for title, rows in sections(phylogeny):
        items = "".join(f"<li><b>{escaped(name)}</b> <span>{escaped(words)}</span></li>" for name, words in rows)
        is_open = " open" if len(rows) <= 12 else ""
        parts.append(f"<details{is_open}><summary>{escaped(title)} · {len(rows):,}</summary><ul>{items}</ul></details>")
    return "".join(parts)


def _claims(phylogeny: Phylogeny, layout: Layout) -> str:
    """Rows of the table of edges and pairs; each knows its line in the drawing."""
    at = {
        id(link.claim): k for k, link in enumerate(link for panel in layout.panels for link in panel.links)
    }  # the records of a result outlive the page
    rows = []
    claims: tuple[Edge | RelatedPair, ...] = (*phylogeny.edges, *phylogeny.undirected)
    for row, claim in enumerate(claims):
        names = (claim.child, claim.parent) if isinstance(claim, Edge) else (claim.a, claim.b)
        kind = claim.kind if isinstance(claim, Edge) else "related"
        shown = [_short(name, layout.folder) for name in names]
        cells = [f"<td><button>{shown[0]}</button></td><td>{shown[1]}</td>", _kind(kind, also(claim))]
        cells += [_number(value, shown) for value, shown in _numbers(claim)]
        rows.append(f"<tr data-e={at.get(id(claim), -1)}{_later(row)}>{''.join(cells)}</tr>")
    return "".join(rows)


def _later(row: int) -> str:
    return " hidden" if row >= ROWS else ""


def _short(name: str, folder: str) -> str:
    """A name without the folder that all names begin with."""
    shown = safe(name)
    return html.escape(shown.removeprefix(folder) or shown)


def _kind(kind: str, further: tuple[str, ...]) -> str:
    more = "".join(f" + {escaped(each)}" for each in further)
    return f"<td class='kind edge k{KIND_HUES.get(kind, 0)}'><i></i>{escaped(kind)}{more}</td>"


def _numbers(claim: Edge | RelatedPair) -> Iterator[tuple[float | None, str]]:
    """The numbers of a claim in the order of the columns, each as it is and as it is shown."""
    edge = claim if isinstance(claim, Edge) else None
    for share in (edge.p_parent, edge.p_direction) if edge else (None, None):
        yield share, percent(share)
    yield claim.similarity, "" if claim.similarity is None else cosine(claim.similarity)
    yield claim.p_value, "" if claim.p_value is None else p_value(claim.p_value).removeprefix("p ").removeprefix("= ")
    yield claim.coverage, percent(claim.coverage)
    support = edge.support if edge else None
    yield support, percent(support)


def _number(value: float | None, shown: str) -> str:
    if value is None or not math.isfinite(value):
        return "<td class=n></td>"
    return f"<td class=n data-v={value:.6g}>{escaped(shown)}</td>"


def _empty_columns(phylogeny: Phylogeny) -> Iterator[str]:
    """Columns of the tables that say nothing of this result."""
    claims: tuple[Edge | RelatedPair, ...] = (*phylogeny.edges, *phylogeny.undirected)
    if all(edge.support is None for edge in phylogeny.edges):
        yield "no-support"
    if all(claim.coverage is None or claim.coverage >= FULL for claim in claims):
        yield "no-coverage"
    if not any(model.remark for model in phylogeny.models) and not phylogeny.copies:
        yield "no-remark"
    if all(model.p_root is None for model in phylogeny.models):
        yield "no-root"


def _models(phylogeny: Phylogeny, names: dict[str, int], folder: str) -> str:
    """Rows of the table of models."""
    first = {name: group[0] for group in phylogeny.copies for name in group[1:]}
    rows = []
    for row, model in enumerate(phylogeny.models):
        number = names.get(first.get(model.name, model.name), -1)
        note = f"same weights as {first[model.name]}" if model.name in first else ""
        family = "" if model.family is None else str(model.family + 1)
        remark = "; ".join(filter(None, (note, model.remark)))
        rows.append(
            f"<tr data-n={number}{_later(row)}><td><button>{_short(model.name, folder)}</button></td>"
            f"<td class=n data-v={family or -1}>{family}</td>"
            f"<td>{escaped(model.format)}</td><td class=n data-v={model.parameters}>{magnitude(model.parameters)}</td>"
            f"{_number(model.p_root, percent(model.p_root))}"
            f"<td>{escaped(remark)}</td></tr>"
        )
    return "".join(rows)
