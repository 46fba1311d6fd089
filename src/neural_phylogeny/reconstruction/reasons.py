"""What supports a claim, what opposes it, and what would change it: plain sentences, from the records alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from neural_phylogeny.records import Edge, Evidence, Reasons, RelatedPair, Verdict
from neural_phylogeny.wording import odds, percent

RUNNER_UP = "runner-up"
"""The feature that names the next likely parent, or that there is none."""

HALF = 0.5
"""Where less of the weights was compared, the rest could change the answer."""

TWO = (
    "Two models alone cannot show a common ancestor: two siblings of a missing parent look like parent and child. "
    "The base checkpoint of both, or a sibling of either, would decide."
)
"""What the weights of a family of two cannot show, whatever the confidence."""

ONE_SEED = (
    "Both began with the draw of a seed that others use too: two models that were trained independently from it can "
    "look like parent and child. Values that only one of them can have given to the other would decide."
)
"""What a common initialisation leaves open, where the draw of it is known."""


def weigh(
    evidence: Sequence[Evidence], supports: Callable[[Evidence], bool], opposes: Callable[[Evidence], bool]
) -> Reasons:
    """Evidence by what it says of a claim, the strongest first; what does neither is neutral."""
    groups: tuple[list[Evidence], list[Evidence], list[Evidence]] = [], [], []
    for each in sorted(evidence, key=lambda e: -(0.0 if math.isnan(e.strength) else e.strength)):
        groups[0 if supports(each) else 1 if opposes(each) else 2].append(each)
    return Reasons(supporting=tuple(groups[0]), opposing=tuple(groups[1]), neutral=tuple(groups[2]))


def reasons_for(claim: Edge | RelatedPair) -> Reasons:
    """The evidence of a claim, sorted; evidence of the direction says nothing of relatedness alone."""
    if isinstance(claim, RelatedPair):
        return weigh(claim.evidence, lambda e: e.favours == "related", lambda e: e.favours == "unrelated")

    def supports(evidence: Evidence) -> bool:
        if evidence.favours == "parent":
            return evidence.model == claim.parent
        return evidence.favours == "related"

    return weigh(claim.evidence, supports, lambda e: e.favours != "neither")


def what_would_change(claim: Edge | RelatedPair, n_models: int) -> tuple[str, ...]:
    """Sentences on what would turn a claim around, each true of this one; ``n_models`` is the size of its family."""
    own = _of_edge(claim) if isinstance(claim, Edge) else _of_pair(claim)
    drawn = any(evidence.feature == "initialisation" for evidence in claim.evidence)
    sentences = [*own, *([TWO] if n_models == 2 else ()), *([ONE_SEED] if drawn else ())]
    if claim.coverage is not None and claim.coverage < HALF:
        part = f" ({claim.part})" if claim.part else ""
        sentences.append(f"Only {percent(claim.coverage)} of the larger model's weights could be compared{part}.")
    return tuple(sentences)


def orphan_would_change(edge: Edge) -> tuple[str, ...]:
    """The same for a child of a missing ancestor."""
    return (
        f"The parent of {edge.child} is missing with probability {percent(edge.confidence)}. The checkpoint that it "
        "and its siblings were made from would take the place of the missing ancestor if it were in the collection; if "
        "none ever existed, one of the siblings is the parent.",
    )


def verdict_would_change(verdict: Verdict, p: float | None, alpha: float, share_read: float = 1.0) -> tuple[str, ...]:
    """The same for two models that are unrelated, copies, or cannot be judged; ``p`` is the p-value of the test."""
    if verdict == "shares a component":
        return (
            "Weights outside the component that match would make them related.",
            "A model that froze this component and trained all else from a random start would look the same.",
        )
    if verdict == "unrelated":
        return (
            f"A p-value below {alpha:g} would make them related; it is {1.0 if p is None else p:.2g}.",
            "A copy in a disguise that is not looked for is also called unrelated; permuted, rescaled and rotated "
            "copies are found.",
        )
    if verdict == "copies":
        unread = "" if share_read == 1.0 else "; unread values may differ"
        return (f"A single different value in a weight that both have would make them two models{unread}.",)
    if verdict == "undecided":
        return (
            "The random initialisation of both would decide, or the checkpoint that both were made from.",
            "If neither is at hand, so would further models that were made from either of them.",
        )
    if verdict == "not enough in common":
        return ("At least a tenth of the smaller model's weights must be comparable.",)
    return ("The test needs larger, finite matrices that both models have; smaller ones could match by chance.",)


def _of_edge(edge: Edge) -> Iterator[str]:
    if edge.p_direction is not None:
        yield (
            f"The direction has odds of {odds(edge.p_direction)}, given that one of the two was made from the other; "
            "evidence for the reverse direction with higher odds would turn it around."
        )
    yield from _of_rival(edge)
    measured = [e for e in reasons_for(edge).opposing if e.feature != RUNNER_UP]
    if measured:
        yield (
            f"The strongest evidence against it is {measured[0].feature} (strength {measured[0].strength:.2f} of 1): "
            f"{measured[0].statement}."
        )
    else:
        yield (
            f"No measurement opposes it; a checkpoint between {edge.parent} and {edge.child}, or a sibling, could "
            "still change it."
        )
    if edge.support is not None and edge.support < 1.0:
        yield f"{percent(edge.support)} of the resamples of the matrices recover it."
    if edge.concordance is not None and edge.concordance < 1.0:
        yield f"Of the matrices that alone give the child a parent, {percent(edge.concordance)} give it this one."


def _of_rival(edge: Edge) -> Iterator[str]:
    rival = next((e for e in edge.evidence if e.feature == RUNNER_UP), None)
    if rival is None or edge.p_parent is None:
        return
    missing = rival.favours == "no parent"
    answer = f"{edge.child} has no parent here" if missing else f"{rival.model} is its parent"
    if rival.value < edge.p_parent:
        against = odds(edge.p_parent / (edge.p_parent + rival.value))
        further = "; if its true parent were in the collection, it would take that place" if missing else ""
        yield (
            f"The next likely answer is that {answer} ({percent(rival.value)}); the odds for {edge.parent} against it "
            f"are {against}{further}."
        )
    elif missing:
        yield (
            f"It is at least as likely that {answer} ({percent(rival.value)}): the edge gives the direction, if one of "
            "the two was made from the other."
        )
    else:
        yield (
            f"Taken alone, it is at least as likely that {answer} ({percent(rival.value)}); together with the other "
            f"edges, the forest is more likely with {edge.parent}."
        )


def _of_pair(pair: RelatedPair) -> Iterator[str]:
    features = {
        name: sorted({e.feature for e in pair.evidence if e.model == name and e.feature != RUNNER_UP})
        for name in (pair.a, pair.b)
    }
    if any(features.values()):
        both = "; ".join(f"{', '.join(found) or 'no feature'} for {name}" for name, found in features.items())
        yield f"The direction is at or near even odds ({both} as the parent). One clear feature would decide it."
    else:
        yield "No feature gives a direction; one clear feature would decide it."
    yield f"The base checkpoint of {pair.a} and {pair.b}, or a checkpoint between the two, would show which came first."
