"""What is one model: a file, a folder with one, a sharded model, a pipeline or an adapter folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from neural_phylogeny.errors import CheckpointError, DamagedFileError
from neural_phylogeny.formats import SUFFIXES
from neural_phylogeny.formats.spans import unreadable
from neural_phylogeny.records import Part, Skipped
from neural_phylogeny.sources.documents import read_json, reason_of
from neural_phylogeny.sources.shards import INDEX_SUFFIX, is_index, looks_like_shard, shards

TRAINERS_FILES = re.compile(
    r"(optimizer|scheduler|scaler|sampler|rng_state|random_states|training_args)(_\d+)*|.*_optim_states"
)
"""Stems of files that trainers write beside the weights; a walk passes over them."""

HUB_STEMS = {
    "model": "model",
    "pytorch_model": "model",
    "tf_model": "model",
    "diffusion_pytorch_model": "model",
    "adapter_model": "adapter",
}
"""What hubs call the weights, by format: files of one kind beside one config hold the same model."""

PREFERENCE = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".h5", ".keras", ".npz", ".onnx", ".zip")
"""When a folder holds the same model in several formats, the first of these is read."""

PIPELINE_INDEX = "model_index.json"


@dataclass(frozen=True, slots=True)
class Found:
    """A model that was found: the path it is called by and the files behind it."""

    path: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Listing:
    """What lies in one folder, by kind, sorted; hidden entries are left out."""

    folder: str
    subfolders: tuple[str, ...]
    weights: tuple[str, ...]
    unusable: tuple[str, ...]
    documents: frozenset[str]

    @classmethod
    def of(cls, folder: str) -> _Listing:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        paths = [os.path.join(folder, name) for name in names]
        weights = [path for path in paths if is_weight_file(path) and not os.path.isdir(path)]
        return cls(
            folder,
            tuple(path for path in paths if os.path.isdir(path)),
            tuple(path for path in weights if os.path.isfile(path)),
            tuple(path for path in weights if not os.path.isfile(path)),
            frozenset(os.path.basename(path) for path in paths if path.endswith(".json") and os.path.isfile(path)),
        )

    @property
    def has_config(self) -> bool:
        return not self.documents.isdisjoint({"config.json", "adapter_config.json"})

    @property
    def indexes(self) -> list[str]:
        return [os.path.join(self.folder, name) for name in sorted(self.documents) if is_index(name)]


def models_in(folder: str) -> Iterator[Found | Skipped]:
    """All models below a folder, sorted; hidden entries, other suffixes and trainers' files are passed over.

    Each folder is looked into once, so that a loop of links ends.
    """
    pending: list[str | Found | Skipped] = [folder]
    seen: set[tuple[int, int] | str] = set()
    while pending:  # a list, not recursion: folders may be nested deeper than Python's stack
        item = pending.pop()
        if not isinstance(item, str):
            yield item
        elif (identity := _identity(item)) not in seen:
            seen.add(identity)
            pending.extend(reversed(_look_into(item)))


def _identity(folder: str) -> tuple[int, int] | str:
    """What tells a folder from every other, whatever links lead to it."""
    try:
        status = os.stat(folder)
    except OSError:
        return folder
    # some network file systems number nothing; resolving a path costs a look at each folder above it
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)


def _look_into(folder: str) -> list[str | Found | Skipped]:
    """What one folder holds: first itself where it is a model, then the rest by name; subfolders as paths."""
    try:
        listing = _Listing.of(folder)
    except OSError as error:
        return [Skipped(path=folder, reason=reason_of(unreadable(folder, error), folder))]
    components: set[str] = set()
    found: list[Found | Skipped] = []
    if PIPELINE_INDEX in listing.documents:
        found, components = _pipeline(listing)
    found += _models_of(listing)
    rest = [*found, *(subfolder for subfolder in listing.subfolders if subfolder not in components)]
    return sorted(rest, key=lambda item: item if isinstance(item, str) else item.path)


def _models_of(listing: _Listing) -> list[Found | Skipped]:
    """The models that lie in a folder itself: shard indexes, then files, the same model only once."""
    found: list[Found | Skipped] = []
    sharded: list[Found] = []
    broken = False
    for index in listing.indexes:
        try:
            sharded.append(Found(index, shards(index)))
        except CheckpointError as error:
            found.append(Skipped(path=index, reason=reason_of(error, index)))
            broken = True
    claimed = {os.path.normpath(part.file) for model in sharded for part in model.parts}
    loose = [path for path in listing.weights if os.path.normpath(path) not in claimed]
    if listing.indexes:
        strays = [path for path in loose if looks_like_shard(path)]
        loose = [path for path in loose if path not in strays]
        if not broken:  # else they belong to the model whose index was just reported
            found += [Skipped(path=path, reason="a shard that no index in its folder names") for path in strays]
    chosen: dict[str, Found] = {}
    for model in sorted([*sharded, *(Found(path, (Part(file=path),)) for path in loose)], key=_liking):
        kind = _kind(model.path) if listing.has_config or listing.indexes else model.path
        if kind in chosen:
            taken = os.path.basename(chosen[kind].path)
            found.append(Skipped(path=model.path, reason=f"the same model as {taken!r}, in another format"))
        else:
            chosen[kind] = model
    models = list(chosen.values())
    found += [Found(listing.folder, model.parts) if _is_whole(model, models, listing) else model for model in models]
    return found + [Skipped(path=path, reason=why_unusable(path)) for path in listing.unusable]


def _is_whole(model: Found, models: list[Found], listing: _Listing) -> bool:
    """Whether a model is what its folder is about: the only sharded one, or the only one beside a config."""
    if any(is_index(other.path) for other in models):
        return is_index(model.path) and sum(is_index(other.path) for other in models) == 1
    return len(models) == 1 and listing.has_config


def _pipeline(listing: _Listing) -> tuple[list[Found | Skipped], set[str]]:
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
    found: list[Found | Skipped] = []
    incomplete = []
    for component in components:
        name = os.path.basename(component)
        weights, others = _component(component)
        parts += [Part(file=part.file, prefix=f"{name}.{part.prefix}") for part in weights]
        found += others
        if others and not weights:
            incomplete.append(name)
    if incomplete:
        found.append(Skipped(path=listing.folder, reason=f"the pipeline's component {incomplete[0]!r} cannot be read"))
    elif parts:
        found.append(Found(listing.folder, tuple(parts)))
    return found, set(components)


def _component(folder: str) -> tuple[tuple[Part, ...], list[Skipped]]:
    """The weight files of a pipeline's component, and what else lies there; of variants the plainest name is read."""
    try:
        items = _models_of(_Listing.of(folder))
    except OSError as error:
        return (), [Skipped(path=folder, reason=reason_of(unreadable(folder, error), folder))]
    others = [item for item in items if isinstance(item, Skipped)]
    models = sorted((item for item in items if isinstance(item, Found)), key=_liking)
    if not models:
        return (), others
    taken = os.path.basename(models[0].path)
    others += [Skipped(path=model.path, reason=f"another variant of {taken!r}, which is read") for model in models[1:]]
    return models[0].parts, others


