"""Verdicts on descent, for people and for pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from neural_phylogeny.records import Derivation, DerivationVerdict
from neural_phylogeny.reports.checks import Check, Outcome
from neural_phylogeny.reports.json import dumps
from neural_phylogeny.reports.labels import DIM, NAME
from neural_phylogeny.reports.names import safe
from neural_phylogeny.wording import p_value, percent

RULES = {"derived": "A model that is said to be derived from another one was made from it, by its weights."}

_WORDS = {
    "derived": "was derived from",
    "not derived": "was not derived from",
    "undetermined": "may or may not have been derived from",
}
_STYLES = {"derived": "green", "not derived": "red", "undetermined": "yellow"}
_OUTCOMES: dict[DerivationVerdict, Outcome] = {"derived": "passed", "not derived": "failed", "undetermined": "open"}


def overall(found: Sequence[Derivation]) -> DerivationVerdict:
    """The verdict on several candidates: derived from one of them, from none, or undetermined."""
    verdicts = {one.verdict for one in found}
    return next((v for v in ("derived", "undetermined") if v in verdicts), "not derived")


def which(found: Sequence[Derivation]) -> list[Derivation]:
    """The candidates that the child was derived from, the nearest first."""
    derived = [one for one in found if one.verdict == "derived"]
    return sorted(derived, key=lambda one: (len(one.path), -(one.probability or 1.0)))


def sentence(one: Derivation) -> str:
    """The verdict in a sentence, with its numbers."""
    return f"{safe(one.child)} {_WORDS[one.verdict]} {safe(one.parent)}"


def numbers(one: Derivation) -> str:
    """What is known of a verdict, in a line; empty where nothing is."""
    known = [
        f"{what} {percent(p)}" for what, p in (("probability", one.probability), ("direction", one.p_direction)) if p
    ]
    known += [f"kind {', '.join(one.kinds)}"] if one.kinds else []
    known += [] if one.p_value is None else [f"relatedness {p_value(one.p_value)}"]
    known += ["common origin proved by equal values"] if one.exact else []
    known += [f"the weights name {safe(one.nearest)}"] if one.nearest and one.nearest not in one.path else []
    return "; ".join(known)


def render_derivations(found: Sequence[Derivation], notes: Sequence[str]) -> RenderableType:
    """Each verdict with its numbers and reasons, which candidate is the nearest, then notes."""
    parts: list[RenderableType] = []
    for one in found:
        parts.append(Text(sentence(one), style=f"bold {_STYLES[one.verdict]}"))
        parts += [Text(f"  {line}") for line in filter(None, (numbers(one),))]
        parts += [Text(f"  - {safe(reason)}", style=DIM) for reason in one.reasons]
        parts.append(Text(""))
    if len(found) > 1:
        nearest = which(found)
        names = ", then ".join(safe(one.parent) for one in nearest)
        parts += [Text(f"which: {names or 'none of them, as far as the weights show'}", style=NAME), Text("")]
    return Group(*parts, *(Text(safe(note), style=DIM) for note in notes))


def derivations_to_json(found: Sequence[Derivation], at_least: float, point: Mapping[str, Any]) -> str:
    """The verdicts as JSON; ``point`` is the operating point."""
    header = {"format": "neural-phylogeny-derivation", "version": 1, "verdict": overall(found), "at_least": at_least}
    names = [one.parent for one in which(found)]
    return dumps({**header, "which": names, "derivations": tuple(found), "operating_point": point})


def derivation_checks(found: Sequence[Derivation], path: str) -> list[Check]:
    """The verdicts as checks of a pipeline; ``path`` is that of the child."""
    return [
        Check(
            rule="derived",
            title=f"{one.child} was derived from {one.parent}",
            outcome=_OUTCOMES[one.verdict],
            message=sentence(one),
            details=tuple(filter(None, (numbers(one), *one.reasons))),
            path=path,
        )
        for one in found
    ]
