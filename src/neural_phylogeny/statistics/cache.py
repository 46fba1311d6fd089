"""Cached statistics: a pass stored in a file, so that the same models need no second read.

The file is an ``.npz``: a JSON header with the fingerprint of every model and the conditions of the pass, and the
arrays. Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError, SavedFileError
from neural_phylogeny.files.regular import open_regular
from neural_phylogeny.formats.zips import check_inflation, directory
from neural_phylogeny.inputs import Fold, TensorInfo, View
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.counters import BATCHES
from neural_phylogeny.statistics.plan import SamplingPlan
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment
from neural_phylogeny.tensors.roles import Role

FORMAT = "neural-phylogeny-statistics"
VERSION = 3

READABLE = (2, VERSION)
"""Versions that are read. In version 2 fingerprints did not identify the content: none of them equals one of today."""


@dataclass(frozen=True)
class Group:
    """Models that were measured together: their positions in the collection, and what was measured.

    ``is_family`` where the boxes are those of a family, else those of pairs. ``core`` are the members whose parents are
    looked for here, where the group is a neighbourhood of a larger one; empty for all. ``detected`` is what the
    detector said of it while it was chosen, the probabilities of parents and of missing ones; it is not stored.
    """

    members: tuple[int, ...]
    statistics: Statistics
    is_family: bool = False
    core: tuple[int, ...] = ()
    detected: tuple[NDArray[np.float64], NDArray[np.float64]] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CachedStatistics:
    """A pass over a collection: the fingerprints of its models, in order, and the seed of its samples."""

    fingerprints: tuple[str, ...]
    seed: int
    groups: tuple[Group, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else should be known of the models, as JSON has it."""
    is_current: bool = True
    """Whether the sampling plan of the pass is the one of today."""

    def select(self, wanted: Sequence[str]) -> tuple[Group, ...] | None:
        """The pass restricted to some models, in the given order; None when one of them was not measured.

        Models of equal fingerprints are copies; each stands for one that was measured.
        """
        available: dict[str, list[int]] = {}
        for model, found in enumerate(self.fingerprints):
            available.setdefault(found, []).append(model)
        position: dict[int, int] = {}
        for k, found in enumerate(wanted):
            if not available.get(found):
                return None
            position[available[found].pop(0)] = k
        selected = []
        for group in self.groups:
            rows = [row for row, model in enumerate(group.members) if model in position]
            rows.sort(key=lambda row, group=group: position[group.members[row]])  # type: ignore[misc]
            if rows:
                members = tuple(position[group.members[row]] for row in rows)
                core = tuple(sorted(position[model] for model in group.core if model in position))
                if core or not group.core:
                    selected.append(Group(members, group.statistics.subset(rows), group.is_family, core))
        return tuple(selected)


def reuse(
    cached: CachedStatistics, fingerprints: Sequence[str], *, seed: int, sample: float | None
) -> tuple[Group, ...] | str:
    """The cached groups of some models, in their order; or why they must be read again, as a clause.

    Every condition of the pass is checked but what was aligned with what, which only the caller knows: the content of
    the models, the seed, the sample, and that every value could be read.
    """
    groups = cached.select(fingerprints)
    if groups is None:
        return "does not hold all of these models as they are now"
    if not cached.is_current:
        return "was measured by another sampling plan"
    if cached.seed != seed:
        return f"was measured with seed {cached.seed} instead of {seed}"
    if not all(group.statistics.was_sampled(sample) for group in groups):
        return "holds another sample of the weights"
    if any(group.statistics.failures for group in groups):
        return "holds models that could not be read completely"
    return groups


def save(file: BinaryIO, saved: CachedStatistics) -> None:
    """Write a pass to a file; a few hundred bytes a tensor and pair of models."""
    joined = [_join(group.statistics) for group in saved.groups]
    arrays = {f"{g}/{key}": values for g, parts in enumerate(joined) for key, (_, values) in parts.items()}
    header = {
        "format": FORMAT,
        "version": VERSION,
        "hashes": {key: _hash(values) for key, values in arrays.items()},
        "seed": saved.seed,
        "plan": asdict(SamplingPlan(saved.seed)),
        "fingerprints": saved.fingerprints,
        "about": dict(saved.about),
        "groups": [
            {
                "members": group.members,
                "is_family": group.is_family,
                "core": group.core,
                "parameters": group.statistics.alignment.parameters.tolist(),
                "in_matrices": group.statistics.alignment.in_matrices.tolist(),
                "notes": group.statistics.alignment.notes,
                "choices": _listed(group.statistics.alignment.choices),
                "pairwise": sorted(group.statistics.pairwise),
                "failures": list(group.statistics.failures.items()),
                "counts": {name: list(found.items()) for name, found in group.statistics.counts.items()},
                "tensors": [_given(tensor) for tensor in group.statistics.alignment.tensors],
                "arrays": {key: layout for key, (layout, _) in parts.items()},
            }
            for group, parts in zip(saved.groups, joined, strict=True)
        ],
    }
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez_compressed(file, allow_pickle=False, header=text, **arrays)


