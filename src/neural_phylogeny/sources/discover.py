"""From what the user typed to the models that are there, each with a unique name."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from neural_phylogeny.errors import CheckpointError, LimitError, MissingExtraError, shortened, shown
from neural_phylogeny.formats.limits import Budget, check
from neural_phylogeny.inputs import ModelRef, Skipped
from neural_phylogeny.sources.asides import Aside, summarise
from neural_phylogeny.sources.documents import reason_of
from neural_phylogeny.sources.folders import models_in
from neural_phylogeny.sources.found import Found, Item
from neural_phylogeny.sources.grouping import joined, models_of, of_numbered, why_unusable
from neural_phylogeny.sources.listing import Listing
from neural_phylogeny.sources.manifest import is_document, is_manifest, leaves, read_manifest
from neural_phylogeny.sources.names import model_names, revision_of
from neural_phylogeny.sources.patterns import has_magic, matches
from neural_phylogeny.sources.remote import is_address, mirrored, public
from neural_phylogeny.sources.shards import is_index, shards

Asides = list[tuple[str, Aside]]
"""(folder or pattern that was searched, file) of what is not a model, or is not read."""


NOT_A_MANIFEST = "lies beside weights, by its name, and is not a manifest; give a manifest another name"


@dataclass(frozen=True, slots=True)
class _Named:
    """A model, the name that a manifest gives it, and the folder or pattern it was found in."""

    found: Found
    name: str | None = None
    found_in: str = ""


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
        An address, as ``hf://org/name@revision``, stands for the file or folder that it leads to. A file is taken
        whatever its suffix; a folder is walked; a ``.csv`` or ``.json`` is a manifest of names and
        paths, an ``.index.json`` the model whose shards it names; anything else may be a glob pattern, whose matches
        are taken as in a walk.
    include, exclude : sequence of str
        Shell patterns on a model's name or path; with ``include``, only what matches one is kept. What they leave out
        is not mentioned.
    component : str, optional
        Which of several state dicts to take from each file.

    Returns
    -------
    (models, skipped)
        Names are paths below the deepest folder that holds all models, suffix kept. The same file counts once.
        Whatever was given explicitly and is not a model is in ``skipped``, with the reason; so is what else a search
        saw that may be a model or lies beside models, by kind and count.

    Notes
    -----
    A folder is one model when it holds one shard index or one set of numbered shards, a pipeline's
    ``model_index.json``, or ``config.json`` or ``adapter_config.json`` beside a single weight file; its subfolders are
    still walked. Of files that hold the same weights in several formats one is taken. Other weight files are a model
    each.

    Costs a look at each entry; of files whose suffix is not known the first 4 kB are read, and headers only where these
    are those of a checkpoint or where a folder may be about one model. Values are read where two files of such a folder
    should hold the same model, at most 2 to the 24th of each.
    """
    models, skipped, asides = search(paths, include=include, exclude=exclude, component=component)
    return models, [*skipped, *map(as_shown, summarise(asides))]


def search(
    paths: Sequence[str | os.PathLike[str]],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
) -> tuple[list[ModelRef], list[Skipped], Asides]:
    """As ``discover``, with each file that is not a model or is not read in a list of its own."""
    named: list[_Named] = []
    skipped: dict[Skipped, None] = {}
    asides: Asides = []
    seen: set[frozenset[tuple[str, str, str, str]]] = set()
    budget = Budget("entries", "these inputs")
    for item in _shards_joined([(item, root) for path in paths for item, root in _expand(os.fsdecode(path), budget)]):
        if isinstance(item, Skipped):
            skipped[item] = None
        elif isinstance(item, tuple):
            asides.append(item)
        elif (files := _files_of(item.found)) not in seen:
            seen.add(files)
            named.append(item)
    names = model_names([item.name for item in named], [item.found.path for item in named])
    refs = [item.found.ref(item.found_in, name, component) for name, item in zip(names, named, strict=True)]
    return (
        [ref for ref in refs if is_chosen(ref.name, shown(ref.path), include, exclude)],
        [as_shown(item) for item in skipped if not _matches(item.path, shown(item.path), exclude)],
        [(root, aside) for root, aside in asides if not _matches(aside.path, aside.path, exclude)],
    )


def as_shown(skipped: Skipped) -> Skipped:
    """The record with addresses for the paths that stand for them."""
    path, reason = shown(skipped.path), shown(skipped.reason)
    return skipped if (path, reason) == (skipped.path, skipped.reason) else replace(skipped, path=path, reason=reason)


