"""A pass kept in a file, so that the same models need no second read and one more model costs only one.

The file is an ``.npz``: a JSON header that names every model by its content's outline (files, sizes, times, tensors),
and the arrays. Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.measures.statistics import Statistics
from neural_phylogeny.records import ModelRef, TensorInfo
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment
from neural_phylogeny.tensors.roles import Role

FORMAT = "neural-phylogeny-statistics"
VERSION = 1


@dataclass(frozen=True)
class SavedPass:
    """A pass and the fingerprints of the models it measured, in order."""

    fingerprints: tuple[str, ...]
    seed: int
    statistics: Statistics


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
    statistics = saved.statistics
    header = {
        "format": FORMAT,
        "version": VERSION,
        "seed": saved.seed,
        "fingerprints": saved.fingerprints,
        "pairwise": sorted(statistics.pairwise),
        "tensors": [asdict(tensor) for tensor in statistics.alignment.tensors],
        "notes": statistics.alignment.notes,
    }
    arrays = {f"{t}/{key}": array for t, found in enumerate(statistics.arrays) for key, array in found.items()}
    np.savez_compressed(
        file,
        header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        parameters=statistics.alignment.parameters,
        allow_pickle=False,
        **arrays,
    )


def load(path: str | os.PathLike[str]) -> SavedPass:
    """Read a saved pass.

    Raises
    ------
    SavedFileError
        When the file is missing, damaged, or of another version.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as data:
            header = json.loads(bytes(data["header"]))
            if (header.get("format"), header.get("version")) != (FORMAT, VERSION):
                raise SavedFileError(f"{path}: not statistics of version {VERSION}; measure the models again")
            tensors = tuple(_tensor(entry) for entry in header["tensors"])
            arrays: list[dict[str, Any]] = [{} for _ in tensors]
            for key in data.files:
                index, _, name = key.partition("/")
                if name:
                    arrays[int(index)][name] = data[key]
            alignment = Alignment(tensors, data["parameters"], tuple(header["notes"]))
    except SavedFileError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        raise SavedFileError(f"{path}: cannot be read as saved statistics ({error}); measure again") from error
    statistics = Statistics(alignment, tuple(arrays), frozenset(header["pairwise"]))
    return SavedPass(tuple(header["fingerprints"]), int(header["seed"]), statistics)


def _tensor(entry: Mapping[str, Any]) -> AlignedTensor:
    sources = tuple(TensorInfo(**{**s, "shape": tuple(s["shape"])}) for s in entry["sources"])
    return AlignedTensor(
        entry["name"],
        Role(entry["role"]),
        tuple(entry["start"]),
        tuple(entry["stop"]),
        entry["output_axis"],
        tuple(entry["members"]),
        sources,
    )


def positions(saved: SavedPass, wanted: Sequence[str]) -> list[int] | None:
    """Where each wanted model stands in the saved pass; None when one is missing."""
    where = {print_: k for k, print_ in enumerate(saved.fingerprints)}
    found: Iterable[int | None] = [where.get(print_) for print_ in wanted]
    known = [k for k in found if k is not None]
    return known if len(known) == len(wanted) else None
