"""Finished families with all their weights in a file, so that they can be measured again when the pass reads more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.lab.families.members import Family

FORMAT, VERSION = "neural-phylogeny-weights", 1


def weights_path(folder: Path, number: int) -> Path:
    """Where the weights of a batch lie."""
    return folder / f"weights-{number:06d}.npz"


def write_weights(path: Path, families: Sequence[Family]) -> None:
    """Store families: four bytes a value."""
    layouts = [
        {
            "models": [[[name, list(w.shape)] for name, w in model.items()] for model in family.models],
            "parents": family.parents.tolist(),
            "missing": family.missing.tolist(),
            "trees": family.trees.tolist(),
            "about": family.about,
        }
        for family in families
    ]
    header = json.dumps({"format": FORMAT, "version": VERSION, "families": layouts}).encode()
    values = [w.ravel() for family in families for model in family.models for w in model.values()]
    flat = np.concatenate([np.zeros(0, dtype=np.float32), *values]).astype(np.float32)
    with replacing(path) as file:
        np.savez(file, header=np.frombuffer(header, dtype=np.uint8), values=flat)


def read_weights(path: Path) -> list[Family]:
    """The families of a file.

    Raises
    ------
    SavedFileError
        When it is missing, damaged or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            header, flat = json.loads(stored["header"].tobytes()), stored["values"]
        if (header["format"], header["version"]) != (FORMAT, VERSION):
            raise ValueError("another format or version")
        families, start = [], 0
        for entry in header["families"]:
            models = []
            for layout in entry["models"]:
                model = {}
                for name, shape in layout:
                    model[name] = flat[start : start + prod(shape)].reshape(shape)
                    start += prod(shape)
                models.append(model)
            parents, trees = (np.array(entry[name], dtype=np.int64) for name in ("parents", "trees"))
            families.append(Family(models, parents, np.array(entry["missing"], dtype=bool), trees, entry["about"]))
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise SavedFileError(f"{path}: cannot be read as weights of families ({error}); make them again") from error
    return families
