"""Names come from strangers' files: the one place that makes them harmless to show."""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})
"""Unicode categories that are escaped: controls, invisible formats (bidirectional overrides are among them), lone
surrogates, line separators, private and unassigned characters."""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""Text that shows as it is and does nothing: every control or invisible character becomes an escape.

    Markup needs no escaping here: the renderers build styled text from parts and never parse any.

    Examples
    --------
    >>> print(printable("evil\x1b[31m\u202egnp.tp"))
    evil\x1b[31m\u202egnp.tp
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _UNSAFE:
        return character
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _SHORT.get(character) or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")
