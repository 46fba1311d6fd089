"""A walk through folders: what is one model, folder by folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

from neural_phylogeny.files.regular import unreadable
from neural_phylogeny.inputs import Skipped
from neural_phylogeny.sources.documents import reason_of
from neural_phylogeny.sources.found import Item
from neural_phylogeny.sources.grouping import models_of
from neural_phylogeny.sources.layouts import PIPELINE_INDEX, in_hub_cache, pipeline, universal
from neural_phylogeny.sources.listing import Listing
from neural_phylogeny.sources.trainers import MODULES, distributed, modules, zero

OUTSIDE = "a link that leads outside of the folder; name the file itself, or allow them with --limit links=1"


def models_in(folder: str) -> Iterator[Item]:
    """All models below a folder, sorted, and what lies beside them; hidden entries are not entered.

    Each folder is looked into once, so that a loop of links ends.
    """
    pending: list[str | Item] = [folder]
    seen: set[tuple[int, int] | str] = set()
    while pending:  # a list, not recursion: folders may be nested deeper than Python's stack
        item = pending.pop()
        if not isinstance(item, str):
            yield item
        elif (identity := _identity(item)) not in seen:
            seen.add(identity)
            pending.extend(reversed(_look_into(item, folder)))


def _identity(folder: str) -> tuple[int, int] | str:
    """What tells a folder from every other, whatever links lead to it."""
    try:
        status = os.stat(folder)
    except OSError:
        return folder
    # some network file systems number nothing; resolving a path costs a look at each folder above it
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)


def _look_into(folder: str, root: str) -> list[str | Item]:
    """What one folder holds: first itself where it is a model, then the rest by name; subfolders as paths."""
    try:
        listing = Listing.of(folder, root)
    except OSError as error:
        return [Skipped(path=folder, reason=reason_of(unreadable(folder, error), folder))]
    cached = in_hub_cache(listing)
    if cached is not None:
        return cached
    components: set[str] = set()
    found: list[Item] = []
    if PIPELINE_INDEX in listing.documents:
        found, components = pipeline(listing)
    elif (whole := universal(listing)) is not None:
        found, components = whole
    elif MODULES in listing.documents:
        found, components = modules(listing)
    for together in (distributed, zero):
        ranked, listing = together(listing)
        found += [ranked] if ranked is not None else []
    found += [] if folder in components else models_of(listing)
    found += [Skipped(path=path, reason=OUTSIDE) for path in listing.outside]
    rest = [*found, *(subfolder for subfolder in listing.subfolders if subfolder not in components)]
    return sorted(rest, key=lambda item: item if isinstance(item, str) else item.path)
