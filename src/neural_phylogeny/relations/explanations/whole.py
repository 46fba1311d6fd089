"""Two models as a whole: the cheapest explanation of each matrix, and what that makes the kind of the pair."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from neural_phylogeny.relations.converted import converted, is_relaid, relaid
from neural_phylogeny.relations.explanations.shapes import resized
from neural_phylogeny.relations.explanations.step import Step
from neural_phylogeny.relations.explanations.table import NEW, NUMBER, TABLE, alone, candidates, masked
from neural_phylogeny.relations.explanations.together import Samples, steps
from neural_phylogeny.statistics.counters import REPEATED
from neural_phylogeny.statistics.results import Statistics

SPECIFIC = ("pruned", "quantized", "adapter", "rescaled", "cast", "noised")
"""Kinds that name an operation: of what changed, the first that has its ``SHARE`` is the main one."""

SHARE = {"pruned": 0.3, "quantized": 0.3, "adapter": 0.65, "rescaled": 0.3, "cast": 0.5, "noised": 0.6}
"""Inputs of few factors give one layer a step of low rank in any training, so most layers must have one."""

DISGUISES = ("rotated", "permuted", "rescaled")
"""Kinds that keep the function and cost the same both ways; also the codes of tensors that are read through them."""

DISGUISED = {
    "permuted": "the units are in another order, and nothing differs",
    "rescaled": "units are multiplied and divided where they are read, and nothing differs",
    "rotated": "the units are turned, and nothing differs",
}
"""What disguises do, in a few words."""

OF_MOST = ("adapter", "rescaled", "noised")
"""Kinds that single matrices have by chance; they are listed only with their share."""

LATER, TRAINED = "later-checkpoint", "finetune"
GROWN_ON = 0.08
"""Mean cosine of the steps of all matrices with what is strong in the parent from which on one run went on: of
fine-tunings to other tasks it is below 0.07, and of long runs with decay too."""

STAYED = 0.2
"""Share of the weights in layers that did not move, or began anew, from which on it is another training."""

BESIDE = 0.05
"""Share of what changed from which on a further kind is listed."""


@dataclass(frozen=True)
class Price:
    """Bits that describe the child given the parent where every matrix that changed is explained in one way."""

    kind: str
    bits: float
    statement: str


@dataclass(frozen=True)
class Explained:
    """The kind of a pair, what holds besides, and the prices of the explanations: that of the kind, then the cheapest.

    Attributes
    ----------
    shares : mapping
        Of the values of all compared matrices, the share that each explanation is the cheapest of.
    bits : float
        Of the cheapest explanation of every matrix together.
    alone : float
        Bits that describe the child without the parent.
    weights : int
        Values of all compared matrices.
    """

    kind: str
    also: tuple[str, ...]
    shares: dict[str, float]
    prices: tuple[Price, ...]
    bits: float
    alone: float
    weights: int = 0


def explanation(statistics: Statistics, parent: int, child: int, samples: Samples | None = None) -> Explained | None:
    """The cheapest explanation of one model of a pass from another, with what shapes and layouts show.

    None where no values of the two were kept. ``samples`` are those of all models, for whoever asks of many pairs. One
    read of the kept values: a millisecond a matrix.
    """
    compared = steps(statistics, parent, child, samples)
    if not compared:
        return None
    found = explained(compared)
    disguise = disguise_of(statistics, parent, child)
    if found.kind == "copy":
        kind = disguise or _of_copy(statistics, parent, child)
        prices = (_price(statistics, parent, child, disguise), *found.prices[1:]) if disguise else found.prices
        found = replace(found, kind=kind, prices=prices)
    elif disguise:
        found = replace(found, also=(*found.also, disguise))
    size = resized(statistics, parent, child, compared)
    if not size and found.kind not in ("converted", "copy") and _is_relaid(statistics, parent, child):
        found = replace(found, also=(*found.also, "converted"))
    if size and found.kind != size:
        beside = () if found.kind == "copy" else (found.kind,)
        found = replace(found, kind=size, also=(*beside, *(kind for kind in found.also if kind != size)))
    return found


def disguise_of(statistics: Statistics, parent: int, child: int) -> str:
    """The disguise through which one of the two is read and the other is not; empty where there is none."""
    codes: tuple[set[str], set[str]] = (set(), set())
    for tensor, _, a, b in statistics.compared(parent, child):
        codes[0].add(tensor.sources[a].codes)
        codes[1].add(tensor.sources[b].codes)
    return next((kind for kind in DISGUISES if (kind in codes[0]) != (kind in codes[1])), "")


def _price(statistics: Statistics, parent: int, child: int, disguise: str) -> Price:
    """What describes a disguise at least: an order, factors or a rotation for each number of units of its matrices."""
    sizes = set[int]()
    for tensor, _, a, b in statistics.compared(parent, child):
        if disguise in (tensor.sources[a].codes, tensor.sources[b].codes) and tensor.is_matrix:
            sizes.add(tensor.shape[tensor.output_axis or 0])
    bits = {
        "permuted": sum(math.lgamma(n + 1) / math.log(2.0) for n in sizes),
        "rescaled": NUMBER * sum(sizes),
        "rotated": NUMBER * sum(n * (n - 1) / 2 for n in sizes),
    }
    return Price(disguise, bits[disguise], DISGUISED[disguise])


def _is_relaid(statistics: Statistics, parent: int, child: int) -> bool:
    """Whether most of the weights of two models are under other names or in another layout."""
    size = other = 0
    for tensor, _, a, b in statistics.compared(parent, child):
        if tensor.is_matrix:
            size += tensor.size
            other += tensor.size * is_relaid(tensor.sources[a], tensor.sources[b])
    return other > size / 2


def _of_copy(statistics: Statistics, parent: int, child: int) -> str:
    """What a pair is whose matrices are equal: its vectors, names and layouts decide."""
    repeated = statistics.counts.get(REPEATED, {})
    is_other = repeated.get(parent, 0) != repeated.get(child, 0)  # tied weights, stored once and twice
    for tensor, arrays, a, b in statistics.compared(parent, child):
        label = arrays["equality.label"]
        if label[a] != label[b] and not converted(tensor, arrays)[a, b]:
            return "finetune"
        is_other |= bool(relaid(tensor)[a, b])
    return "converted" if is_other else "copy"


def explained(steps: Sequence[Step]) -> Explained:
    """The cheapest explanation of a child from a parent, matrix by matrix; of at least one matrix.

    The price of one explanation for the whole pair is that of every matrix by it, or unchanged, or described alone.
    """
    sizes: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    totals = dict.fromkeys((row.kind for row in TABLE), 0.0)
    nowhere = dict.fromkeys(totals, math.inf)
    holding = {TRAINED}
    total = without = 0.0
    growths = []
    for step, rows in zip(steps, candidates(steps, TABLE), strict=True):
        growths.append(step.growth)
        prices = nowhere | {row.kind: row.price(step) for row in rows}
        nothing = alone(step)
        kind = min(prices, key=prices.__getitem__)
        if nothing < prices[kind] and step.child.any():
            kind = NEW
        sizes[kind] += step.size
        if kind == "pruned":
            inside[masked(step)[1]] += step.size
        total += min(prices.get(kind, nothing), nothing)
        without += nothing
        holding |= {name for name, price in prices.items() if price < min(prices["copy"], nothing)}
        for name, price in prices.items():
            totals[name] += min(price, prices["copy"], nothing)
    every = sum(sizes.values())
    statements = {row.kind: row.statement for row in TABLE}
    main, also = _kinds(sizes, inside)
    if main == TRAINED and sizes["copy"] + sizes[NEW] < STAYED * every and _mean(growths) >= GROWN_ON:
        main = LATER
    ordered = sorted(
        (name != main, bits, name)
        for name, bits in totals.items()
        if (bits < without and name in holding and not (bits == 0.0 and name == TRAINED)) or name == main
    )
    return Explained(
        main,
        also,
        {kind: size / every for kind, size in sizes.items()},
        tuple(Price(name, bits, statements[name]) for _, bits, name in ordered),
        total,
        without,
        every,
    )


def _mean(values: Sequence[float]) -> float:
    """Mean of the numbers among some values; 0 of none."""
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / max(len(known), 1)


def _kinds(sizes: Counter[str], inside: Counter[str]) -> tuple[str, tuple[str, ...]]:
    """The main kind and the others, by the values that each explains of what changed."""
    changed = {kind: size for kind, size in sizes.items() if kind not in ("copy", NEW)}
    if LATER in changed:
        changed[TRAINED] = changed.get(TRAINED, 0) + changed.pop(LATER)
    every = sum(changed.values())
    if not every:
        return ("finetune" if sizes[NEW] else "copy"), ()
    most = "finetune" if "finetune" in changed else max(changed, key=changed.__getitem__)
    main = next((kind for kind in SPECIFIC if changed.get(kind, 0) >= SHARE[kind] * every), most)
    others = dict(changed)
    for kind in OF_MOST:  # by chance, so that this part was trained on
        if kind != main and others.get(kind, 0) < SHARE[kind] * every:
            others["finetune"] = others.get("finetune", 0) + others.pop(kind, 0)
    for kind, size in inside.items():
        others[kind] = others.get(kind, 0) + size
    least = {kind: SHARE[kind] if kind in OF_MOST else BESIDE for kind in others}
    also = sorted((-size, kind) for kind, size in others.items() if size >= least[kind] * every)
    return main, tuple(kind for _, kind in also if kind not in (main, "copy"))
