"""The words and numbers beside a name in a drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.text import Text

from neural_phylogeny.records import Edge, Evidence, ModelRecord, RelatedPair
from neural_phylogeny.reports.names import safe
from neural_phylogeny.wording import p_value, percent

NAME, MISSING, DIM = "bold", "italic", "dim"


@dataclass(frozen=True)
class Columns:
    """What stands beside the name of a child, a column each; empty ones are left out of the drawing."""

    kind: str
    similarity: str
    claim: str
    coverage: str
    style: str

    def texts(self) -> tuple[tuple[str, str], ...]:
        """(text, style) of the columns."""
        return (self.kind, "cyan"), (self.similarity, ""), (self.claim, self.style), (self.coverage, "yellow")


def also(claim: Edge | RelatedPair) -> tuple[str, ...]:
    """What holds of a claim beside its kind, as of a model that was pruned and trained on; none in older results."""
    return tuple(getattr(claim, "also", ()))


def kinds_of(edge: Edge) -> str:
    """The kind of an edge, and what holds besides: ``pruned + finetune``."""
    return safe(" + ".join((edge.kind, *also(edge))))


UNDIRECTED = ("converted", "permuted", "rescaled", "rotated")
"""Kinds that cost the same both ways, and are named where no direction is known; the others would say who was made."""


def undirected_kind(pair: RelatedPair) -> str:
    """What an undirected pair is called: its kind where that has no direction, else that the two are related."""
    return pair.kind if pair.kind in UNDIRECTED else "related"


def columns(claim: Edge | RelatedPair) -> Columns:
    """The columns of an edge or of an undirected pair."""
    similarity = "" if claim.similarity is None else f"similarity {cosine(claim.similarity)}"
    partly = claim.coverage is not None and claim.coverage < 0.995
    named = f" ({safe(claim.part)})" if claim.part else ""
    coverage = f"{percent(claim.coverage)} of the weights{named}" if partly else ""
    if isinstance(claim, RelatedPair):
        test = "" if claim.p_value is None else p_value(claim.p_value)
        return Columns(undirected_kind(claim), similarity, test, coverage, "")
    known = [("parent", claim.p_parent), ("direction", claim.p_direction), ("support", claim.support)]
    known.append(("concordance", claim.concordance))
    numbers = "  ".join(f"{what} {percent(share)}" for what, share in known if share is not None)
    if claim.is_weak:
        numbers += "  ?"
    return Columns(kinds_of(claim), similarity, numbers, coverage, _colour(claim.confidence))


def short_columns(claim: Edge | RelatedPair) -> Columns:
    """The columns for a narrow screen: numbers without their names, which the legend gives."""
    similarity = "" if claim.similarity is None else cosine(claim.similarity)
    if isinstance(claim, RelatedPair):
        return Columns(undirected_kind(claim), similarity, "~", "", "")
    share = "" if claim.confidence is None else f"{percent(claim.confidence):>5}{' ?' if claim.is_weak else ''}"
    return Columns(kinds_of(claim), similarity, share, "", _colour(claim.confidence))


def cosine(value: float) -> str:
    """A cosine that never rounds to an equality.

    Examples
    --------
    >>> cosine(0.91), cosine(0.99996), cosine(1.0)
    ('0.910', '>0.999', '1.000')
    """
    return ">0.999" if 0.9995 <= value < 1.0 else f"{value:.3f}"


def _colour(p: float | None) -> str:
    if p is None:
        return ""
    return "green" if p >= 0.9 else "yellow" if p >= 0.7 else "red"


def size_of(model: ModelRecord) -> str:
    """How large a model is and how it is stored, as ``1.2 M parameters, npz``."""
    return f"{magnitude(model.parameters)} parameters, {safe(model.format)}"


def magnitude(number: int) -> str:
    """A count in three digits.

    Examples
    --------
    >>> magnitude(897), magnitude(61_706), magnitude(1_234_567), magnitude(70_000_000_000)
    ('897', '61.7 k', '1.23 M', '70.0 G')
    """
    for limit, unit in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if number >= limit:
            scaled = number / limit
            return f"{scaled:.{max(0, 3 - len(str(int(scaled))))}f}{unit}"
    return str(number)


def evidence_line(evidence: Evidence) -> Text:
    """One measurement in a line: its strength as a bar, then its words."""
    strength = 0.0 if math.isnan(evidence.strength) else min(1.0, max(0.0, evidence.strength))
    bar = "#" * round(5 * strength)
    return Text(f"[{bar:<5}] {safe(evidence.feature)}: {safe(evidence.statement)}", style=DIM)
