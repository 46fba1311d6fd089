"""What models say of their parents: cards, configurations, metadata of their files, or a list of claims."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from neural_phylogeny.claims.cards import BASE, read_card, yaml_mapping
from neural_phylogeny.claims.runs import STATE, earlier_checkpoint
from neural_phylogeny.errors import CheckpointError, MissingExtraError, SavedFileError
from neural_phylogeny.files.json_fields import Fields
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.records import Declared
from neural_phylogeny.sources.documents import read_json, read_text

CARD = "README.md"

IN_JSON = {
    "adapter_config.json": ("base_model_name_or_path", "adapter"),
    "config.json": ("_name_or_path", ""),
    "model_index.json": ("_name_or_path", ""),
    STATE: ("best_model_checkpoint", ""),
}
"""By file, the key that names a parent and the relation that goes without saying."""

IN_METADATA = ("base_model", "base_model_name_or_path", "modelspec.merged_from", "ss_sd_model_name")
"""Keys of the metadata of safetensors files."""

RECIPE = "mergekit_config.yml"
"""What mergekit leaves beside a merge."""

LONGEST = 500
"""A longer name is none."""


def declared_by(ref: ModelRef, is_alone: bool) -> tuple[list[Declared], list[str]]:
    """What one model says of its parents, and what of it could not be read, a sentence each.

    Parameters
    ----------
    ref : ModelRef
        The model.
    is_alone : bool
        Whether the files of its folder speak of it: a model that is a file shares the folder with no other model.
    """
    found: list[Declared] = []
    problems: list[str] = []
    readers: list[Callable[[], Iterator[Declared]]] = [partial(_metadata, ref, part.file) for part in ref.parts[:1]]
    if is_alone:
        folder = folder_of(ref)
        readers.append(partial(_card, ref, os.path.join(folder, CARD)))
        readers += [partial(_json, ref, os.path.join(folder, name), *keys) for name, keys in IN_JSON.items()]
        readers += [partial(_run, ref, folder), partial(_recipe, ref, os.path.join(folder, RECIPE))]
    for read in readers:
        try:
            found += read()
        except (CheckpointError, MissingExtraError) as error:
            problems.append(str(error))
    return list(dict.fromkeys(found)), problems


def folder_of(ref: ModelRef) -> str:
    """The folder of a model: itself, or the one that its file lies in."""
    return ref.path if os.path.isdir(ref.path) else os.path.dirname(ref.path) or os.curdir


def _card(ref: ModelRef, path: str) -> Iterator[Declared]:
    if os.path.isfile(path):
        card = read_card(path)
        for parent in card.bases():
            yield from _claim(ref, parent, card.relation(), f"{CARD}: {BASE}")


def _json(ref: ModelRef, path: str, key: str, relation: str) -> Iterator[Declared]:
    if os.path.isfile(path):
        content = read_json(path, "It is passed over.")
        if isinstance(content, dict):
            yield from _claim(ref, content.get(key), relation, f"{os.path.basename(path)}: {key}")


def _run(ref: ModelRef, folder: str) -> Iterator[Declared]:
    """A trainer's state claims the checkpoint that its log goes on from."""
    yield from _claim(ref, earlier_checkpoint(folder), "", f"{STATE}: log_history")


def _recipe(ref: ModelRef, path: str) -> Iterator[Declared]:
    """The models that a recipe of mergekit merges, and its base."""
    if not os.path.isfile(path):
        return
    content = yaml_mapping(read_text(path, "It is passed over."), path)
    slices = content.get("slices")
    groups = [content, *(slices if isinstance(slices, list) else [])]
    listed = (group.get(key) for group in groups if isinstance(group, dict) for key in ("models", "sources"))
    models = [one.get("model") for some in listed if isinstance(some, list) for one in some if isinstance(one, dict)]
    for parent in dict.fromkeys(name for name in [content.get(BASE), *models] if isinstance(name, str)):
        yield from _claim(ref, parent, "merge", RECIPE)


def _metadata(ref: ModelRef, path: str) -> Iterator[Declared]:
    """Claims in the header of a weight file: safetensors and GGUF have a place for them."""
    with open_checkpoint(path, ref.component) as checkpoint:
        metadata = getattr(checkpoint, "metadata", None)
        kind = checkpoint.format
    if not isinstance(metadata, Mapping):
        return
    for key in IN_METADATA:
        yield from _claim(ref, metadata.get(key), "", f"{kind} metadata: {key}")
    yield from _claim(ref, metadata.get("general.source.repo_url"), "", f"{kind} metadata: general.source.repo_url")
    count = metadata.get("general.base_model.count", 0)
    for number in range(min(count, 64) if isinstance(count, int) else 0):
        at = f"general.base_model.{number}"
        organisation, name = metadata.get(f"{at}.organization"), metadata.get(f"{at}.name")
        address = metadata.get(f"{at}.repo_url")
        parent = address or (f"{organisation}/{name}" if organisation and name else name)
        yield from _claim(ref, parent, "", f"{kind} metadata: {at}")


def _claim(ref: ModelRef, parent: Any, relation: str, source: str) -> Iterator[Declared]:
    if isinstance(parent, str) and 0 < len(parent.strip()) <= LONGEST:
        yield Declared(model=ref.name, parent=parent.strip(), relation=relation, source=source)


def listed(path: str) -> list[Declared]:
    """Claims of a file: JSON, a list of objects or an object with ``claims``; or CSV with a header.

    Keys are ``model``, ``parent`` and optionally ``relation``.

    Raises
    ------
    SavedFileError
        When the file is neither, or lacks a key.
    CheckpointError
        When it cannot be read.
    """
    remedy = "Give JSON or CSV with model, parent and relation."
    name = os.path.basename(path)
    if path.lower().endswith(".csv"):
        try:
            rows: Sequence[Any] = list(csv.DictReader(io.StringIO(read_text(path, remedy), newline="")))
        except csv.Error as error:
            raise SavedFileError(f"{path}: not CSV ({error}). {remedy}") from error
    else:
        content = read_json(path, remedy)
        rows = content.get("claims", []) if isinstance(content, dict) else content
        if not isinstance(rows, list):
            raise SavedFileError(f"{path}: not a list of claims")
    return from_rows(rows, name)


def from_rows(rows: Sequence[Any], source: str) -> list[Declared]:
    """Claims that are given as such, or as mappings with their fields. Raises SavedFileError for what is neither."""
    found = []
    for number, row in enumerate(rows):
        if isinstance(row, Declared):
            found.append(row)
            continue
        fields = Fields(row, "list of claims", f"claims[{number}]")
        model, parent = fields.text("model"), fields.text("parent")
        relation = fields.text_or_null("relation") or ""
        found.append(Declared(model=model, parent=parent, relation=relation, source=f"{source}: claims[{number}]"))
    return found
