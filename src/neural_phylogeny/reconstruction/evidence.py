"""The numbers of a pair put into Evidence records: what was measured, which way it points, how strongly."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.records import Evidence
from neural_phylogeny.relations.direction import RELIABILITY
from neural_phylogeny.relations.exact import COUNTED, LONGER, PRUNED
from neural_phylogeny.relations.existence import Existence

Matrix = NDArray[np.float64]

_EXACT_STATEMENTS = {
    "pruned-copy": "{child} is {parent} with more values set to zero",
    "rounded": "{child} is {parent} rounded to a coarser grid",
    "quantized": "{child} is {parent} on an even grid of at most 256 levels a matrix",
    "shrunk": "{child} is a part of {parent}, its values unchanged",
}

_ORDERED_STATEMENTS = {
    PRUNED: "{child} has all zeros of {parent} and many more, and zeros are made by pruning",
    COUNTED: "{child} has counted more batches in training than {parent}, and counters are carried on",
    LONGER: "{child} has all rows of {parent} and further ones that still look like an initialisation",
}

_VOTE_STATEMENTS = {
    "fake-initialisation": "lies nearer to a random initialisation ({share:.0%} of the matrices, by their difference)",
    "kurtosis": "has the lighter tails in {share:.0%} of the matrices",
    "largest-weight": "has the smaller largest weight for its scale in {share:.0%} of the matrices",
    "uniform-distance": "lies nearer to a uniform initialisation of any scale in {share:.0%} of the matrices",
    "outside-bounds": "has fewer weights outside the bounds of an initialisation in {share:.0%} of the matrices",
    "spectrum": "has the more even singular values in {share:.0%} of the matrices",
    "unit-norms": "has units of more even length in {share:.0%} of the matrices",
    "input-norms": "has inputs of more even length in {share:.0%} of the matrices",
    "independent-step": "leads to the other by a step that depends less on its start in {share:.0%} of the matrices",
}


LEAD = 2.0 * RELIABILITY - 1.0
"""Strength of a direction witness with which all matrices agree: what it is worth above chance, far from a proof."""


def existence_evidence(found: Existence, i: int, j: int) -> Evidence:
    """Why two models are, or are not, called related."""
    if found.identical[i, j]:
        statement = (
            "a matrix between two layers is the same in both to the last bit, which does not happen to strangers"
        )
        return Evidence("equal-matrix", 1.0, "kin", 1.0, statement)
    log10_p = float(found.log_p[i, j]) / math.log(10.0)
    cosine = float(found.matched[i, j])
    related = bool(found.related[i, j])
    found_to_match = "match" if related else "do not match clearly"
    chance = f"{10.0**log10_p:.2g}" if log10_p > -3 else f"1e{log10_p:.0f}"
    return Evidence(
        witness="unit-matching",
        value=cosine,
        favours="kin" if related else "strangers",
        strength=1.0 - 10.0 ** max(log10_p, -300.0) if related else 10.0**log10_p,
        statement=(
            f"their hidden units {found_to_match} one to one (cosine {cosine:.2f} of the centred matrices); "
            f"strangers match so well with probability {chance}"
        ),
    )


def shared_evidence(share: float) -> list[Evidence]:
    """What it means that two models share values that a relative has not; nothing where they share none."""
    if not share:
        return []
    statement = (
        f"at least {share:.1%} of their values are equal to the last bit where a relative of both has others: common "
        "descent, for trainings do not meet so"
    )
    return [Evidence("shared-values", share, "kin", 1.0, statement)]


def direction_evidence(votes: Mapping[str, Matrix], i: int, j: int, names: tuple[str, str]) -> list[Evidence]:
    """What each direction witness says of the pair (i, j), whose names are given."""
    return [_vote(witness, float(table[i, j]), names) for witness, table in votes.items()]


def exact_evidence(odds: Mapping[str, Matrix], i: int, j: int, names: tuple[str, str]) -> list[Evidence]:
    """What exact witnesses say of the pair (i, j), those that speak."""
    found = []
    for witness, statement in _EXACT_STATEMENTS.items():
        value = float(odds[witness][i, j])
        if value:
            parent, child = names if value > 0 else names[::-1]
            sure = 1.0 / (1.0 + math.exp(-abs(value)))
            found.append(Evidence(witness, value, parent, sure, statement.format(parent=parent, child=child)))
    for witness, statement in _ORDERED_STATEMENTS.items():
        value = float(odds[witness][i, j] - odds[witness][j, i])
        if value:
            parent, child = names if value > 0 else names[::-1]
            sure = 1.0 / (1.0 + math.exp(-abs(value)))
            found.append(Evidence(witness, value, parent, sure, statement.format(parent=parent, child=child)))
    return found


def merge_evidence(shares: Mapping[str, float], parent: str, child: str, sure: float) -> Evidence:
    """That a model is a mean of others, whose names are given with their shares; one of them is the parent told of."""
    parts = [f"{share:.3g} of {name}" for name, share in shares.items()]
    told = f"{', '.join(parts[:-1])} and {parts[-1]}"
    statement = f"{child} is {told}, added up, in every matrix; training does not lead to such a point"
    return Evidence("weighted-mean", shares[parent], parent, sure, statement)


def _vote(witness: str, vote: float, names: tuple[str, str]) -> Evidence:
    """A vote is the share of matrices for the first model less the share against, in [-1, 1]."""
    if vote == 0.0:
        return Evidence(witness, 0.0, "neither", 0.0, "the matrices are divided evenly")
    favoured = names[0] if vote > 0 else names[1]
    statement = f"{favoured} {_VOTE_STATEMENTS[witness].format(share=(1.0 + abs(vote)) / 2.0)}"
    return Evidence(witness, vote, favoured, LEAD * abs(vote), statement)
