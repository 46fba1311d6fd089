"""Evidence records of a pair of models: what was measured, what it favours, how strongly."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.records import Evidence, SharedComponent
from neural_phylogeny.relations.between import PartOfStep
from neural_phylogeny.relations.clock import Clock
from neural_phylogeny.relations.direction import RELIABILITY
from neural_phylogeny.relations.exact import (
    COUNTED,
    DECAYED,
    EMPTIED,
    FOLDED,
    GRIDDED,
    HEADED,
    JOINED,
    LONGER,
    OBSERVED,
    PRUNED,
    RESIZED,
    ROUNDED,
    UPCYCLED,
)
from neural_phylogeny.relations.existence import Existence
from neural_phylogeny.relations.initialisations.draws import Draw
from neural_phylogeny.relations.merging.found import LAYERS, PARTLY, SUM
from neural_phylogeny.relations.odds import probability
from neural_phylogeny.wording import p_value, percent

Matrix = NDArray[np.float64]

_EXACT_STATEMENTS = {
    "pruned-copy": "{child} is {parent} with more values set to zero",
    "rounded": "{child} is {parent} rounded to a coarser grid",
    "quantized": "{child} is {parent} on an even grid of at most 256 levels per matrix",
    "off-grid": "{child} lies around the levels of {parent}, nearer than rounding to them leaves a model",
    JOINED: "the experts of {child} are the feed-forward networks of {parent} and of others, unchanged",
    "shrunk": "{child} is a part of {parent} with unchanged values",
}

_ORDERED_STATEMENTS = {
    PRUNED: "{child} has all zeros of {parent} and many more; pruning makes zeros",
    ROUNDED: "in a layer {child} has the values of {parent}, rounded; the lost bits do not come back",
    COUNTED: "{child} has counted more training batches than {parent}; a child continues its parent's counters",
    OBSERVED: "{child} has observers of quantisation-aware training and {parent} has none",
    FOLDED: "{parent} has batch normalisations and {child} has none; folding them into the weights does not go back",
    EMPTIED: "{child} was saved without some of its tensors, so that it cannot be what {parent} was made from",
    HEADED: "{child} has the head of a task and {parent} that of pre-training; heads of tasks are added afterwards",
    RESIZED: "{child} has units or layers twice that {parent} has once, or lacks some; the other way is not usual",
    UPCYCLED: "upcycled experts: those of {child} all match the feed-forward networks of {parent}",
    GRIDDED: "{child} is {parent} on a grid of few levels for each row or block; the lost digits do not come back",
    LONGER: "{child} has all rows of {parent} and further rows that still look like an initialisation",
}

_DIRECTION_STATEMENTS = {
    "fake-initialisation": "is nearer to a random initialisation ({share} of the matrices, by their difference)",
    "kurtosis": "has lighter tails in {share} of the matrices",
    "outside-bounds": "has fewer weights outside the bounds of an initialisation in {share} of the matrices",
    "spectrum": "has more even singular values in {share} of the matrices",
    "unit-norms": "has units of more even norm in {share} of the matrices",
    "input-norms": "has inputs of more even norm in {share} of the matrices",
    "independent-step": "leads to the other by a step that depends less on its start in {share} of the matrices",
}


STILL = "still-rows"
"""Name of the evidence that nothing decayed."""

LEAST_LOG = -690.0
"""Logarithms of probabilities below this are reported as this, 1e-300."""

CLEAR = 12.0
"""Orders of magnitude of a p-value at which a match has full strength: the strength of unit matching is the negative
logarithm of its p-value over this, and no probability."""

STRONGEST = 2.0 * RELIABILITY - 1.0
"""Strength of a direction feature on which all matrices agree: what it is worth above chance, far from a proof."""


def draw_evidence(draw: Draw) -> Evidence:
    """How the initialisation that two models have in common was drawn; independent trainings have it in common too."""
    chance = p_value(math.exp(max(draw.log_p, LEAST_LOG)))
    return Evidence(
        feature="initialisation",
        value=draw.z,
        favours="neither",
        strength=1.0,
        statement=f"both began with one initialisation, {draw}; chance explains such a match with {chance}",
    )


def existence_evidence(found: Existence, i: int, j: int) -> Evidence:
    """Why two models are, or are not, called related."""
    if found.identical[i, j]:
        return Evidence(
            feature="equal-matrix",
            value=1.0,
            favours="related",
            strength=1.0,
            statement="a layer is bit-identical in both models; this does not happen to unrelated models",
        )
    log10_p = float(found.log_p[i, j]) / math.log(10.0)
    cosine = float(found.matched[i, j])
    related, orders = bool(found.related[i, j]), min(1.0, -log10_p / CLEAR)
    match = "match" if related else "do not clearly match"
    return Evidence(
        feature="unit-matching",
        value=cosine,
        favours="related" if related else "unrelated",
        strength=orders if related else 1.0 - orders,
        statement=(
            f"the hidden units of the two models {match} one to one (cosine {cosine:.2f} of the centred matrices, "
            f"{p_value(10.0 ** max(log10_p, -300.0))} for unrelated models)"
        ),
    )


def component_evidence(shared: SharedComponent) -> Evidence:
    """What a component that two models share says of them: where they have it from, and nothing else."""
    name = shared.component_in_b if shared.contained else shared.component
    rest = (
        f"; all other matrices look like those of unrelated models ({p_value(shared.p_value)})"
        if shared.p_value is not None
        else "; nothing else that would show descent could be compared"
    )
    statement = (
        f"{name or 'a part'} is the same in both, {percent(shared.share_of_a)} of the weights of {shared.a} and "
        f"{percent(shared.share_of_b)} of those of {shared.b}{rest}"
    )
    strength = 1.0 if shared.p_value is None else shared.p_value
    return Evidence(
        feature="shared-component", value=shared.share_of_a, favours="unrelated", strength=strength, statement=statement
    )


def shared_evidence(proportion: float) -> list[Evidence]:
    """What equal values that a relative of both lacks mean for two models; empty where there are none."""
    if not proportion:
        return []
    statement = (
        f"at least {proportion:.1%} of the values are bit-identical in both models and different in a relative of "
        "both; independent trainings do not produce this"
    )
    return [Evidence(feature="shared-values", value=proportion, favours="related", strength=1.0, statement=statement)]


def direction_evidence(scores: Mapping[str, Matrix], i: int, j: int, names: tuple[str, str]) -> list[Evidence]:
    """What each direction feature says of the pair (i, j), whose names are given."""
    return [_direction(feature, float(table[i, j]), names) for feature, table in scores.items()]


def exact_evidence(odds: Mapping[str, Matrix], i: int, j: int, names: tuple[str, str]) -> list[Evidence]:
    """What the exact features say of the pair (i, j); features with no log-odds are left out."""
    values = {feature: float(odds[feature][i, j]) for feature in _EXACT_STATEMENTS}
    values |= {feature: float(odds[feature][i, j] - odds[feature][j, i]) for feature in _ORDERED_STATEMENTS}
    found = []
    for feature, value in values.items():
        if value:
            parent, child = names if value > 0 else names[::-1]
            statement = (_EXACT_STATEMENTS | _ORDERED_STATEMENTS)[feature].format(parent=parent, child=child)
            found.append(_parent(feature, value, parent, float(probability(abs(value))), statement))
    return found


def clock_evidence(clock: Clock, odds: Mapping[str, Matrix], i: int, j: int, names: tuple[str, str]) -> list[Evidence]:
    """What weight decay says of the pair (i, j): who decayed longer, or that nothing decayed; empty where silent."""
    found = []
    value, rows = float(odds[DECAYED][i, j] - odds[DECAYED][j, i]), int(clock.rows[i, j])
    if value:
        parent, child = names if value > 0 else names[::-1]
        factor = math.exp(-abs(float(clock.factor[i, j])))
        how = (
            f"{child} is {parent} times {factor:.7g}"
            if factor < 1.0
            else f"all values of {child} that differ from those of {parent} are nearer to zero"
        )
        statement = f"in {rows} rows and columns {how}: weight decay shrinks what is not trained, so {child} is later"
        found.append(_parent(DECAYED, value, parent, float(probability(abs(value))), statement))
    if still := int(clock.still[i, j]):
        found.append(
            Evidence(
                feature=STILL,
                value=float(still),
                favours="neither",
                strength=0.0,
                statement=(
                    f"{still} rows and columns are equal to the last bit in matrices that changed: no weight decay "
                    "lies between the two"
                ),
            )
        )
    return found


def merge_evidence(weights: Mapping[str, float], how: str, parent: str, child: str, p: float) -> Evidence:
    """That a model was put together from others, given by name with their weights; ``parent`` is one of them."""
    parts = [f"{weight:.3g} of {name}" for name, weight in weights.items()]
    joined = f"{', '.join(parts[:-1])} and {parts[-1]}"
    statement = f"{child} is {_MERGED[how].format(joined)}; training does not lead to such a point"
    return _parent("weighted-mean", weights[parent], parent, p, statement)


def part_evidence(found: PartOfStep, base: str, relative: str, child: str) -> Evidence:
    """That a model has a part of a relative's step; it decides nothing."""
    return Evidence(
        feature="part-of-step",
        value=found.share,
        favours="neither",
        strength=0.0,
        statement=f"{child} has {found.share:.2f} of the step from {base} to {relative} in every matrix; a parent that "
        f"is not here may explain the rest, {percent(found.left)} of its own step: a merge leaves this, and so does a "
        "checkpoint on the way that went on elsewhere",
    )


_MERGED = {
    SUM: "the sum of {} in every matrix",
    LAYERS: "put together layer by layer, on average of {}",
    PARTLY: "put together value by value: whole steps of its parts, some left out, in all {}",
}


def _direction(feature: str, score: float, names: tuple[str, str]) -> Evidence:
    """A score is the proportion of matrices for the first model less the proportion against it, in [-1, 1]."""
    if score == 0.0:
        return Evidence(
            feature=feature, value=0.0, favours="neither", strength=0.0, statement="the matrices are evenly divided"
        )
    favoured = names[0] if score > 0 else names[1]
    statement = f"{favoured} {_DIRECTION_STATEMENTS[feature].format(share=percent((1.0 + abs(score)) / 2.0))}"
    return _parent(feature, score, favoured, STRONGEST * abs(score), statement)


def _parent(feature: str, value: float, model: str, strength: float, statement: str) -> Evidence:
    return Evidence(feature=feature, value=value, favours="parent", model=model, strength=strength, statement=statement)
