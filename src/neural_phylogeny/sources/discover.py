"""From what the user typed to the models that are there, each with a unique name."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.records import ModelRef, Part, Skipped
from neural_phylogeny.sources.documents import reason_of
from neural_phylogeny.sources.folders import Found, is_weight_file, models_in, why_unusable
from neural_phylogeny.sources.manifest import is_manifest, read_manifest
from neural_phylogeny.sources.shards import is_index, shards


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
    """Find the models behind files, folders, globs and manifests; no weight file is opened.

    Parameters
    ----------
    paths : sequence of paths
        A file is taken whatever its suffix; a folder is walked for known suffixes; a ``.csv`` or ``.json`` is a
        manifest of names and paths, an ``.index.json`` the model whose shards it names; anything else may be a
        glob pattern, whose matches are taken as in a walk.
    include, exclude : sequence of str
        Shell patterns on a model's name or path; with ``include``, only what matches one is kept. Nothing is said
        of what they leave out.
    component : str, optional
        Which of several state dicts to take from each file.

    Returns
    -------
    (models, skipped)
        Names are paths below the deepest folder that holds all models, suffix kept. The same file counts once.
        Whatever was given explicitly and is no model is in ``skipped``, with the reason.

    Notes
    -----
    A folder is one model when it holds one shard index, a pipeline's ``model_index.json``, or ``config.json`` or
    ``adapter_config.json`` beside a single weight file; its subfolders are still walked. Of the same model in
    several formats one is taken. Other weight files are a model each.
    """
    named: list[_Named] = []
    skipped: dict[Skipped, None] = {}
    seen: set[frozenset[tuple[str, str]]] = set()
    for path in paths:
        for item in _expand(os.fsdecode(path)):
            if isinstance(item, Skipped):
                skipped[item] = None
            elif (files := _files_of(item.found)) not in seen:
                seen.add(files)
                named.append(item)
    refs = [
        ModelRef(name=name, path=item.found.path, parts=item.found.parts, component=component)
        for name, item in zip(_names(named), named, strict=True)
    ]
    return (
        [ref for ref in refs if is_chosen(ref.name, ref.path, include, exclude)],
        [item for item in skipped if not _matches(item.path, item.path, exclude)],
    )


def _expand(path: str) -> Iterator[_Named | Skipped]:
    """The models behind one argument; at least one item, so that nothing given is lost without a word."""
    if os.path.isdir(path):
        items = list(_walk(path))
        yield from items or [Skipped(path=path, reason="no checkpoint of a known format in this folder")]
    elif os.path.isfile(path):
        yield from _from_file(path)
    elif not os.path.lexists(path) and (matched := _matched_by(path)):
        items = list(_from_matches(matched))
        yield from items or [Skipped(path=path, reason="no checkpoint of a known format matches this pattern")]
    else:
        yield Skipped(path=path, reason=why_unusable(path))


def _from_file(path: str) -> Iterator[_Named | Skipped]:
    try:
        if is_index(path):
            yield _Named(Found(path, shards(path)))
        elif is_manifest(path):
            yield from _from_rows(read_manifest(path))
        else:
            yield _Named(Found(path, (Part(file=path),)))
    except CheckpointError as error:
        yield Skipped(path=path, reason=reason_of(error, path))


def _from_rows(rows: Sequence[tuple[str, str]]) -> Iterator[_Named | Skipped]:
    """A row that stands for one model gives it its name; a folder or pattern of several leaves them theirs."""
    for name, target in rows:
        if is_manifest(target):
            yield Skipped(path=target, reason="a manifest cannot name another manifest")
            continue
        items = list(_expand(target))
        alone = sum(isinstance(item, _Named) for item in items) == 1
        yield from (replace(item, name=name) if alone and isinstance(item, _Named) else item for item in items)


def _matched_by(pattern: str) -> list[str]:
    try:
        return sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else []
    except ValueError:  # characters that no path can hold
        return []


def _from_matches(matched: Iterable[str]) -> Iterator[_Named | Skipped]:
    """What a pattern matched, folders before what lies in them, which their walk has covered."""
    walked: list[str] = []
    for match in matched:
        if any(match.startswith(folder) for folder in walked):
            continue
        if os.path.isdir(match):
            walked.append(os.path.join(match, ""))
            yield from _walk(match)
        elif is_weight_file(match):
            yield _Named(Found(match, (Part(file=match),)))


def _walk(folder: str) -> Iterator[_Named | Skipped]:
    return (item if isinstance(item, Skipped) else _Named(item) for item in models_in(folder))


def _files_of(found: Found) -> frozenset[tuple[str, str]]:
    """What makes two finds the same model: the real files and the prefixes they are read under."""
    return frozenset((os.path.realpath(part.file), part.prefix) for part in found.parts)


def _names(named: Sequence[_Named]) -> list[str]:
    """A unique name each: the manifest's, or the path below the deepest common folder."""
    paths = [Path(os.path.abspath(item.found.path)) for item in named]
    common = Path(os.path.commonpath([path.parent for path in paths])) if _one_drive(paths) else None
    names = [
        item.name or (path.relative_to(common).as_posix() if common else path.as_posix())
        for item, path in zip(named, paths, strict=True)
    ]
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


def is_chosen(name: str, path: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether the filters keep a model: its name or path matches ``include``, if there is any, and not ``exclude``.

    Examples
    --------
    >>> is_chosen("run/a.pt", "/data/run/a.pt", ["run/*"], ["*b.pt"])
    True
    """
    return (not include or _matches(name, path, include)) and not _matches(name, path, exclude)


def _matches(name: str, path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(text, pattern) for pattern in patterns for text in (name, path))
