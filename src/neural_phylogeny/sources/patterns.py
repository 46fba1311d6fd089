"""Shell patterns on paths, within a budget: a pattern may not walk the whole disk."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from glob import has_magic

from neural_phylogeny.formats.limits import Budget

__all__ = ["has_magic", "matches"]


def matches(pattern: str, budget: Budget) -> Iterator[str]:
    """The paths that a pattern matches, as ``glob.glob`` with ``recursive=True``, in no order and each once.

    Raises
    ------
    LimitError
        When more entries had to be looked at than the budget allows.
    """
    drive, rest = os.path.splitdrive(pattern)
    start = re.match(r"[/\\\\]*" if os.altsep else r"/*", rest)
    root = drive + (start[0] if start else "")
    parts = [part for part in rest.replace(os.altsep or os.sep, os.sep).split(os.sep) if part]
    plain = [part for k, part in enumerate(parts) if part != "**" or parts[k - 1 : k] != ["**"]]
    seen: set[str] = set()
    for found in _below(root, plain, budget):
        if found not in seen:
            seen.add(found)
            yield found


def _below(folder: str, parts: list[str], budget: Budget) -> Iterator[str]:
    if not parts:
        if folder:
            yield folder
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _below(folder, rest, budget)
        for entry in _entries(folder, budget):
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                yield from _below(os.path.join(folder, entry.name), parts, budget)
            elif not rest:
                yield os.path.join(folder, entry.name)
    elif has_magic(first):
        for entry in _entries(folder, budget):
            if (first.startswith(".") or not entry.name.startswith(".")) and fnmatch.fnmatch(entry.name, first):
                path = os.path.join(folder, entry.name)
                if not rest:
                    yield path
                elif _is_folder(entry, follow=True):
                    yield from _below(path, rest, budget)
    else:
        budget.spend()
        path = os.path.join(folder, first)
        if rest:
            if os.path.isdir(path):
                yield from _below(path, rest, budget)
        elif os.path.lexists(path):
            yield path


def _entries(folder: str, budget: Budget) -> list[os.DirEntry[str]]:
    found: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder or os.curdir) as entries:
            for entry in entries:
                budget.spend()
                found.append(entry)
    except OSError:
        pass
    return found


def _is_folder(entry: os.DirEntry[str], follow: bool = False) -> bool:
    """Whether an entry is a folder; ``**`` follows no links, which may go round in circles."""
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:
        return False
