"""Checked claims, for people and for pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from neural_phylogeny.records import CLAIM_VERDICTS, CheckedClaim, ClaimVerdict, Verification
from neural_phylogeny.reports.checks import Check, Outcome
from neural_phylogeny.reports.families import count
from neural_phylogeny.reports.json import as_dict, dumps
from neural_phylogeny.reports.labels import DIM
from neural_phylogeny.reports.names import safe

RULES = {"verify": "What a model says of its parent agrees with its weights."}

_STYLES = {"confirmed": "green", "contradicted": "bold red", "unproven": "yellow"}
_OUTCOMES: dict[ClaimVerdict, Outcome] = {"confirmed": "passed", "contradicted": "failed", "unproven": "open"}


def summary(claims: Sequence[CheckedClaim]) -> str:
    """The verdicts in one line.

    Examples
    --------
    >>> summary([])
    'no claims found'
    """
    counts = Counter(one.verdict for one in claims)
    parts = [f"{counts[verdict]} {verdict}" for verdict in CLAIM_VERDICTS if counts[verdict]]
    return f"{count(len(claims), 'claim')}: {', '.join(parts)}" if claims else "no claims found"


def render_verification(found: Verification) -> RenderableType:
    """A table of the claims, and what could not be read. Linear in their number."""
    parts: list[RenderableType] = [Text(summary(found.claims), style="bold")]
    if found.claims:
        table = Table(box=None, header_style="bold", padding=(0, 2, 1, 0))
        for title in ("model", "declared parent", "verdict", "why"):
            table.add_column(title, overflow="fold", no_wrap=title == "verdict")
        for one in found.claims:
            parent = Text(safe(one.declared.parent))
            parent.append(f"\n{origin(one)}", style=DIM)
            verdict = Text(one.verdict, style=_STYLES[one.verdict])
            table.add_row(Text(safe(one.declared.model)), parent, verdict, Text(safe(one.reason)))
        parts += [Text(""), table]
    return Group(*parts, *(Text(f"not read: {safe(problem)}", style=DIM) for problem in found.problems))


def origin(one: CheckedClaim) -> str:
    """The declared relation and where the claim is written."""
    relation = f"{one.declared.relation}, " if one.declared.relation else ""
    return safe(f"{relation}{one.declared.source}")


def verification_as_dict(found: Verification) -> dict[str, Any]:
    """The claims and their verdicts as plain data: what the JSON holds."""
    header = {"format": "neural-phylogeny-verification", "version": 1, "at_least": found.at_least}
    return as_dict({**header, "counts": found.counts, "claims": found.claims, "problems": found.problems})


def verification_to_json(found: Verification) -> str:
    """The claims and their verdicts as JSON."""
    return dumps(verification_as_dict(found))


def verification_checks(claims: Sequence[CheckedClaim]) -> list[Check]:
    """The claims as checks of a pipeline."""
    return [
        Check(
            rule="verify",
            title=f"{one.declared.model} from {one.declared.parent} ({one.declared.source})",
            outcome=_OUTCOMES[one.verdict],
            message=f"{one.verdict}: {one.declared.model} says that it was made from {one.declared.parent}",
            details=(one.reason,),
            path=one.path,
        )
        for one in claims
    ]
