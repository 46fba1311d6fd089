"""What a draw is called: by the size of its values and the shape of its tensor, the scheme of a library."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neural_phylogeny.relations.fake_init import Fans

NEAR = 0.17
"""Largest median over weights of |log(measured / nominal deviation)|: Kaiming's and Xavier's normal draws of a square
matrix differ by twice as much."""

USUAL_DEVIATIONS = (0.01, 0.02, 0.05, 0.1, 1.0)
"""Standard deviations that people write into normal and truncated normal draws."""


def deviations(distribution: str, fans: Fans) -> dict[str, float]:
    """The schemes that draw from a distribution, with their standard deviation for a tensor of these fans.

    Examples
    --------
    >>> round(deviations("uniform", (100, 10))["PyTorch's default"], 4)
    0.0577
    """
    fan_in, fan_out = (max(fan, 1) for fan in fans)
    if distribution == "uniform":
        return {
            "PyTorch's default": math.sqrt(1.0 / (3.0 * fan_in)),
            "Kaiming uniform": math.sqrt(2.0 / fan_in),
            "Xavier uniform": math.sqrt(2.0 / (fan_in + fan_out)),
            "PyTorch's default of recurrent layers": math.sqrt(4.0 / (3.0 * fan_out)),
        }
    return {
        "Kaiming normal": math.sqrt(2.0 / fan_in),
        "Xavier normal": math.sqrt(2.0 / (fan_in + fan_out)),
        "LeCun normal": math.sqrt(1.0 / fan_in),
        "Kaiming normal by outputs": math.sqrt(2.0 / fan_out),
        "orthogonal": math.sqrt(1.0 / max(fan_in, fan_out)),
        **{f"normal of deviation {deviation:g}": deviation for deviation in USUAL_DEVIATIONS},
    }


def scheme_of(distribution: str, tensors: Sequence[tuple[Fans, int, float]]) -> str:
    """The scheme whose deviations are nearest to the measured ones, by the median over weights; empty if none is near.

    Parameters
    ----------
    tensors : sequence of (fans, size, measured deviation)
        Training moves the deviation of a tensor, most that of small ones.

    Examples
    --------
    >>> scheme_of("uniform", [((100, 10), 1000, 0.0575), ((10, 10), 100, 0.2)])
    "PyTorch's default"
    >>> scheme_of("uniform", [((100, 10), 1000, 3.1)])
    ''
    """
    errors: dict[str, list[tuple[float, int]]] = {}
    for fans, size, measured in tensors:
        for name, deviation in deviations(distribution, fans).items() if measured > 0 else ():
            errors.setdefault(name, []).append((abs(math.log(measured / deviation)), size))
    typical = {name: _median(found) for name, found in errors.items()}
    best = min(typical, key=lambda name: typical[name], default="")
    return best if best and typical[best] < NEAR else ""


def _median(weighted: Sequence[tuple[float, int]]) -> float:
    """The value below which half of the weight lies."""
    half, seen = sum(weight for _, weight in weighted) / 2.0, 0.0
    for value, weight in sorted(weighted):
        seen += weight
        if seen >= half:
            return value
    return math.inf
