"""Checked claims, for people and for pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from neural_phylogeny.records import CLAIM_VERDICTS, CheckedClaim, ClaimVerdict
from neural_phylogeny.reports.checks import Check, Outcome
from neural_phylogeny.reports.families import count
from neural_phylogeny.reports.json import dumps
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


def render_verification(claims: Sequence[CheckedClaim], problems: Sequence[str]) -> RenderableType:
    """A table of the claims, and what could not be read. Linear in their number."""
    parts: list[RenderableType] = [Text(summary(claims), style="bold")]
    if claims:
        table = Table("model", "declared parent", "verdict", "why", box=None, header_style="bold", padding=(0, 2, 1, 0))
        for one in claims:
            parent = Text(safe(one.declared.parent))
            relation = f"{one.declared.relation}, " if one.declared.relation else ""
            parent.append(f"\n{safe(relation)}{safe(one.declared.source)}", style=DIM)
            verdict = Text(one.verdict, style=_STYLES[one.verdict])
            table.add_row(Text(safe(one.declared.model)), parent, verdict, Text(safe(one.reason)))
        parts += [Text(""), table]
    return Group(*parts, *(Text(f"not read: {safe(problem)}", style=DIM) for problem in problems))


def verification_to_json(claims: Sequence[CheckedClaim], problems: Sequence[str], at_least: float) -> str:
    """The claims and their verdicts as JSON."""
    counts = Counter(one.verdict for one in claims)
    header = {"format": "neural-phylogeny-verification", "version": 1, "at_least": at_least}
    numbers = {verdict: counts[verdict] for verdict in CLAIM_VERDICTS}
    return dumps({**header, "counts": numbers, "claims": tuple(claims), "problems": tuple(problems)})


def verification_checks(claims: Sequence[CheckedClaim], paths: dict[str, str]) -> list[Check]:
    """The claims as checks of a pipeline; ``paths`` are those of the models by name."""
    return [
        Check(
            rule="verify",
            title=f"{one.declared.model} from {one.declared.parent} ({one.declared.source})",
            outcome=_OUTCOMES[one.verdict],
            message=f"{one.verdict}: {one.declared.model} says that it was made from {one.declared.parent}",
            details=(one.reason,),
            path=paths.get(one.declared.model, ""),
        )
        for one in claims
    ]
