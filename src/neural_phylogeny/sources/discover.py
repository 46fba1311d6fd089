"""From what the user typed to the models that are there, each with a unique name."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.records import ModelRef, Part, Skipped
from neural_phylogeny.sources.folders import Found, is_weight_file, models_in, reason_of
from neural_phylogeny.sources.manifest import read_manifest

MANIFESTS = (".csv", ".json")


@dataclass(frozen=True, slots=True)
class _Named:
    found: Found
    name: str | None = None


def discover(
    paths: Sequence[str | os.PathLike[str]],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
) -> tuple[list[ModelRef], list[Skipped]]:
    """Find the models behind files, folders, globs and manifests.

    Parameters
    ----------
    paths : sequence of paths
        A file is taken whatever its suffix; a folder is walked for known suffixes; a ``.csv`` or ``.json`` is a
        manifest of names and paths; anything else may be a glob pattern, whose matches are taken as in a walk.
    include, exclude : sequence of str
        Shell patterns on a model's name or path; with ``include``, only what matches one is kept.
    component : str, optional
        Which of several state dicts to take from each file.

    Returns
    -------
    (models, skipped)
        Names are paths below the deepest folder that holds all models, suffix kept. The same file counts once.
        Whatever was given explicitly and is no model is in ``skipped``, with the reason.
    """
    named: list[_Named] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    for path in paths:
        for item in _expand(os.fspath(path)):
            if isinstance(item, Skipped):
                skipped.append(item)
            elif (real := os.path.realpath(item.found.path)) not in seen:
                seen.add(real)
                named.append(item)
    names = _names(named)
    refs = [
        ModelRef(name, str(item.found.path), item.found.parts, component)
        for name, item in zip(names, named, strict=True)
    ]
    return [ref for ref in refs if _wanted(ref, include, exclude)], skipped


def _expand(path: str) -> Iterator[_Named | Skipped]:
    """The models behind one argument."""
    target = Path(path)
    if target.is_dir():
        found = False
        for item in models_in(target):
            found = True
            yield item if isinstance(item, Skipped) else _Named(item)
        if not found:
            yield Skipped(path, "no checkpoint of a known format in this folder")
    elif target.is_file() and target.suffix.lower() in MANIFESTS:
        yield from _from_manifest(target)
    elif os.path.lexists(target):
        yield _Named(Found(target, (Part(path),)))
    elif matched := sorted(glob.glob(path, recursive=True)):
        for match in map(Path, matched):
            if match.is_dir() or is_weight_file(match):
                yield from _expand(str(match))
    else:
        yield Skipped(path, "no such file or folder")


def _from_manifest(manifest: Path) -> Iterator[_Named | Skipped]:
    try:
        rows = read_manifest(manifest)
    except CheckpointError as error:
        yield Skipped(str(manifest), reason_of(error, str(manifest)))
        return
    for name, target in rows:
        if target.suffix.lower() in MANIFESTS:
            yield Skipped(str(target), "a manifest inside a manifest")
            continue
        items = list(_expand(str(target)))
        alone = len(items) == 1
        yield from (replace(item, name=name) if alone and isinstance(item, _Named) else item for item in items)


def _names(named: Sequence[_Named]) -> list[str]:
    """A unique name each: the manifest's, or the path below the deepest common folder."""
    paths = [Path(os.path.abspath(item.found.path)) for item in named]
    common = Path(os.path.commonpath([path.parent for path in paths])) if _one_drive(paths) else None
    names = [
        item.name or (path.relative_to(common).as_posix() if common else path.as_posix())
        for item, path in zip(named, paths, strict=True)
    ]
    counts, used = Counter(names), Counter[str]()
    unique = []
    for name in names:
        used[name] += 1
        unique.append(name if counts[name] == 1 or used[name] == 1 else f"{name} ({used[name]})")
    return unique


def _one_drive(paths: Sequence[Path]) -> bool:
    return bool(paths) and len({path.drive for path in paths}) == 1


def _wanted(ref: ModelRef, include: Sequence[str], exclude: Sequence[str]) -> bool:
    def matches(patterns: Sequence[str]) -> bool:
        return any(fnmatch.fnmatch(text, pattern) for pattern in patterns for text in (ref.name, ref.path))

    return (not include or matches(include)) and not matches(exclude)
