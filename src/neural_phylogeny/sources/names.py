"""What models are called: the manifest's name, or the path below the folder that holds them all."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from neural_phylogeny.errors import shown

HUB_PREFIX = "models--"
"""How the folder of a repository begins in a hub's cache; slashes of the repository's name are ``--`` there."""

SHORT_REVISION = 8
"""Digits of a revision that are shown."""


def model_names(given: Sequence[str | None], paths: Sequence[str]) -> list[str]:
    """A unique name each: the one given, or the path below the deepest common folder.

    Below a hub's cache the repository is named instead of the folders it lies in, with the revision where there are
    several. Linear in the number of models.

    Examples
    --------
    >>> model_names([None, None, "base"], ["/x/run1/a.pt", "/x/run2/a.pt", "/x/b.pt"])
    ['run1/a.pt', 'run2/a.pt', 'base']
    >>> model_names([None], ["/hub/models--org--net/snapshots/0123456789abcdef/unet"])
    ['org/net/unet']
    """
    absolute = [Path(os.path.abspath(path)) for path in paths]
    hub = _hub_names(absolute)
    plain = [path for path, name in zip(absolute, hub, strict=True) if not name]
    common = {is_far: _common([path for path in plain if _is_far(path) is is_far]) for is_far in (False, True)}
    names = [
        name
        or of_hub
        or (path.relative_to(folder).as_posix() if (folder := common[_is_far(path)]) else path.as_posix())
        for name, of_hub, path in zip(given, hub, absolute, strict=True)
    ]
    return _unique(names)


def _is_far(path: Path) -> bool:
    """Whether a path stands for an address: such names have a common folder of their own."""
    return shown(str(path)) != str(path)


def _common(paths: Sequence[Path]) -> Path | None:
    return Path(os.path.commonpath([path.parent for path in paths])) if _one_drive(paths) else None


def _hub_names(paths: Sequence[Path]) -> list[str]:
    """The name of each path in a hub's cache; empty for the others."""
    places = [_place_in_hub(path) for path in paths]
    revisions = Counter(repository for repository, _ in {place[:2] for place in places if place})
    names = []
    for place in places:
        if place is None:
            names.append("")
            continue
        repository, revision, rest = place
        marked = f"{repository}@{revision[:SHORT_REVISION]}" if revisions[repository] > 1 else repository
        names.append("/".join([marked, *rest]))
    return names


def _place_in_hub(path: Path) -> tuple[str, str, tuple[str, ...]] | None:
    """Repository, revision, and the path inside of it."""
    parts = path.parts
    for at, part in enumerate(parts[:-2]):
        if part.startswith(HUB_PREFIX) and parts[at + 1] == "snapshots":
            return part.removeprefix(HUB_PREFIX).replace("--", "/"), parts[at + 2], parts[at + 3 :]
    return None


def revision_of(path: str) -> str:
    """The revision of a repository that a path in a hub's cache belongs to; empty elsewhere.

    Two revisions are two models even where they link to one file.
    """
    place = _place_in_hub(Path(os.path.abspath(path)))
    return place[1] if place else ""


def _unique(names: list[str]) -> list[str]:
    """The same names, numbered where one occurs twice."""
    taken = set(names)
    used: set[str] = set()
    for position, name in enumerate(names):
        unique, number = name, 1
        while unique in used or (number > 1 and unique in taken):
            number += 1
            unique = f"{name} ({number})"
        used.add(unique)
        names[position] = unique
    return names


def _one_drive(paths: Sequence[Path]) -> bool:
    return bool(paths) and len({path.drive for path in paths}) == 1
