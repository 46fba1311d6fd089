"""SHA-256 of the files of models, as ``sha256sum`` prints it: anyone can check which files a result is about."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from neural_phylogeny.files.activity import announced
from neural_phylogeny.files.far import far_file
from neural_phylogeny.files.hashes import digest_of
from neural_phylogeny.inputs import ModelRef

TEXT_OF_SEVERAL = "{digest}  {name}\n"
"""The line of a file in the text whose hash stands for a model in several files."""


def file_hashes(refs: Sequence[ModelRef], threads: int | None = None) -> tuple[str, ...]:
    """The SHA-256 of each model's file, 64 hexadecimal digits; reads all bytes once.

    Of a model in several files: that of the lines ``sha256sum`` prints for their base names, in the order of these.
    Empty for a model in memory and where a file is gone. Of a file on a hub it is the one that the hub gives; of other
    files that lie elsewhere there is none.
    """
    paths = list(dict.fromkeys(part.file for ref in refs for part in ref.parts))
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        waiting = [pool.submit(_digest, path) for path in paths]
        names = [os.path.basename(path) for path in paths]
        found = [one.result() for one in announced("hashing", waiting, names)]
    digests = dict(zip(paths, found, strict=True))
    return tuple(_of_model([part.file for part in ref.parts], digests) for ref in refs)


def _of_model(files: Sequence[str], digests: dict[str, str]) -> str:
    found = dict.fromkeys(files)
    if not found or not all(digests[file] for file in found):
        return ""
    if len(found) == 1:
        return digests[files[0]]
    ordered = sorted(found, key=lambda file: (Path(file).name, file))
    lines = "".join(TEXT_OF_SEVERAL.format(digest=digests[file], name=Path(file).name) for file in ordered)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _digest(path: str) -> str:
    far = far_file(path)
    if far is not None:
        return far.sha256
    try:
        return digest_of(path)
    except OSError:
        return ""
