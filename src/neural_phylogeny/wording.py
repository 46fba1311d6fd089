"""Numbers in words, the same in every room."""

from __future__ import annotations

import math

MOST = 1000.0
"""Odds beyond are not written out: no calibration reaches so far."""

SMALLEST_P = 1e-12
"""Smaller p-values are not written out: the null distribution is not known that far out."""


def percent(share: float | None) -> str:
    """A proportion or probability as a percentage that never rounds to a certainty.

    Examples
    --------
    >>> percent(0.974), percent(0.9999), percent(1.0), percent(0.001), percent(None)
    ('97 %', '>99 %', '100 %', '<1 %', '-')
    """
    if share is None or math.isnan(share):
        return "-"
    if 0.99 < share < 1.0:
        return ">99 %"
    if 0.0 < share < 0.01:
        return "<1 %"
    return f"{share:.0%}".replace("%", " %")


def small_share(share: float) -> str:
    """A share of any size in two digits.

    Examples
    --------
    >>> small_share(0.0123), small_share(0.3), small_share(0.9999), small_share(0.000456)
    ('1.2 %', '30 %', '>99 %', '0.046 %')
    """
    return percent(share) if share > 0.99 else f"{float(f'{100.0 * share:.2g}'):g} %"


def p_value(p: float) -> str:
    """A p-value as it is written.

    Examples
    --------
    >>> p_value(0.034), p_value(2.1e-5), p_value(1e-40)
    ('p = 0.034', 'p = 2.1e-05', 'p < 1e-12')
    """
    return f"p < {SMALLEST_P:g}" if p < SMALLEST_P else f"p = {p:.2g}"


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


def in_bytes(count: float) -> str:
    """A number of bytes in three digits, in powers of 1000.

    Examples
    --------
    >>> in_bytes(812), in_bytes(61_280_000), in_bytes(140_200_000_000)
    ('812 bytes', '61.3 MB', '140 GB')
    """
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{float(f'{count / size:.3g}'):g} {unit}"
    return f"{count:.0f} bytes"
