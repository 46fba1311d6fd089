"""Text that every Python has: its sources, its documentation, its code tables; cut into tokens."""

from __future__ import annotations

import pydoc_data.topics
import re
import sysconfig
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import SavedFileError

Tokens = NDArray[np.int64]

DOMAINS = ("code", "network", "docs", "names", "tables", "licences")
"""Kinds of text: two parts of the standard library, its documentation, names of characters, code tables, licences."""

SPECIAL = 4
PAD, MASK, BEGIN, SEPARATOR = range(SPECIAL)
"""The first tokens; then one for each byte, then the most common pieces of all domains."""

LETTERS = 400_000
"""Characters of a domain."""

_PIECE = re.compile(r"[A-Za-z]+|[0-9]|\s+|.", re.DOTALL)


@cache
def text_of(domain: str) -> str:
    """The text of a domain, at most ``LETTERS`` characters.

    Raises
    ------
    SavedFileError
        When there is no such domain.
    """
    library = Path(sysconfig.get_path("stdlib"))
    if domain == "docs":
        text = "\n".join(pydoc_data.topics.topics.values())
    elif domain == "names":
        text = "\n".join(unicodedata.name(chr(code), "") for code in range(32, 0x3000))
    elif domain == "licences":
        found = [*library.glob("LICENSE*"), *sorted(Path("/usr/share/common-licenses").glob("*"))]
        text = "\n".join(_read(path) for path in found) or text_of("docs")[::-1]
    else:
        folders = {"code": ("",), "network": ("email", "http", "asyncio", "xml/dom"), "tables": ("encodings",)}
        if domain not in folders:
            raise SavedFileError(f"no text {domain!r}; known: {', '.join(DOMAINS)}")
        paths = [path for folder in folders[domain] for path in sorted((library / folder).glob("*.py"))]
        text = "\n".join(_read(path) for path in paths[: 60 if domain == "code" else None])
    return text[:LETTERS]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


@cache
def _pieces() -> tuple[str, ...]:
    """All pieces of more than one byte, the most common first."""
    counts = Counter(piece for domain in DOMAINS for piece in _PIECE.findall(text_of(domain)))
    return tuple(sorted((piece for piece in counts if len(piece.encode()) > 1), key=lambda p: (-counts[p], p)))


@cache
def tokens_of(domain: str, vocabulary: int) -> Tokens:
    """A domain as tokens below ``vocabulary``; a larger vocabulary has the tokens of a smaller one and more."""
    known = {piece: SPECIAL + 256 + k for k, piece in enumerate(_pieces()[: max(vocabulary - SPECIAL - 256, 0)])}
    tokens: list[int] = []
    for piece in _PIECE.findall(text_of(domain)):
        if piece in known:
            tokens.append(known[piece])
        else:
            tokens.extend(SPECIAL + byte for byte in piece.encode())
    return np.array(tokens, dtype=np.int64)


def kinds_of(tokens: Tokens) -> Tokens:
    """A label for each token: special, control or space, digit, upper, lower, other byte, piece; 7 of them."""
    byte = tokens - SPECIAL
    labels = np.full(tokens.shape, 5, dtype=np.int64)
    for label, (low, high) in {1: (0, 33), 2: (48, 58), 3: (65, 91), 4: (97, 123), 6: (256, 1 << 30)}.items():
        labels[(byte >= low) & (byte < high)] = label
    labels[tokens < SPECIAL] = 0
    return labels
