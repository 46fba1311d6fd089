"""The hashes of a model's files for a bill of materials."""

from __future__ import annotations

import os
import re

from neural_phylogeny.files.hashes import sha256_of
from neural_phylogeny.records import ModelRecord

_HASH = re.compile("[0-9a-f]{64}")


def hashes_of(model: ModelRecord) -> dict[str, str]:
    """By file of a model, its SHA-256, as ``sha256_of``; that of the result where it has one and the model is one file.

    Examples
    --------
    >>> hashes_of(ModelRecord(name="a", path="gone.bin", format="npz", parameters=1, family=None, sha256="00" * 32))[""]
    '0000000000000000000000000000000000000000000000000000000000000000'
    """
    if _HASH.fullmatch(model.sha256) and not os.path.isdir(model.path):
        return {"": model.sha256}
    return sha256_of(model.path)
