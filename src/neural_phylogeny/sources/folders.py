"""What is one model: a file, a sharded model, a pipeline or an adapter folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from neural_phylogeny.errors import CheckpointError, DamagedFileError, UnreadableFileError, UnsafeFileError
from neural_phylogeny.formats import SUFFIXES
from neural_phylogeny.records import Part, Skipped

NOT_MODELS = ("optimizer", "optim", "scheduler", "rng_state", "training_args", "scaler", "scheduler_state")
"""Stems (or their beginnings, before ``_``, ``.`` or a digit) of files that trainers write beside the weights."""

PREFERENCE = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".h5")
"""When a hub folder holds the same model in several formats, the first of these is read."""

INDEX_LIMIT = 1 << 27
"""Longest shard index accepted, in bytes."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model that was found: the path it is called by and the files behind it."""

    path: Path
    parts: tuple[Part, ...]


def models_in(folder: Path) -> Iterator[Found | Skipped]:
    """All models below a folder, sorted; hidden entries, other suffixes and trainers' files are passed over.

    Links to folders are followed once each, so that a loop of links ends.
    """
    yield from _walk(folder, set())


def _walk(folder: Path, seen: set[Path]) -> Iterator[Found | Skipped]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        names = {entry.name for entry in entries}
        single = _single_model(folder, entries, names)
    except (OSError, CheckpointError) as error:
        yield Skipped(str(folder), reason_of(error, str(folder)))
        return
    if single is not None:
        yield from single
        return
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry, seen)
        elif is_weight_file(entry):
            yield Found(entry, (Part(str(entry)),))


def _single_model(folder: Path, entries: list[Path], names: set[str]) -> list[Found | Skipped] | None:
    """The folder as one model, if that is what it is; otherwise None."""
    if "model_index.json" in names:
        parts = [
            Part(part.file, f"{entry.name}.{part.prefix}")
            for entry in entries
            if entry.is_dir()
            for part in _weights_of(entry)
        ]
        return [Found(folder, tuple(parts))] if parts else None
    index = [entry for entry in entries if entry.name.endswith(".index.json")]
    files = [entry for entry in entries if is_weight_file(entry)]
    if index or (names & {"config.json", "adapter_config.json"} and files):
        parts = list(_weights_of(folder))
        others = [f for f in files if _same_model_twice(f, files)]
        if not index and len(files) - len(others) != 1:
            return None
        used = {part.file for part in parts}
        return [
            Found(folder, tuple(parts)),
            *(
                Skipped(str(f), "the same model as its neighbour, in another format")
                for f in files
                if str(f) not in used and (f in others or index)
            ),
        ]
    return None


def _same_model_twice(file: Path, files: list[Path]) -> bool:
    """Whether a better liked format of the usual hub names lies beside this file."""
    usual = {"model", "pytorch_model", "tf_model", "adapter_model", "diffusion_pytorch_model"}
    rivals = [f for f in files if f.stem in usual]
    return file.stem in usual and file != min(rivals, key=_liking)


def _liking(file: Path) -> int:
    suffix = file.suffix.lower()
    return PREFERENCE.index(suffix) if suffix in PREFERENCE else len(PREFERENCE)


def _weights_of(folder: Path) -> tuple[Part, ...]:
    """The weight files of a folder that holds one model."""
    indexes = sorted(folder.glob("*.index.json"), key=lambda path: ("safetensors" not in path.name, path.name))
    if indexes:
        return shards(indexes[0])
    files = sorted((f for f in folder.iterdir() if f.is_file() and is_weight_file(f)), key=lambda f: (_liking(f), f))
    return (Part(str(files[0])),) if files else ()


def shards(index: Path) -> tuple[Part, ...]:
    """The shards that an ``*.index.json`` names, in its order; each must exist inside the index's folder.

    Raises
    ------
    DamagedFileError, UnsafeFileError, UnreadableFileError
        When the index is not one, names a path that leaves its folder, or names a missing shard.
    """
    try:
        if index.stat().st_size > INDEX_LIMIT:
            raise DamagedFileError("the shard index is absurdly large", path=index)
        content = json.loads(index.read_text(encoding="utf-8"))
        names = list(dict.fromkeys(content["weight_map"].values()))
    except OSError as error:
        raise UnreadableFileError(str(error.strerror).lower(), path=index, remedy="Check its permissions.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(
            "the shard index has no weight_map of names to files", path=index, remedy="Download the index again."
        ) from error
    folder = index.parent
    for name in names:
        if not isinstance(name, str) or not name or not _inside(folder, name):
            raise UnsafeFileError(
                f"the shard index points outside its folder ({name!r})", path=index, remedy="Do not trust this folder."
            )
        if not (folder / name).is_file():
            raise UnreadableFileError(
                f"shard {name!r} is missing", path=index, remedy="Download the missing shard into the same folder."
            )
    return tuple(Part(str(folder / name)) for name in names)


def _inside(folder: Path, name: str) -> bool:
    """Whether a file named in an index stays in its folder; links inside a hub's cache may lead to its blobs."""
    return not os.path.isabs(name) and ".." not in Path(name).parts and Path(name).name == name


def is_weight_file(path: Path) -> bool:
    """Whether a walk takes a file: a known suffix, and not one of a trainer's other files.

    Examples
    --------
    >>> is_weight_file(Path("model.safetensors")), is_weight_file(Path("optimizer.pt")), is_weight_file(Path("a.json"))
    (True, False, False)
    """
    stem = path.stem.lower()
    trainers = any(stem == word or stem.startswith((f"{word}_", f"{word}.")) for word in NOT_MODELS)
    return path.suffix.lower() in SUFFIXES and not trainers


def reason_of(error: Exception, path: str) -> str:
    """The error's sentence without its path in front, for a record that names the path already."""
    return str(error).removeprefix(f"{path}: ")
