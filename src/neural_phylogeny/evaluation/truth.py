"""Truth files: what is documented of a group of models, in ``truth.json`` beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from neural_phylogeny.errors import SavedFileError


@dataclass(frozen=True)
class Truth:
    """What is known of a group: pairs of names, with how certain each claim is.

    ``edges`` are (parent, child, certainty), ``unrelated`` and ``siblings`` (a, b, certainty), ``copies``
    (source, copy). ``complete`` says that every relation is known, and then ``roots`` names every model without a
    parent here.
    """

    edges: tuple[tuple[str, str, str], ...]
    unrelated: tuple[tuple[str, str, str], ...] = ()
    siblings: tuple[tuple[str, str, str], ...] = ()
    copies: tuple[tuple[str, str], ...] = ()
    roots: tuple[str, ...] = ()
    complete: bool = False


def read_truth(path: str | PathLike[str]) -> Truth:
    """Read a truth file.

    Raises
    ------
    SavedFileError
        When it is missing, not JSON, or an entry lacks a name; says which.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SavedFileError(f"{path}: {str(error.strerror).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"{path}: not a truth file: not JSON ({error})") from error
    if not isinstance(content, dict) or not isinstance(content.get("edges"), list):
        raise SavedFileError(f"{path}: not a truth file: it has no list of edges")
    try:
        return Truth(
            edges=tuple(_claims(content["edges"], "parent", "child")),
            unrelated=tuple(_claims(content.get("unrelated", ()), "a", "b")),
            siblings=tuple(_claims(content.get("siblings", ()), "a", "b")),
            copies=tuple((a, b) for a, b, _ in _claims(content.get("copies", ()), "source", "copy")),
            roots=tuple(map(str, content.get("roots", ()))),
            complete=content.get("complete") is True,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise SavedFileError(f"{path}: a claim lacks {error}") from error


def _claims(entries: Iterable[Mapping[str, Any]], first: str, second: str) -> Iterable[tuple[str, str, str]]:
    for entry in entries:
        yield str(entry[first]), str(entry[second]), str(entry.get("certainty", "documented"))
