"""Verdicts on descent, for people and for pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from neural_phylogeny.records import Derivation, Derivations, DerivationVerdict
from neural_phylogeny.reports.checks import Check, Outcome
from neural_phylogeny.reports.json import as_dict, dumps
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


def render_derivations(found: Derivations) -> RenderableType:
    """Each verdict with its numbers and reasons, which candidate is the nearest, then notes."""
    parts: list[RenderableType] = []
    for one in found.derivations:
        parts.append(Text(sentence(one), style=f"bold {_STYLES[one.verdict]}"))
        parts += [Text(f"  {line}") for line in filter(None, (numbers(one),))]
        parts += [Text(f"  - {safe(reason)}", style=DIM) for reason in one.reasons]
        parts.append(Text(""))
    if len(found.derivations) > 1:
        parts += [Text(which_line(found), style=NAME), Text("")]
    return Group(*parts, *(Text(safe(note), style=DIM) for note in found.notes))


def which_line(found: Derivations) -> str:
    """From which of several candidates the child was derived."""
    return f"which: {', then '.join(map(safe, found.which)) or 'none of them, as far as the weights show'}"


def derivations_as_dict(found: Derivations) -> dict[str, Any]:
    """The verdicts as plain data: what the JSON holds."""
    header = {"format": "neural-phylogeny-derivation", "version": 1, "verdict": found.verdict}
    known = {"at_least": found.at_least, "which": found.which, "derivations": found.derivations}
    return as_dict({**header, **known, "operating_point": found.operating_point})


def derivations_to_json(found: Derivations) -> str:
    """The verdicts as JSON, with the operating point."""
    return dumps(derivations_as_dict(found))


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
