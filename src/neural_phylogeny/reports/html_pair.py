"""A comparison and an explanation as a notebook shows them."""

from __future__ import annotations

from collections.abc import Iterable

from neural_phylogeny.records import Comparison, Explanation, Reasons
from neural_phylogeny.reports.comparison import verdict
from neural_phylogeny.reports.labels import size_of
from neural_phylogeny.reports.markup import dim, escaped, evidence_table, fold, leaf, listed, page
from neural_phylogeny.reports.reasons import NEUTRAL, grouped, sentence
from neural_phylogeny.wording import percent, small_share


def comparison_to_html(comparison: Comparison) -> str:
    """The verdict, the evidence for and against it, and the tensors, folded. Linear in the number of tensors."""
    parts = [f"<p><b>{escaped(verdict(comparison))}</b></p>"]
    if comparison.similarity is not None:
        named = f" ({comparison.part})" if comparison.part else ""
        shared = f"similarity {comparison.similarity:.3f} on {percent(comparison.coverage)} of the weights{named}"
        if comparison.share_read < 1.0:
            shared += f"; {small_share(comparison.share_read)} of the weights compared were read"
        parts.append(f"<p>{escaped(shared)}</p>")
    if comparison.matching:
        parts.append(f"<p>{escaped(comparison.matching)}</p>")
    for model in (comparison.a, comparison.b):
        about = "; ".join(filter(None, (size_of(model), model.remark)))
        parts.append(f"<div><b>{escaped(model.name)}</b> {dim(about)}</div>")
    parts += [*_reasons(comparison.reasons), *_changes(comparison.what_would_change)]
    if comparison.tensors:
        parts.append(fold(f"<b>Tensors</b> {dim(f'{len(comparison.tensors):,}')}", _tensors(comparison), is_open=False))
    parts += [
        f'<p class="dim">skipped: {escaped(item.path)}: {escaped(item.reason)}</p>' for item in comparison.skipped
    ]
    return page(parts)


def explanation_to_html(explanation: Explanation) -> str:
    """The claims on one model with their evidence, then warnings and children. Linear in the explanation."""
    parts: list[str] = []
    for claim in explanation.claims:
        between, after = sentence(claim)
        words = f"{explanation.representative}{between}{claim.other}{after}"
        parts.append(f"<p><b>{escaped(words)}</b></p>")
        parts += [*_reasons(claim.reasons), *_changes(claim.what_would_change)]
    parts += [f"<p>{escaped(warning)}</p>" for warning in explanation.warnings]
    if explanation.children:
        parts.append(f'<p class="dim">Made from it: {escaped(", ".join(explanation.children))}</p>')
    return page(parts)


def _reasons(reasons: Reasons) -> Iterable[str]:
    for title, evidence in grouped(reasons):
        yield fold(f"<b>{title}</b> {dim(f'{len(evidence):,}')}", evidence_table(evidence), is_open=title != NEUTRAL)


def _changes(sentences: tuple[str, ...]) -> Iterable[str]:
    if sentences:
        lines = "".join(f"<li>{leaf(escaped(words))}</li>" for words in sentences)
        yield fold("<b>What would change it</b>", listed(lines), is_open=True)


def _tensors(comparison: Comparison) -> str:
    head = "".join(f"<th>{title}</th>" for title in ("tensor", "name in the other", "role"))
    head += "".join(f'<th class="number">{title}</th>' for title in ("cosine", "compared"))
    rows = []
    for tensor in comparison.tensors:
        other = "" if tensor.name_in_b == tensor.name else tensor.name_in_b
        words = "".join(f"<td>{escaped(word)}</td>" for word in (tensor.name, other, tensor.role))
        numbers = ("–" if tensor.cosine is None else f"{tensor.cosine:.4f}", percent(tensor.coverage))
        words += "".join(f'<td class="number">{escaped(number)}</td>' for number in numbers)
        rows.append(f"<tr>{words}</tr>")
    return f"<table><tr>{head}</tr>\n" + "\n".join(rows) + "</table>"
