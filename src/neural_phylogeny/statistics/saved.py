"""A pass kept in a file, so that the same models need no second read and one more model costs only one.

The file is an ``.npz``: a JSON header that names every model by its content's outline (files, sizes, times, tensors),
and the arrays. Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.records import ModelRef, TensorInfo
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment
from neural_phylogeny.tensors.roles import Role

FORMAT = "neural-phylogeny-statistics"
VERSION = 2


@dataclass(frozen=True)
class Group:
    """Models that were measured together: their positions in the collection, and what was measured."""

    members: tuple[int, ...]
    statistics: Statistics


@dataclass(frozen=True)
class SavedPass:
    """A pass over a collection and the fingerprints of its models, in order."""

    fingerprints: tuple[str, ...]
    seed: int
    groups: tuple[Group, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else should be known of the models, as JSON has it."""

    def select(self, wanted: Sequence[str]) -> tuple[Group, ...] | None:
        """The pass restricted to some models, in the given order; None when one of them was not measured."""
        position = {print_: k for k, print_ in enumerate(wanted)}
        if not position.keys() <= set(self.fingerprints) or len(position) != len(wanted):
            return None
        selected = []
        for group in self.groups:
            rows = [row for row, model in enumerate(group.members) if self.fingerprints[model] in position]
            rows.sort(key=lambda row, group=group: position[self.fingerprints[group.members[row]]])  # type: ignore[misc]
            if rows:
                members = tuple(position[self.fingerprints[group.members[row]]] for row in rows)
                selected.append(Group(members, group.statistics.subset(rows)))
        return tuple(selected)


def fingerprint(ref: ModelRef, tensors: Mapping[str, TensorInfo]) -> str:
    """Tells a model from any other, and from itself after a change, without reading its values.

    Made from the size and modification time of its files and from its tensors' names, shapes and dtypes. Breaks
    where a file is changed in place and its time put back.
    """
    stats = [os.stat(part.file) for part in ref.parts]
    stamps = [(stat.st_size, stat.st_mtime_ns) for stat in stats]
    outline = [(t.name, t.shape, t.dtype) for t in tensors.values()]
    return hashlib.sha256(repr((stamps, ref.component, outline)).encode()).hexdigest()


def save(file: BinaryIO, saved: SavedPass) -> None:
    """Write a pass; a few hundred bytes a tensor and pair of models."""
    joined = [_join(group.statistics) for group in saved.groups]
    header = {
        "format": FORMAT,
        "version": VERSION,
        "seed": saved.seed,
        "fingerprints": saved.fingerprints,
        "about": dict(saved.about),
        "groups": [
            {
                "members": group.members,
                "parameters": group.statistics.alignment.parameters.tolist(),
                "in_matrices": group.statistics.alignment.in_matrices.tolist(),
                "notes": group.statistics.alignment.notes,
                "pairwise": sorted(group.statistics.pairwise),
                "failures": list(group.statistics.failures.items()),
                "batches": list(group.statistics.batches.items()),
                "tensors": [asdict(tensor) for tensor in group.statistics.alignment.tensors],
                "arrays": {key: outline for key, (outline, _) in parts.items()},
            }
            for group, parts in zip(saved.groups, joined, strict=True)
        ],
    }
    arrays = {f"{g}/{key}": values for g, parts in enumerate(joined) for key, (_, values) in parts.items()}
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez_compressed(file, allow_pickle=False, header=text, **arrays)


def load(path: str | os.PathLike[str]) -> SavedPass:
    """Read a saved pass.

    Raises
    ------
    SavedFileError
        When the file is missing, damaged, or of another version.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
            header = json.loads(bytes(data["header"]))
            if (header.get("format"), header.get("version")) != (FORMAT, VERSION):
                raise SavedFileError(f"{path}: not statistics of version {VERSION}; measure the models again")
            groups = tuple(
                _group(entry, {key: data[f"{g}/{key}"] for key in entry["arrays"]})
                for g, entry in enumerate(header["groups"])
            )
        return SavedPass(tuple(header["fingerprints"]), int(header["seed"]), groups, header.get("about", {}))
    except SavedFileError:
        raise
    except _DAMAGE as error:
        raise SavedFileError(f"{path}: cannot be read as saved statistics ({error}); measure again") from error


_DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)


Outline = list[tuple[int, tuple[int, ...], bool]]
"""Of the arrays that were joined under one name: the tensor's number, the shape, whether only a half is there."""


