"""Folders that trainers write: distributed checkpoints, a chain of modules of Sentence-Transformers."""

from __future__ import annotations

import os
from dataclasses import replace

from neural_phylogeny.errors import CheckpointError, DamagedFileError
from neural_phylogeny.formats.trainer_files import METADATA, OPTIMISERS, STATES, SUFFIX, is_first
from neural_phylogeny.inputs import Part, Skipped
from neural_phylogeny.sources.documents import read_json, reason_of
from neural_phylogeny.sources.found import Found, Item
from neural_phylogeny.sources.grouping import models_of
from neural_phylogeny.sources.listing import Listing

MODULES = "modules.json"

MODULES_LIMIT = 64
"""Most modules of a chain that are looked into."""


def distributed(listing: Listing) -> tuple[Found | None, Listing]:
    """The model of a distributed checkpoint of PyTorch, such as FSDP writes, and what else lies in the folder."""
    metadata = os.path.join(listing.folder, METADATA)
    if not any(path.endswith(SUFFIX) for path in listing.doubtful) or not os.path.isfile(metadata):
        return None, listing
    others = tuple(path for path in listing.doubtful if not path.endswith(SUFFIX))
    asides = tuple(aside for aside in listing.asides if aside.path != metadata)
    return Found(listing.folder, (Part(file=metadata),)), replace(listing, doubtful=others, asides=asides)


def zero(listing: Listing) -> tuple[Found | None, Listing]:
    """The model of a checkpoint of DeepSpeed's ZeRO-3, and what else lies in the folder."""
    states = sorted(path for path in listing.weights if STATES.fullmatch(os.path.basename(path)))
    optimisers = [aside for aside in listing.asides if OPTIMISERS.fullmatch(os.path.basename(aside.path))]
    first = [path for path in states if is_first(os.path.basename(path))]
    if not first or not optimisers:
        return None, listing
    rest = replace(
        listing,
        weights=tuple(path for path in listing.weights if path not in states),
        asides=tuple(aside for aside in listing.asides if aside not in optimisers),
    )
    return Found(listing.folder, (Part(file=first[0]),)), rest


def modules(listing: Listing) -> tuple[list[Item], set[str]]:
    """The modules of Sentence-Transformers as one model, and their subfolders; nothing where one has no weights.

    The first keeps its names, so that it compares with the transformer that it was made from; others have their folder
    in front.
    """
    index = os.path.join(listing.folder, MODULES)
    try:
        content = read_json(index, "Download it again.")
        if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
            raise DamagedFileError("the list of modules is not a list of objects", path=index)
    except CheckpointError as error:
        return [Skipped(path=index, reason=reason_of(error, index), is_model=False)], set()
    parts: list[Part] = []
    folders: set[str] = set()
    items: list[Item] = []
    for row in content[:MODULES_LIMIT]:
        name = row.get("path")
        if not isinstance(name, str) or os.path.basename(name) != name or name in (".", ".."):
            return [], set()
        folder = os.path.join(listing.folder, name) if name else listing.folder
        if name and folder not in listing.subfolders:
            continue
        found = models_of(listing if not name else Listing.of(folder))
        models = [item for item in found if isinstance(item, Found)]
        if len(models) > 1 or any(isinstance(item, Skipped) and item.is_model for item in found):
            return [], set()
        prefix = f"{name}." if parts and name else ""
        parts += [Part(file=part.file, prefix=prefix) for model in models for part in model.parts]
        items += [item for item in found if not isinstance(item, Found)]
        folders.add(folder)
    if len({part.prefix for part in parts}) < 2:
        return [], set()
    return [Found(listing.folder, tuple(parts)), *items], folders
