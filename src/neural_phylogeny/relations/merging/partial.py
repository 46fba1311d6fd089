"""Values: models whose every value is another's, or that plus a fixed multiple of what some relatives added to it.

TIES keeps the largest steps and DARE draws some of them, so that a value of the merged model is the base's, or has the
step of one relative or of several. The quotient of two steps is then the same number for many values, to the last
digits, which no training does.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.merging.values import MatrixValues, Values
from neural_phylogeny.relations.retained import median

Floats = NDArray[np.float64]

UNTOUCHED = 0.003
"""Share of the values that are the base's, at least, in half of the matrices that changed; not in nearly all."""

CLEAR = 512.0
"""Least number of roundings in a step whose quotient has three digits."""

WINDOW, PEAK = 4e-3, 0.03
"""Width in which quotients are the same, and the share of values in it, beyond what lies around, of a part."""

OFF = 16.0
"""Roundings that arithmetic may leave."""

EXPLAINED, NEEDED = 0.95, 0.03
"""Share of the values that must be explained, and that every part must add to it."""

NEAR, MOST = 12, 4
"""Relatives, the nearest, that may be the base or a part; parts at most."""

SAMPLE = 4096
"""Values that are looked at."""


def partial(values: Values, j: int, others: list[int]) -> tuple[int, dict[int, float]] | None:
    """The base of a model, and the multiples of the steps of its parts; None where it was not made so.

    A sort of a few thousand quotients for each base and part.
    """
    near = sorted(others, key=values.distance(j).__getitem__)[:NEAR]
    own = values.of(j)
    if not own:
        return None
    shares = _untouched(own, j)
    for base in sorted(near, key=lambda i: -shares[i]):
        if shares[base] < UNTOUCHED:
            break
        sample = _sampled(own, j, base)
        if sample is None:
            continue
        rows, unit, step = sample
        multiples = {}
        for part in near:
            if part != base:
                found = multiple(rows[j] - rows[base], rows[part] - rows[base], step)
                if found is not None:
                    multiples[part] = found
        steps = {part: rows[part] - rows[base] for part in multiples}
        chosen = _chosen(rows[j] - rows[base], steps, multiples, unit)
        if chosen is not None:
            return base, chosen
    return None


def _untouched(own: list[MatrixValues], j: int) -> list[float]:
    """Of each model as a base, the median share of values that are its, over the matrices where neither all nor none
    are.
    """
    shares = np.stack([matrix.same[j] for matrix in own])
    middle = median(np.where(shares < 1.0, shares, np.nan))
    found: list[float] = np.where(middle < 0.99, middle, 0.0).tolist()
    return found


def _sampled(own: list[MatrixValues], j: int, base: int) -> tuple[Floats, Floats, Floats] | None:
    """Values of all models side by side ``(k, n)``, what rounding moves them by, and the least clear step."""
    changed = [m for m in own if not m.is_equal(j, base)]
    every = sum(m.count for m in changed)
    if not every:
        return None
    stride = max(1, every // SAMPLE)
    rows = np.concatenate([m.values[:, ::stride] for m in changed], axis=1)
    unit = np.concatenate([np.maximum(m.unit[j], m.unit[base])[::stride] for m in changed])
    there = (rows[j] != 0) & (rows[base] != 0)  # what was pruned says nothing
    if there.mean() < 0.5:
        return None
    return rows[:, there], unit[there], CLEAR * unit[there]


def multiple(step: Floats, other: Floats, least: Floats) -> float | None:
    """The number that a step is times another for a good share of the values, to its last digits; None for none.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> other = rng.normal(size=1000)
    >>> step = np.where(rng.random(1000) < 0.3, 0.8 * other, rng.normal(size=1000))
    >>> multiple(step, other, np.full(1000, 1e-9)), multiple(rng.normal(size=1000), other, np.full(1000, 1e-9))
    (0.8, None)
    """
    clear = (np.abs(other) > least) & (np.abs(step) > least)
    if not np.isfinite(other).all() or clear.mean() < 0.1:
        return None
    quotients = np.sort(step[clear] / other[clear])
    inside = np.searchsorted(quotients, quotients + WINDOW, side="right") - np.arange(len(quotients))
    first = int(inside.argmax())
    low = quotients[first]
    around = np.searchsorted(quotients, [low - 10 * WINDOW, low + 11 * WINDOW])
    expected = (around[1] - around[0] - inside[first]) / 20.0
    if inside[first] - expected < PEAK * len(step):
        return None
    return round(float(np.median(quotients[first : first + inside[first]])), 4)


def _chosen(
    step: Floats, steps: dict[int, Floats], multiples: dict[int, float], unit: Floats
) -> dict[int, float] | None:
    """The parts that together explain the step, each of them needed; None where there are no two."""
    chosen: dict[int, float] = {}
    explained = float((np.abs(step) <= OFF * unit).mean())
    while len(chosen) < MOST:
        tried = {
            part: _explained(step, {p: steps[p] for p in (*chosen, part)}, multiples, unit)
            for part in multiples
            if part not in chosen
        }
        best = max(tried, key=tried.__getitem__, default=None)
        if best is None or tried[best] < explained + NEEDED:
            break
        chosen[best], explained = multiples[best], tried[best]
    return chosen if len(chosen) > 1 and explained >= EXPLAINED else None


def _explained(step: Floats, steps: dict[int, Floats], multiples: dict[int, float], unit: Floats) -> float:
    """Share of the values that are nothing, or the sum or the mean of some of the steps, each times its number."""
    left = np.abs(step)
    for size in range(1, len(steps) + 1):
        for parts in combinations(steps, size):
            total = np.sum([multiples[part] * steps[part] for part in parts], axis=0)
            for made in (total, total / size):
                left = np.minimum(left, np.abs(step - made) - 2e-4 * np.abs(made))
    return float((left <= OFF * unit).mean())
