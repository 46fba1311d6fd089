"""Folders of a known layout: a diffusers pipeline, a hub's cache, a universal checkpoint of DeepSpeed."""

from __future__ import annotations

import os
from typing import Any

from neural_phylogeny.errors import CheckpointError, DamagedFileError
from neural_phylogeny.files.regular import unreadable
from neural_phylogeny.formats.moments import is_moment
from neural_phylogeny.inputs import Part, Skipped
from neural_phylogeny.sources.asides import TRAINING, Aside
from neural_phylogeny.sources.documents import read_json, reason_of
from neural_phylogeny.sources.found import Found, Item, liking
from neural_phylogeny.sources.grouping import compared, models_of, problem_of, sentence
from neural_phylogeny.sources.likeness import Verdict
from neural_phylogeny.sources.links import BLOBS, SNAPSHOTS
from neural_phylogeny.sources.listing import Listing

PIPELINE_INDEX = "model_index.json"

WITHOUT_WEIGHTS = ("Scheduler", "Tokenizer", "TokenizerFast", "FeatureExtractor", "Processor", "Guider", "Solver")
"""How the classes of a pipeline's components end that have no weights."""

UNIVERSAL_WEIGHTS, UNIVERSAL_FOLDER = "fp32.pt", "zero"
"""In a universal checkpoint each parameter has a folder, with its weights and its moments in a file each."""

LOOKED_AT = 3
"""How many subfolders are looked into to tell a universal checkpoint."""


def in_hub_cache(listing: Listing) -> list[Item | str] | None:
    """The snapshots of a repository in a hub's cache, as folders still to be walked; None where it is none.

    The blobs are the same files under other names.
    """
    names = {os.path.basename(path): path for path in listing.subfolders}
    if not {BLOBS, SNAPSHOTS} <= names.keys():
        return None
    try:
        unfinished = [aside for aside in Listing.of(names[BLOBS]).asides if aside.path.endswith(".incomplete")]
    except OSError:
        unfinished = []
    return [names[SNAPSHOTS], *unfinished]


def universal(listing: Listing) -> tuple[list[Item], set[str]] | None:
    """The model of a universal checkpoint, and the subfolders of its parameters; None where it is none."""
    first = [_files_in(path) for path in listing.subfolders[:LOOKED_AT]]
    if not any(UNIVERSAL_WEIGHTS in names and any(map(_is_moment_file, names)) for names in first):
        return None
    parts: list[Part] = []
    asides: list[Item] = []
    for path in listing.subfolders:
        names = _files_in(path)
        if UNIVERSAL_WEIGHTS in names:
            parts.append(Part(file=os.path.join(path, UNIVERSAL_WEIGHTS), tensor=os.path.basename(path)))
            asides += [Aside(os.path.join(path, name), TRAINING) for name in names if name != UNIVERSAL_WEIGHTS]
    outer, name = os.path.split(listing.folder)
    path = outer if outer and name == UNIVERSAL_FOLDER else listing.folder
    return [Found(path, tuple(parts)), *asides], {os.path.dirname(part.file) for part in parts}


def pipeline(listing: Listing) -> tuple[list[Item], set[str]]:
    """A diffusers pipeline as one model, and the subfolders that are its components."""
    index = os.path.join(listing.folder, PIPELINE_INDEX)
    remedy = "Download it again."
    try:
        content = read_json(index, remedy)
        if not isinstance(content, dict):
            raise DamagedFileError("the pipeline index is not a JSON object", path=index, remedy=remedy)
    except CheckpointError as error:
        return [Skipped(path=index, reason=reason_of(error, index))], set()
    components = [path for path in listing.subfolders if isinstance(content.get(os.path.basename(path)), list)]
    parts: list[Part] = []
    found: list[Item] = []
    incomplete = []
    for component in components:
        name = os.path.basename(component)
        weights, others = _component(component, listing.root)
        parts += [Part(file=part.file, prefix=f"{name}.{part.prefix}") for part in weights]
        found += others
        if not weights and any(isinstance(item, Skipped) and item.is_model for item in others):
            incomplete.append(name)
    if gone := _named_and_gone(content, listing):
        reason = f"the pipeline's index names {', '.join(map(repr, gone))[:200]}, which is not there"
        found.append(Skipped(path=index, reason=f"{reason}. Download the whole folder again."))
    if incomplete:
        reason = f"the pipeline's component {incomplete[0]!r} cannot be read"
        found.append(Skipped(path=listing.folder, reason=reason))
    elif parts:
        found.append(Found(listing.folder, tuple(parts)))
    return found, set(components)


def _named_and_gone(content: dict[str, Any], listing: Listing) -> list[str]:
    """Components with weights that a pipeline's index names and that have no folder."""
    there = {os.path.basename(path) for path in listing.subfolders}
    return [
        name
        for name, value in content.items()
        if isinstance(value, list)
        and len(value) == 2
        and all(isinstance(word, str) for word in value)
        and not value[1].endswith(WITHOUT_WEIGHTS)
        and name not in there
    ]


def _component(folder: str, root: str) -> tuple[tuple[Part, ...], list[Item]]:
    """The weight files of a pipeline's component, and what else lies there.

    Of several models the plainest name that can be read is the component; others are models of their own unless they
    hold the same weights, perhaps rounded.
    """
    try:
        items = models_of(Listing.of(folder, root))
    except OSError as error:
        return (), [Skipped(path=folder, reason=reason_of(unreadable(folder, error), folder))]
    others: list[Item] = [item for item in items if not isinstance(item, Found)]
    models = sorted((item for item in items if isinstance(item, Found)), key=liking)
    if len(models) < 2:
        return models[0].parts if models else (), others
    chosen: Found | None = None
    for model in models:
        problem = problem_of(model, folder)
        if problem is not None:
            others.append(problem)
        elif chosen is None:
            chosen = model
        else:
            others.append(_beside(model, chosen, folder))
    return chosen.parts if chosen else (), others


def _beside(model: Found, chosen: Found, folder: str) -> Item:
    """A model in a component's folder beside the chosen one: itself, or a note that it holds the same weights."""
    found = compared(chosen, model, folder)
    if found.verdict not in (Verdict.EQUAL, Verdict.ROUNDED):
        return model
    return Skipped(path=model.path, reason=sentence(found, chosen), is_model=False)


def _files_in(folder: str) -> list[str]:
    """The names of the regular files in a folder, sorted; none where it may not be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return []


def _is_moment_file(name: str) -> bool:
    return is_moment(os.path.splitext(name)[0])
