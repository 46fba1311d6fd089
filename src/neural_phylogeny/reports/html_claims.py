"""Verdicts on descent, checked claims and changes as a notebook shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neural_phylogeny.records import Changes, Derivation, Derivations, Verification
from neural_phylogeny.reports.derivation import numbers, sentence, which_line
from neural_phylogeny.reports.difference import cells
from neural_phylogeny.reports.difference import summary as changes_summary
from neural_phylogeny.reports.markup import dim, escaped, evidence_table, fold, leaf, listed, page
from neural_phylogeny.reports.verification import origin, summary

COLOURS = {
    **{"derived": "high", "not derived": "low", "undetermined": "middle"},
    **{"confirmed": "high", "contradicted": "low", "unproven": "middle"},
}
"""The colour of the dot before each verdict."""


def derivations_to_html(found: Derivations) -> str:
    """Each verdict with its numbers, reasons and evidence, folded. Linear in the evidence."""
    parts = [part for one in found.derivations for part in _derivation(one)]
    if len(found.derivations) > 1:
        parts.append(f"<p><b>{escaped(which_line(found))}</b></p>")
    return page([*parts, *(f'<p class="dim">{escaped(note)}</p>' for note in found.notes)])


def _derivation(one: Derivation) -> Iterable[str]:
    yield f"<p>{_dot(one.verdict)}<b>{escaped(sentence(one))}</b></p>"
    if known := numbers(one):
        yield f"<p>{escaped(known)}</p>"
    yield listed("".join(f"<li>{leaf(escaped(reason))}</li>" for reason in one.reasons))
    if one.evidence:
        yield fold(f"<b>Evidence</b> {dim(f'{len(one.evidence):,}')}", evidence_table(one.evidence), is_open=False)


def verification_to_html(found: Verification) -> str:
    """The claims in a table with their verdicts. Linear in their number."""
    rows = [
        (
            escaped(one.declared.model),
            f"{escaped(one.declared.parent)}<br>{dim(origin(one))}",
            f"{_dot(one.verdict)}{escaped(one.verdict)}",
            escaped(one.reason),
        )
        for one in found.claims
    ]
    table = [_table(("model", "declared parent", "verdict", "why"), rows)] if rows else []
    problems = (f'<p class="dim">not read: {escaped(problem)}</p>' for problem in found.problems)
    return page([f"<p><b>{escaped(summary(found.claims))}</b></p>", *table, *problems])


def changes_to_html(found: Changes) -> str:
    """The change in a few lines, and each tensor in a table. Linear in the number of tensors."""
    first, *others = changes_summary(found)
    rows = [tuple(map(escaped, cells(tensor))) for tensor in found.tensors]
    head = ("tensor", "shape", "change", "effective rank", "equal", "")
    lines = [f"<p><b>{escaped(first)}</b></p>", *(f"<p>{escaped(line)}</p>" for line in others)]
    return page([*lines, _table(head, rows)])


def _dot(verdict: str) -> str:
    return f'<span class="dot {COLOURS[verdict]}">&#9679;</span> '


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are HTML."""
    titles = "".join(f"<th>{escaped(title)}</th>" for title in head)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>\n{body}</table>"
