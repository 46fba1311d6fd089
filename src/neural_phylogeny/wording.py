"""What speaks for a claim, what against it, and what would change it: plain sentences, from the records alone."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from neural_phylogeny.records import Edge, Evidence, Kinship, Reasons

RUNNER_UP, NOBODY = "runner-up", "nobody"
"""The witness that names the next likely parent, and whom it favours where that is none of the models here."""

MOST = 1000.0
"""Odds beyond are not told in figures: no calibration reaches so far."""

HALF = 0.5
"""Where less of the weights was compared, the rest could tell another story."""

TWO = (
    "Two models alone cannot show a common ancestor: two siblings of a missing parent look like parent and child. "
    "The base checkpoint of both, or a sibling of either, would decide."
)
"""What the weights of a family of two cannot tell, whatever the confidence."""


def weigh(evidence: Sequence[Evidence], supporting: Collection[str], opposing: Collection[str] | None) -> Reasons:
    """Evidence by what it favours, the strongest first; ``opposing`` None means all that favours something else."""
    groups: tuple[list[Evidence], list[Evidence], list[Evidence]] = [], [], []
    for each in sorted(evidence, key=lambda e: -(0.0 if math.isnan(e.strength) else e.strength)):
        if each.favours in supporting:
            groups[0].append(each)
        elif each.favours != "neither" and (opposing is None or each.favours in opposing):
            groups[1].append(each)
        else:
            groups[2].append(each)
    return Reasons(*map(tuple, groups))


def reasons_for(claim: Edge | Kinship) -> Reasons:
    """The evidence of a claim, sorted; whom a witness takes for the parent says nothing of kinship alone."""
    if isinstance(claim, Edge):
        return weigh(claim.evidence, {claim.parent, "kin"}, None)
    return weigh(claim.evidence, {"kin"}, {"strangers"})


def what_would_change(claim: Edge | Kinship, n_models: int) -> tuple[str, ...]:
    """Sentences on what would turn a claim around, each true of this one; ``n_models`` is the size of its family."""
    told = _of_edge(claim) if isinstance(claim, Edge) else _of_kinship(claim)
    sentences = [*told, *([TWO] if n_models == 2 else ())]
    if claim.coverage < HALF:
        sentences.append(f"Only {percent(claim.coverage)} of the larger model's weights could be compared.")
    return tuple(sentences)


def orphan_would_change(edge: Edge) -> tuple[str, ...]:
    """The same of a child of a hidden ancestor."""
    return (
        f"The detector is {percent(edge.confidence)} sure that the parent of {edge.child} is missing; the checkpoint "
        "that it and its siblings were made from, put beside them, would take the place of the hidden ancestor, and if "
        "none ever existed, one of the siblings is the parent.",
    )


def verdict_would_change(verdict: str, kinship: float, alpha: float, share_read: float = 1.0) -> tuple[str, ...]:
    """The same of two models that are called unrelated, copies, or not comparable; ``kinship`` as of an ``Edge``."""
    if verdict == "unrelated":
        return (
            f"They would be called related if strangers matched so well with a probability below {alpha:g}; here it is "
            f"{1.0 - kinship:.2g}.",
            "A copy whose units were permuted or rescaled after training is called unrelated too.",
        )
    if verdict == "copies":
        unread = "" if share_read == 1.0 else "; not all were read, and reading them all would tell"
        return (f"A single different value in a weight that both have would make them two models{unread}.",)
    return ("The test needs matrices that both share, finite and larger: so little would match by chance.",)


def percent(share: float) -> str:
    """A share as a percentage that never rounds to a certainty it is not.

    Examples
    --------
    >>> percent(0.974), percent(0.9999), percent(1.0), percent(0.001), percent(float("nan"))
    ('97 %', '>99 %', '100 %', '<1 %', '-')
    """
    if math.isnan(share):
        return "-"
    if 0.99 < share < 1.0:
        return ">99 %"
    if 0.0 < share < 0.01:
        return "<1 %"
    return f"{share:.0%}".replace("%", " %")


def odds(probability: float) -> str:
    """A probability as odds.

    Examples
    --------
    >>> odds(0.83), odds(0.6), odds(0.9999), odds(1.0)
    ('5:1', '1.5:1', 'more than 1000:1', 'more than 1000:1')
    """
    ratio = probability / (1.0 - probability) if probability < 1.0 else math.inf
    if ratio > MOST:
        return f"more than {MOST:.0f}:1"
    return f"{ratio:.0f}:1" if ratio >= 3.0 else f"{ratio:.1f}:1"


def _of_edge(edge: Edge) -> Iterator[str]:
    sure = edge.confidence if math.isnan(edge.direction) else edge.direction
    if not math.isnan(sure):
        yield (
            f"The direction stands at odds of {odds(sure)}, given that one of the two was made from the other: a "
            "further witness for the reverse that is worth more than that would turn it around."
        )
    yield from _of_rival(edge)
    measured = [e for e in reasons_for(edge).opposing if e.witness != RUNNER_UP]
    if measured:
        yield (
            f"The strongest witness against it is {measured[0].witness} (strength {measured[0].strength:.2f} of 1): "
            f"{measured[0].statement}."
        )
    else:
        yield (
            f"Nothing that was measured speaks against it; a checkpoint between {edge.parent} and {edge.child}, or a "
            "sibling, once here, still could."
        )
    if edge.support < 1.0:
        yield f"It is found again in {percent(edge.support)} of the draws of the matrices."


def _of_rival(edge: Edge) -> Iterator[str]:
    rival = next((e for e in edge.evidence if e.witness == RUNNER_UP), None)
    if rival is None or math.isnan(edge.confidence):
        return
    missing = rival.favours == NOBODY
    who = f"{edge.child} has no parent here" if missing else f"{rival.favours} is its parent"
    if rival.value < edge.confidence:
        against = odds(edge.confidence / (edge.confidence + rival.value))
        further = "; its true parent, once here, would take that place" if missing else ""
        yield (
            f"Next likely is that {who} ({percent(rival.value)}); the odds for {edge.parent} against that are "
            f"{against}{further}."
        )
    elif missing:
        yield (
            f"That {who} is no less likely ({percent(rival.value)}): the edge says who came first, if one was made "
            "from the other."
        )
    else:
        yield (
            f"By itself it is no less likely that {who} ({percent(rival.value)}); with the other edges the forest is "
            f"likelier with {edge.parent}."
        )


def _of_kinship(pair: Kinship) -> Iterator[str]:
    said = {
        name: sorted({e.witness for e in pair.evidence if e.favours == name and e.witness != RUNNER_UP})
        for name in (pair.a, pair.b)
    }
    if any(said.values()):
        heard = "; ".join(
            f"{', '.join(witnesses) or 'no witness'} for {name} as the parent" for name, witnesses in said.items()
        )
        yield f"The direction stands at even odds, or nearly: {heard}. Any clear witness would decide it."
    else:
        yield "No witness tells a direction; any clear one would decide it."
    yield f"The base checkpoint of {pair.a} and {pair.b}, or a checkpoint between the two, would show who came first."