def load(path: str | os.PathLike[str]) -> CachedStatistics:
    """Read cached statistics.

    Raises
    ------
    SavedFileError
        When the file is missing, damaged, or of another version.
    """
    try:
        with os.fdopen(open_regular(os.fsdecode(path)), "rb") as file:
            for member in directory(file, os.fsdecode(path)).values():
                check_inflation(member, os.fsdecode(path))
            file.seek(0)
            data = np.load(file, allow_pickle=False)
            header = json.loads(bytes(data["header"]))
            if header.get("format") != FORMAT or header.get("version") not in READABLE:
                raise SavedFileError(f"{path}: not statistics of version {VERSION}; measure the models again")
            for key, expected in header.get("hashes", {}).items():
                if _hash(data[key]) != expected:
                    raise ValueError(f"{key!r} is not what was written")
            groups = tuple(
                _group(entry, {key: data[f"{g}/{key}"] for key in entry["arrays"]})
                for g, entry in enumerate(header["groups"])
            )
        seed = int(header["seed"])
        is_current = header.get("plan") == json.loads(json.dumps(asdict(SamplingPlan(seed))))
        return CachedStatistics(tuple(header["fingerprints"]), seed, groups, header.get("about", {}), is_current)
    except SavedFileError:
        raise
    except DAMAGE as error:
        reason = error.reason if isinstance(error, CheckpointError) else str(error)[:200]
        raise SavedFileError(f"{path}: cannot be read as cached statistics ({reason}); measure again") from error


DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, ArithmeticError, NotImplementedError),
    *(RuntimeError, AssertionError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, SyntaxError, tokenize.TokenError),
    MemoryError,  # an array that claims to have terabytes
)
"""What a damaged file makes the libraries raise."""


def _hash(array: NDArray[Any]) -> str:
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()


Pieces = list[tuple[int, tuple[int, ...], bool]]
"""For each array that was joined under one name: the tensor's number, the shape, whether only a half is stored."""


def _join(statistics: Statistics) -> dict[str, tuple[Pieces, NDArray[Any]]]:
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
        key: ([layout for layout, _ in parts], np.concatenate([piece for _, piece in parts]))
        for key, parts in pieces.items()
    }


def _split(n_tensors: int, layout: Mapping[str, Pieces], joined: Mapping[str, NDArray[Any]]) -> tuple[Arrays, ...]:
    """The inverse of ``_join``; raises ValueError where an array is not as long as its layout says."""
    arrays: tuple[Arrays, ...] = tuple({} for _ in range(n_tensors))
    for key, values in joined.items():
        start = 0
        for t, shape, is_half in layout[key]:
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
    choices = None if entry.get("choices") is None else np.array(entry["choices"], dtype=np.float64)
    alignment = Alignment(tensors, parameters, in_matrices, tuple(entry["notes"]), choices)
    found = _split(len(tensors), entry["arrays"], joined)
    failures = {int(model): str(reason) for model, reason in entry["failures"]}
    stored = entry.get("counts", {BATCHES: entry.get("batches", [])})
    counts = {str(name): {int(model): int(number) for model, number in found} for name, found in stored.items()}
    statistics = Statistics(alignment, found, frozenset(entry["pairwise"]), failures, counts)
    core = tuple(entry.get("core", ()))
    return Group(tuple(entry["members"]), statistics, bool(entry.get("is_family", False)), core)


def _given(tensor: AlignedTensor) -> dict[str, Any]:
    """The fields of a tensor but for those that follow from others."""
    return {name: value for name, value in asdict(tensor).items() if name not in ("shape", "size")}


def _tensor(entry: Mapping[str, Any]) -> AlignedTensor:
    sources = tuple(_source(source) for source in entry["sources"])
    return AlignedTensor(
        entry["name"],
        Role(entry["role"]),
        tuple(entry["start"]),
        tuple(entry["stop"]),
        entry["output_axis"],
        tuple(entry["members"]),
        sources,
        tuple(entry.get("sides", ())),
        tuple((a, b) for a, b in entry.get("links", ())),
        entry.get("matched_by", "name"),
    )


def _source(entry: Mapping[str, Any]) -> TensorInfo:
    view = entry.get("view")
    if view is not None:
        fold = None if view["fold"] is None else Fold(**view["fold"])
        view = View(**{**view, "split": tuple(view["split"]), "axes": tuple(view["axes"]), "fold": fold})
    pieces = tuple((str(name), int(first)) for name, first in entry.get("pieces", ()))
    return TensorInfo(**{**entry, "shape": tuple(entry["shape"]), "view": view, "pieces": pieces})


def _listed(array: NDArray[np.float64] | None) -> list[list[float]] | None:
    return None if array is None else array.tolist()
