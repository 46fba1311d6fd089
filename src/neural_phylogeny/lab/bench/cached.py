"""Cached collections: the statistics of one pass and the truth, so that no table needs the weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.evaluation.truth import Truth, parse_truth
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.files.json_fields import Fields
from neural_phylogeny.inputs import ModelRef, Skipped
from neural_phylogeny.lab.bench.cached_adapters import restored, stored
from neural_phylogeny.reconstruction.collect import Collection, gather
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.statistics.cache import CachedStatistics, load, save
from neural_phylogeny.statistics.condensed import condense, expand

TRUTH = "truth.json"


@dataclass(frozen=True)
class CachedCollection:
    """A measured collection with its truth, and its place in a suite."""

    cell: str
    seed: int
    collection: Collection
    truth: Truth


def find_collections(folder: Path) -> list[tuple[str, int, Path]]:
    """(cell, seed, folder) of every ``CELL/SEED/truth.json`` or ``GROUP/truth.json`` below a folder, in order.

    Raises
    ------
    SavedFileError
        When there is none.
    """
    found = [
        (path.parent.parent.name, int(path.parent.name), path.parent)
        for path in folder.glob(f"*/*/{TRUTH}")
        if path.parent.name.isdecimal()
    ]
    found += [(path.parent.name, 0, path.parent) for path in folder.glob(f"*/{TRUTH}")]
    if not found:
        raise SavedFileError(f"{folder}: expected collections here, CELL/SEED/{TRUTH} or GROUP/{TRUTH}, and found none")
    return sorted(found)


def cache(folder: Path, target: Path) -> bool:
    """Measure the collection in a folder and write a file; returns whether that was needed.

    One read of the checkpoints. A file with the same truth is left as it is.
    """
    truth = (folder / TRUTH).read_text(encoding="utf-8")
    if target.exists() and load(target).about.get("truth") == truth:
        return False
    collection = gather(folder, Reading())
    about = {
        "truth": truth,
        "models": [
            {"name": ref.name, "format": form, "parameters": int(size)}
            for ref, form, size in zip(collection.refs, collection.formats, collection.parameters, strict=True)
        ],
        "skipped": [{"path": Path(skipped.path).name, "reason": ""} for skipped in collection.skipped],
        "notes": list(collection.notes),
        "adapters": stored(collection.adapters),
    }
    groups = tuple(
        replace(group, statistics=condense(group.statistics)) for group in (*collection.groups, *collection.families)
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as file:
        save(file, CachedStatistics(tuple(ref.name for ref in collection.refs), 0, groups, about))
    return True


def load_cached(path: Path) -> CachedCollection:
    """Read a cached collection; its cell and seed are the names of its folder and file.

    Raises
    ------
    SavedFileError
        When it is damaged, or no cached collection.
    """
    saved = load(path)
    try:
        about = Fields(dict(saved.about), "cached collection")
        models = about.objects("models")
        truth = parse_truth(about.text("truth"), default_group=path.parent.name)
        groups = [replace(group, statistics=expand(group.statistics)) for group in saved.groups]
        collection = Collection(
            refs=tuple(ModelRef(name=model.text("name"), path=model.text("name"), parts=()) for model in models),
            formats=tuple(model.text("format") for model in models),
            parameters=np.array([model.integer("parameters") for model in models], dtype=np.int64),
            skipped=tuple(
                Skipped(path=item.text("path"), reason=item.text("reason")) for item in about.objects("skipped")
            ),
            groups=tuple(group for group in groups if not group.is_family),
            families=tuple(group for group in groups if group.is_family),
            notes=about.texts("notes"),
            adapters=restored(about.objects("adapters", default=()), len(models)),
        )
    except SavedFileError as error:
        raise SavedFileError(f"{path}: {error}") from error
    seed = int(path.stem) if path.stem.isdecimal() else 0
    return CachedCollection(path.parent.name, seed, collection, truth)


def pair_of(collection: Collection, a: str, b: str) -> Collection | None:
    """The collection of two of its models alone; None when they were not measured together."""
    index = {ref.name: k for k, ref in enumerate(collection.refs)}
    if a not in index or b not in index:
        return None
    chosen = [index[a], index[b]]
    for group in collection.groups:
        if set(chosen) <= set(group.members):
            rows = [group.members.index(model) for model in chosen]
            return replace(
                collection,
                refs=tuple(collection.refs[model] for model in chosen),
                formats=tuple(collection.formats[model] for model in chosen),
                parameters=collection.parameters[chosen],
                skipped=(),
                adapters=(),
                groups=(replace(group, members=(0, 1), statistics=group.statistics.subset(rows)),),
                families=(),
            )
    return None
