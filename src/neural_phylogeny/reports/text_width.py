"""How wide a text is in the fonts that pages use, without asking a browser."""

from __future__ import annotations

import unicodedata

_NARROW = frozenset("iljtfrI.,:;'|!()[]{} -/\\")
_WIDE = frozenset("mwMW@%&—…")


def text_width(text: str, size: float, *, is_bold: bool = False) -> float:
    """Width in pixels of a text in a sans-serif font of ``size`` pixels; rather too wide than too narrow.

    Examples
    --------
    >>> text_width("illi", 10) < text_width("mmmm", 10)
    True
    """
    total = 0.0
    for letter in text:
        if letter in _NARROW:
            total += 0.37
        elif letter in _WIDE:
            total += 0.93
        elif unicodedata.east_asian_width(letter) in "WF":
            total += 1.05
        else:
            total += 0.70 if letter.isupper() else 0.60
    return total * size * (1.17 if is_bold else 1.1)