def _liking(model: Found) -> tuple[int, int, str]:
    """Sorts the plainest name first, then the format that is preferred."""
    name = os.path.basename(model.path).lower().removesuffix(INDEX_SUFFIX)
    stem, suffix = os.path.splitext(name)
    return stem.count("."), PREFERENCE.index(suffix) if suffix in PREFERENCE else len(PREFERENCE), model.path


def _kind(path: str) -> str:
    """Equal for files that hold the same model when they lie beside one config."""
    stem = os.path.splitext(os.path.basename(path).removesuffix(INDEX_SUFFIX))[0]
    return HUB_STEMS.get(stem, path)


def is_weight_file(path: str) -> bool:
    """Whether a walk takes a file of this name: a known suffix, and not one of a trainer's other files.

    Examples
    --------
    >>> [is_weight_file(name) for name in ("model.safetensors", "optimizer.pt", "truth.json")]
    [True, False, False]
    """
    stem, suffix = os.path.splitext(os.path.basename(path).lower())
    return suffix in SUFFIXES and TRAINERS_FILES.fullmatch(stem) is None


def why_unusable(path: str) -> str:
    """Why something that is there, or was said to be, is no regular file: in the system's words where it has any."""
    try:
        os.stat(path)
    except OSError as error:
        return reason_of(unreadable(path, error), path)
    except ValueError as error:
        return f"not a path ({error})"
    return "not a regular file"
