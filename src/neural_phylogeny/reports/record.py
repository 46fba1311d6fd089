"""A result as sentences for the record: question, answer, how sure, method, limits, and which inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from neural_phylogeny.records import Edge, Phylogeny
from neural_phylogeny.reports.families import Family, count, families, is_related, not_compared, undecided
from neural_phylogeny.reports.names import safe
from neural_phylogeny.wording import percent, small_share

QUESTION = "Which of these models were made from which, judged by their weights alone?"

SURE, NAMED = 0.95, 6
"""Probability from which a claim counts as nearly certain; families that are named one by one."""


PRIORS = {
    "likely": "The parents were assumed to be likely among the inputs: the odds of a missing parent are a third.",
    "unlikely": "The parents were assumed to be unlikely among the inputs: the odds of a missing parent are tripled.",
}
"""What was assumed of the collection, where that was asked for."""


@dataclass(frozen=True)
class Record:
    """What the first page of a printed report says; each entry is one sentence or a few."""

    question: str
    answer: tuple[str, ...]
    how_sure: tuple[str, ...]
    method: tuple[str, ...]
    limits: tuple[str, ...]
    version: str
    digest: str


def record(phylogeny: Phylogeny) -> Record:
    """A result in sentences. Near-linear in its size.

    Examples
    --------
    >>> found = record(answer)
    >>> found.answer[0]
    '12 of the 14 models were made from another model of this collection; the models form 2 families.'
    """
    return Record(
        QUESTION,
        tuple(_answer(phylogeny)),
        tuple(_how_sure(phylogeny)),
        tuple(_method(phylogeny)),
        tuple(_limits(phylogeny)),
        version(phylogeny),
        inputs_digest(phylogeny),
    )


def _answer(phylogeny: Phylogeny) -> Iterator[str]:
    related = [family for family in families(phylogeny) if is_related(family)]
    missing = {ancestor.name for ancestor in phylogeny.missing}
    children = {edge.child for edge in phylogeny.edges if edge.parent not in missing}
    n = len(phylogeny.models)
    made = (
        f"{len(children):,} of the {count(n, 'model')} were made from another model of this collection"
        if children
        else f"None of the {count(n, 'model')} is shown to have been made from another model of this collection"
    )
    form = f"; the models form {count(len(related), 'family', 'families')}" if related else ""
    yield f"{made}{form}."
    for number, family in enumerate(related[:NAMED], start=1):
        yield _family(number, family, missing)
        yield from _roots(phylogeny, family)
    if len(related) > NAMED:
        yield f"{len(related) - NAMED:,} further families are in the drawing and the tables."
    if phylogeny.copies:
        same = "the same weights as" if phylogeny.share_read == 1.0 else "in all that was read the weights of"
        copies = sum(len(group) - 1 for group in phylogeny.copies)
        yield f"{count(copies, 'model')} {'has' if copies == 1 else 'have'} {same} another model."
    if phylogeny.components:
        pairs = count(len(phylogeny.components), "pair")
        yield f"{pairs} of models carry the same component, which is no descent{_named(phylogeny)}."
    alone = sum(1 for family in families(phylogeny) if not is_related(family))
    if alone:
        yield f"{count(alone, 'model')} {'is' if alone == 1 else 'are'} related to no other model here."
    yield from _open(phylogeny)


def _named(phylogeny: Phylogeny) -> str:
    """The pairs with a common component by name, where they are few."""
    few = phylogeny.components if len(phylogeny.components) <= 3 else ()
    return f" ({'; '.join(safe(f'{one.a} and {one.b}') for one in few)})" if few else ""


def _roots(phylogeny: Phylogeny, family: Family) -> Iterator[str]:
    """Where the root of a family lies, if that is open."""
    inside = set(family.names)
    for found in phylogeny.credible_roots:
        if len(found.models) < 2 or found.models[0] not in inside:
            continue
        shown = [
            f"{safe(name)} ({percent(p)})" for name, p in zip(found.models[:3], found.probabilities[:3], strict=True)
        ]
        more = f" or one of {len(found.models) - 3:,} more" if len(found.models) > 3 else ""
        yield f"Its root is {' or '.join(shown)}{more}, with 95 % if it is in this collection."


def _open(phylogeny: Phylogeny) -> Iterator[str]:
    """What stays undecided or was left out."""
    if phylogeny.undirected:
        yield f"Of {count(len(phylogeny.undirected), 'related pair')} the weights do not show which model came first."
    if unsure := undecided(phylogeny):
        verb = "shares" if len(unsure) == 1 else "share"
        yield f"{count(len(unsure), 'model')} {verb} an initialisation or a missing ancestor; no descent is claimed."
    left_out, skipped = len(not_compared(phylogeny)), sum(item.is_model for item in phylogeny.skipped)
    if left_out or skipped:
        parts = [f"{left_out:,} could not be compared"] if left_out else []
        parts += [f"{skipped:,} could not be read"] if skipped else []
        yield f"Of the inputs {' and '.join(parts)}."


def _family(number: int, family: Family, missing: set[str]) -> str:
    roots = [name for name in family.roots if name not in missing]
    lost = [name for name in family.roots if name in missing]
    n = family.size - sum(name in missing for name in family.names)
    names = ", ".join(safe(name) for name in roots[:3]) + (f" and {len(roots) - 3} more" if len(roots) > 3 else "")
    start = f"Family {number} ({count(n, 'model')}): "
    if len(roots) == 1 and not lost:
        return f"{start}all others descend from {names}." if n > 1 else f"{start}{names}."
    parts = ["the common ancestor is not in this collection"] if lost else []
    if roots:
        parts.append(f"{'its root is' if len(roots) == 1 else 'its roots are'} {names}")
    return f"{start}{'; '.join(parts)}."


def _how_sure(phylogeny: Phylogeny) -> Iterator[str]:
    known = [edge for edge in phylogeny.edges if edge.confidence is not None]
    if known:
        sure = sum(_confidence(edge) >= SURE for edge in known)
        least = min(known, key=_confidence)
        mean = percent(sum(map(_confidence, known)) / len(known))
        yield (
            f"{sure:,} of the {count(len(known), 'claim')} of a parent {'has' if sure == 1 else 'have'} a probability "
            f"of at least {percent(SURE)}; on average it is {mean}."
        )
        yield (
            f"The least certain claim: {safe(least.child)} was made from {safe(least.parent)}, "
            f"{percent(least.confidence)}."
        )
        weak = sum(edge.is_weak for edge in phylogeny.edges)
        if weak:
            yield f"{count(weak, 'claim')} {'is' if weak == 1 else 'are'} less likely than not and marked with “?”."
    alpha = _parameters(phylogeny).get("alpha")
    if isinstance(alpha, int | float):
        yield (
            f"Relatedness is a statistical test: the probability that any two unrelated models of the collection are "
            f"reported as related is at most {small_share(float(alpha))}, if its null model holds."
        )
    if phylogeny.prior in PRIORS:
        yield PRIORS[phylogeny.prior]
    supports = [edge.support for edge in phylogeny.edges if edge.support is not None]
    if supports:
        yield f"On average {percent(sum(supports) / len(supports))} of the bootstrap resamples recover an edge."


def _confidence(edge: Edge) -> float:
    return edge.confidence if edge.confidence is not None else 0.0


def _parameters(phylogeny: Phylogeny) -> Mapping[str, Any]:
    found = phylogeny.provenance.get("parameters")
    return found if isinstance(found, Mapping) else {}


def _method(phylogeny: Phylogeny) -> Iterator[str]:
    method = _parameters(phylogeny).get("method")
    named = f" (method “{safe(str(method))}”)" if method else ""
    yield (
        f"The weights of the models were compared layer by layer{named}. Names, dates and model cards were not used; "
        "nothing in the files was executed."
    )
    yield (
        "Hidden units of related models match one to one; a permutation test gives the p-value. The direction follows "
        "from marks of pruning, rounding and averaging that anyone can recompute, and from how training moves weights "
        "away from their random start. A calibrated network and weaker evidence give the probability of each possible "
        "parent; the most probable forest is reported."
    )
    read = phylogeny.share_read
    yield (
        "All compared weights were read." if read == 1.0 else f"{small_share(read)} of the compared weights were read."
    )


def _limits(phylogeny: Phylogeny) -> Iterator[str]:
    yield (
        "A direction and a parent are probabilities, calibrated on families of small networks; for large models the "
        "calibration is not measured."
    )
    yield (
        "A parent that is not among the inputs cannot be excluded; where it is missing, a sibling may be shown in its "
        "place."
    )
    yield (
        "Models that were trained independently from one random initialisation can look like siblings. A copy whose "
        "units were permuted or rescaled is not recognised."
    )
    notes = phylogeny.provenance.get("notes")
    if isinstance(notes, list | tuple):
        yield from (f"{safe(str(note))[:1].upper()}{safe(str(note))[1:].rstrip('.')}." for note in notes)


def version(phylogeny: Phylogeny) -> str:
    """Program, version, settings and environment in one line."""
    software = phylogeny.provenance.get("software")
    parts = []
    if isinstance(software, Mapping):
        parts.append(f"{software.get('name', 'neural-phylogeny')} {software.get('version', '')}".strip())
    plain = {key: value for key, value in _parameters(phylogeny).items() if not isinstance(value, Mapping)}
    parts += [f"{key} {value}" for key, value in plain.items()]
    environment = phylogeny.provenance.get("environment")
    if isinstance(environment, Mapping):
        parts += [f"{key} {value}" for key, value in environment.items()]
    return safe(", ".join(parts)) or "not recorded"


def inputs_digest(phylogeny: Phylogeny) -> str:
    """SHA-256 of the hashes of all inputs, in the order of the result, a line each; empty where one is not known."""
    hashes = [model.sha256 for model in phylogeny.models]
    if not hashes or not all(hashes):
        return ""
    return hashlib.sha256("".join(f"{each}\n" for each in hashes).encode("ascii", "replace")).hexdigest()
