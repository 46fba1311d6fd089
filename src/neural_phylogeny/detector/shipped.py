"""The detector that comes with the package."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from neural_phylogeny.detector.features import names
from neural_phylogeny.detector.network import TrainedDetector
from neural_phylogeny.errors import SavedFileError

WEIGHTS = "weights.safetensors"

HASHES = "weights.sha256"


@lru_cache(maxsize=1)
def detector() -> TrainedDetector:
    """The shipped detector, read and checked once.

    Raises
    ------
    SavedFileError
        When its file is missing, damaged, or another than the one that was shipped.
    """
    path = weights_path()
    hashes = path.with_name(HASHES)
    try:
        expected = hashes.read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError) as error:
        raise SavedFileError(f"{hashes}: cannot be read ({error}); install the package again") from error
    found = TrainedDetector.load(path, expected)
    if not found.features or found.features != names()[: len(found.features)]:
        raise SavedFileError(f"{path}: trained on other features than this version measures; install it again")
    return found


def weights_path() -> Path:
    """Where the shipped detector's file is."""
    return Path(str(files("neural_phylogeny.detector"))) / WEIGHTS