def _join(statistics: Statistics) -> dict[str, tuple[Outline, NDArray[Any]]]:
    """Each result of all tensors as one flat array: a thousand members would double the size of the file.

    Of symmetric matrices only the half below the diagonal is kept.
    """
    pieces: dict[str, list[tuple[tuple[int, tuple[int, ...], bool], NDArray[Any]]]] = {}
    for t, found in enumerate(statistics.arrays):
        for key, array in found.items():
            is_half = key in statistics.pairwise and _is_symmetric(array)
            piece = _lower(array) if is_half else array.ravel()
            pieces.setdefault(key, []).append(((t, array.shape, is_half), piece))
    return {
        key: ([outline for outline, _ in parts], np.concatenate([piece for _, piece in parts]))
        for key, parts in pieces.items()
    }


def _split(n_tensors: int, outlines: Mapping[str, Outline], joined: Mapping[str, NDArray[Any]]) -> tuple[Arrays, ...]:
    """The inverse of ``_join``; raises ValueError where an array is not as long as its outline says."""
    arrays: tuple[Arrays, ...] = tuple({} for _ in range(n_tensors))
    for key, values in joined.items():
        start = 0
        for t, shape, is_half in outlines[key]:
            size = shape[0] * (shape[0] + 1) // 2 if is_half else math.prod(shape)
            piece, start = values[start : start + size], start + size
            arrays[t][key] = _whole(piece) if is_half else piece.reshape(shape)
        if start != len(values):
            raise ValueError(f"{key!r} holds {len(values)} numbers instead of {start}")
    return arrays


def _is_symmetric(array: NDArray[Any]) -> bool:
    return array.ndim == 2 and np.array_equal(array, array.T, equal_nan=array.dtype.kind == "f")


def _lower(array: NDArray[Any]) -> NDArray[Any]:
    """(n, n) -> (n (n + 1) / 2,), row by row."""
    half: NDArray[Any] = array[np.tril_indices(len(array))]
    return half


def _whole(half: NDArray[Any]) -> NDArray[Any]:
    """The inverse of ``_lower``; raises ValueError when the length is none that it gives."""
    n = int((8 * len(half) + 1) ** 0.5 - 1) // 2
    array = np.zeros((n, n), dtype=half.dtype)
    array[np.tril_indices(n)] = half
    return np.where(np.tri(n, dtype=bool), array, array.T)


def _group(entry: Mapping[str, Any], joined: Mapping[str, NDArray[Any]]) -> Group:
    tensors = tuple(_tensor(tensor) for tensor in entry["tensors"])
    parameters, in_matrices = (np.array(entry[key], dtype=np.int64) for key in ("parameters", "in_matrices"))
    alignment = Alignment(tensors, parameters, in_matrices, tuple(entry["notes"]))
    found = _split(len(tensors), entry["arrays"], joined)
    failures = {int(model): str(reason) for model, reason in entry["failures"]}
    batches = {int(model): int(seen) for model, seen in entry.get("batches", [])}
    statistics = Statistics(alignment, found, frozenset(entry["pairwise"]), failures, batches)
    return Group(tuple(entry["members"]), statistics)


def _tensor(entry: Mapping[str, Any]) -> AlignedTensor:
    sources = tuple(TensorInfo(**{**source, "shape": tuple(source["shape"])}) for source in entry["sources"])
    return AlignedTensor(
        entry["name"],
        Role(entry["role"]),
        tuple(entry["start"]),
        tuple(entry["stop"]),
        entry["output_axis"],
        tuple(entry["members"]),
        sources,
    )