def _shards_joined(
    items: Sequence[tuple[_Named | Skipped | Aside, str]],
) -> Iterator[_Named | Skipped | tuple[str, Aside]]:
    """The same items, with a complete set of shards that were named one by one as one model."""
    single = {
        item.found.path: item
        for item, root in items
        if isinstance(item, _Named) and not item.name and not item.found_in
    }
    groups = {file: group for group in joined(single) for file in group.files}
    for item, root in items:
        if isinstance(item, Aside):
            yield root, item
        elif isinstance(item, _Named) and single.get(item.found.path) is item and item.found.path in groups:
            group = groups[item.found.path]
            if item.found.path == group.files[0]:
                yield replace(item, found=of_numbered(group))
        else:
            yield item


def _expand(path: str, budget: Budget) -> Iterator[tuple[_Named | Skipped | Aside, str]]:
    """What is behind one argument, with it; at least one item, so that nothing given is lost without a word."""
    if is_address(path):
        try:
            path = mirrored(path)
        except (CheckpointError, MissingExtraError) as error:
            yield Skipped(path=public(path), reason=reason_of(error, public(path))), path
            return
    try:
        yield from _expanded(path, budget)
    except LimitError as error:
        yield Skipped(path=shortened(path), reason=reason_of(error, path)), path


def _expanded(path: str, budget: Budget) -> Iterator[tuple[_Named | Skipped | Aside, str]]:
    if os.path.isdir(path):
        items = list(models_in(path))
        if not any(isinstance(item, Found | Skipped) for item in items):
            items.append(Skipped(path=path, reason="no checkpoint of a known format in this folder"))
        yield from _searched(items, path)
    elif os.path.isfile(path):
        yield from _from_file(path, budget)
    elif not os.path.lexists(path) and (matched := _matched_by(path, budget)):
        items = _from_matches(matched)
        if not any(isinstance(item, Found | Skipped) for item in items):
            items.append(Skipped(path=path, reason="no checkpoint of a known format matches this pattern"))
        yield from _searched(items, path)
    else:
        yield Skipped(path=shortened(path), reason=why_unusable(path)), path


def _searched(items: Iterable[Item], root: str) -> Iterator[tuple[_Named | Skipped | Aside, str]]:
    return ((_Named(item, None, root) if isinstance(item, Found) else item, root) for item in items)


def _from_file(path: str, budget: Budget) -> Iterator[tuple[_Named | Skipped | Aside, str]]:
    try:
        if is_index(path):
            yield _Named(Found(path, shards(path), path)), path
        elif is_document(path):
            yield Skipped(path=path, reason=NOT_A_MANIFEST, is_model=False), path
        elif is_manifest(path):
            yield from _from_rows(path, read_manifest(path), budget)
        else:
            yield _Named(Found.of_file(path)), path
    except CheckpointError as error:
        yield Skipped(path=path, reason=reason_of(error, path)), path


def _from_rows(
    manifest: str, rows: Sequence[tuple[str, str]], budget: Budget
) -> Iterator[tuple[_Named | Skipped | Aside, str]]:
    """A row that stands for one model gives it its name; a folder or pattern of several leaves them theirs."""
    outside = 0
    for name, target in rows:
        if is_manifest(target):
            yield Skipped(path=shortened(target), reason="a manifest cannot name another manifest"), target
            continue
        if leaves(manifest, target):
            outside += 1
            try:
                check("outside", outside, manifest)
            except LimitError as error:
                yield Skipped(path=shortened(target), reason=f"row {name!r}: {reason_of(error, manifest)}"), target
                continue
        items = [
            (replace(item, reason=f"row {name!r}: {item.reason}") if isinstance(item, Skipped) else item, root)
            for item, root in _expand(target, budget)
        ]
        alone = sum(isinstance(item, _Named) for item, _ in items) == 1
        for item, root in items:
            yield (replace(item, name=name) if alone and isinstance(item, _Named) else item), root


def _matched_by(pattern: str, budget: Budget) -> list[str]:
    try:
        return sorted(matches(pattern, budget)) if has_magic(pattern) else []
    except ValueError as error:  # characters that no path can hold
        if isinstance(error, CheckpointError):
            raise
        return []


def _from_matches(matched: Iterable[str]) -> list[Item]:
    """What a pattern matched: folders are walked, and files taken folder by folder, as if there were no others."""
    walked: list[str] = []
    files: dict[str, list[str]] = {}
    items: list[Item] = []
    for match in matched:
        if any(match.startswith(folder) for folder in walked):
            continue
        if os.path.isdir(match):
            walked.append(os.path.join(match, ""))
            items += models_in(match)
        elif not match.endswith(".json"):
            files.setdefault(os.path.dirname(match), []).append(match)
    for folder, members in files.items():
        items += models_of(Listing.from_paths(folder, members))
    return sorted(items, key=lambda item: item.path)


def _files_of(found: Found) -> frozenset[tuple[str, str, str, str]]:
    """What makes two finds the same model: the real files, the names they are read under, and a hub's revision."""
    revision = revision_of(found.path)
    return frozenset((os.path.realpath(part.file), part.prefix, part.tensor, revision) for part in found.parts)


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
