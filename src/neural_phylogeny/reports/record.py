"""A result as sentences for the record: question, answer, how sure, method, limits, and which inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
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
"""What was assumed of the collection where that is not the default."""


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
    '12 of the 14 models were probably made from another model of this collection; the models form 2 families.'
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
    here = "made from another model of this collection"
    made = (
        f"{len(children):,} of the {count(n, 'model')} were {_probably(phylogeny.edges)}{here}"
        if children
        else f"None of the {count(n, 'model')} is shown to have been {here}"
    )
    form = f"; the models form {count(len(related), 'family', 'families')}" if related else ""
    yield f"{made}{form}."
    for number, family in enumerate(related[:NAMED], start=1):
        yield _family(number, family, missing, _roots(phylogeny, family))
    if len(related) > NAMED:
        yield f"{len(related) - NAMED:,} further families are in the drawing and the tables."
    if phylogeny.copies:
        same = "the same weights as" if phylogeny.share_read == 1.0 else "in all that was read the weights of"
        copies = sum(len(group) - 1 for group in phylogeny.copies)
        yield f"{count(copies, 'model')} {'has' if copies == 1 else 'have'} {same} another model."
    if phylogeny.components:
        pairs = count(len(phylogeny.components), "pair")
        yield f"{pairs} of models have a component in common, which is no descent{_named(phylogeny)}."
    alone = sum(1 for family in families(phylogeny) if not is_related(family))
    if alone:
        yield f"{count(alone, 'model')} {'is' if alone == 1 else 'are'} related to no other model here."
    yield from _open(phylogeny)


def _named(phylogeny: Phylogeny) -> str:
    """The pairs with a common component by name, where they are few."""
    few = phylogeny.components if len(phylogeny.components) <= 3 else ()
    return f" ({'; '.join(safe(f'{one.a} and {one.b}') for one in few)})" if few else ""


def _roots(phylogeny: Phylogeny, family: Family) -> str:
    """The models among which the root of a family lies, with their odds; empty where there is no doubt."""
    inside = set(family.names)
    for found in phylogeny.credible_roots:
        if len(found.models) < 2 or found.models[0] not in inside:
            continue
        rows = list(zip(found.models, found.probabilities, strict=True))[:3]
        more = f" or one of {len(found.models) - 3:,} more" if len(found.models) > 3 else ""
        return f"{' or '.join(f'{safe(name)} ({spelt(p)})' for name, p in rows)}{more}"
    return ""


def _open(phylogeny: Phylogeny) -> Iterator[str]:
    """What stays undecided or was left out."""
    if phylogeny.undirected:
        yield f"The weights do not show which model came first in {count(len(phylogeny.undirected), 'related pair')}."
    if unsure := undecided(phylogeny):
        verb = "shares" if len(unsure) == 1 else "share"
        yield f"{count(len(unsure), 'model')} {verb} an initialisation or a missing ancestor; no descent is claimed."
    left_out, skipped = len(not_compared(phylogeny)), sum(item.is_model for item in phylogeny.skipped)
    if left_out or skipped:
        parts = [f"{left_out:,} could not be compared"] if left_out else []
        parts += [f"{skipped:,} could not be read"] if skipped else []
        yield f"Of the inputs {' and '.join(parts)}."


def _family(number: int, family: Family, missing: set[str], likely: str) -> str:
    """Where a family starts; ``likely`` are its possible roots with their odds where there are several."""
    roots = [name for name in family.roots if name not in missing]
    n = family.size - sum(name in missing for name in family.names)
    names = ", ".join(safe(name) for name in roots[:3]) + (f" and {len(roots) - 3} more" if len(roots) > 3 else "")
    start = f"Family {number} ({count(n, 'model')}): "
    edges = [edge for below in (family.children, family.further) for some in below.values() for edge in some]
    others = f"{_probably(edges)}all others descend from"
    odds = f" Its root, if it is here: {likely}." if likely else ""
    if any(name in missing for name in family.roots):
        return (
            f"{start}the common ancestor is not in this collection{f'; nor is a parent of {names}' if roots else ''}."
        )
    if len(roots) > 1:
        rest = "" if n == len(roots) else f"; {others} them"
        return f"{start}the weights do not show a parent of {names}{rest}.{odds}"
    return f"{start}{others} {names}.{odds}" if n > 1 else f"{start}{names}."


def _probably(edges: Iterable[Edge]) -> str:
    """What makes a sentence about some claims no stronger than the weakest of them."""
    return "" if all(edge.confidence is None or edge.confidence >= SURE for edge in edges) else "probably "


def spelt(share: float | None) -> str:
    """A share for a sentence.

    Examples
    --------
    >>> spelt(0.999), spelt(0.5), spelt(0.001)
    ('more than 99 %', '50 %', 'less than 1 %')
    """
    return percent(share).replace(">", "more than ").replace("<", "less than ")


def _how_sure(phylogeny: Phylogeny) -> Iterator[str]:
    known = [edge for edge in phylogeny.edges if edge.confidence is not None]
    if known:
        sure = sum(_confidence(edge) >= SURE for edge in known)
        least = min(known, key=_confidence)
        mean = spelt(sum(map(_confidence, known)) / len(known))
        yield (
            f"{f'{sure:,}' if sure else 'None'} of the {count(len(known), 'claim')} of a parent "
            f"{'has' if sure <= 1 else 'have'} a probability of at least {spelt(SURE)}; on average it is {mean}."
        )
        yield (
            f"The least certain claim: {safe(least.child)} was made from {safe(least.parent)}, "
            f"{spelt(least.confidence)}."
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
        yield f"On average {spelt(sum(supports) / len(supports))} of the bootstrap resamples recover an edge."


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
        "Models that were trained independently from one random initialisation can look like siblings. A copy in a "
        "disguise that is not looked for is not recognised."
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
