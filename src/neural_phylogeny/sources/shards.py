"""Models in several files: which files belong together, by a shard index or by the numbers in their names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from neural_phylogeny.errors import DamagedFileError, UnreadableFileError, UnsafeFileError
from neural_phylogeny.formats import consolidated
from neural_phylogeny.inputs import Part
from neural_phylogeny.sources.documents import read_json
from neural_phylogeny.sources.links import leads_outside

_NUMBER = re.compile(r"(?<!\d)(\d{1,6})(-of-|_of_)(\d{1,6})(?!\d)")

SHARDS_LIMIT = 100_000
"""Most shards that the number in a name may claim."""

_LONGEST_QUOTE = 200


def is_index(path: str) -> bool:
    """Whether a file is called as shard indexes are, a variant's name included.

    Examples
    --------
    >>> is_index("model.safetensors.index.json"), is_index("m.safetensors.index.fp16.json"), is_index("index.json")
    (True, True, False)
    """
    return index_of(path) != ""


def index_of(path: str) -> str:
    """The name of the weights that an index stands for, without the variant; empty where the file is not an index.

    Examples
    --------
    >>> index_of("model.safetensors.index.fp16.json"), index_of("model.bin.index.json"), index_of("model_index.json")
    ('model.safetensors', 'model.bin', '')
    """
    name = os.path.basename(path)
    if not name.endswith(".json"):
        return ""
    stem, found, variant = name.removesuffix(".json").rpartition(".index")
    return stem if found and (not variant or variant.startswith(".")) else ""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Files of one folder whose names differ in a number of this many alone, as ``model-00001-of-00003.bin``.

    ``missing`` are the numbers that have no file; ``is_usual`` says that the name is of the form all hubs use.
    """

    name: str
    files: tuple[str, ...]
    total: int
    missing: tuple[int, ...]
    is_usual: bool


def numbered(paths: Iterable[str]) -> list[Numbered]:
    """The groups of files that number themselves as shards of one model, in the order of their first file.

    Names of one shard of one are ordinary names. Linear in the number of files.

    Examples
    --------
    >>> group, = numbered(["m/a.fp16-00001-of-00003.bin", "m/a.fp16-00003-of-00003.bin", "m/b-00001-of-00001.bin"])
    >>> group.name, len(group.files), group.missing
    ('a.fp16.bin', 2, (2,))
    """
    groups: dict[tuple[str, str, str, int], dict[int, str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        place = _number_in(name)
        if place is None:
            continue
        begin, number, total, end = place
        key = (folder, name[:begin], name[end:], total)
        groups.setdefault(key, {})[number] = path
    return [_group(*key, files) for key, files in groups.items()]


def tensor_parallel(paths: Iterable[str]) -> list[Numbered]:
    """The groups of ``consolidated.NN`` files of one folder and suffix: shards of one model each.

    How many there are is not said: ``missing`` are numbers below the largest.

    Examples
    --------
    >>> group, = tensor_parallel(["m/consolidated.00.pth", "m/consolidated.02.pth", "m/consolidated.safetensors"])
    >>> group.name, group.total, group.missing
    ('consolidated.pth', 3, (1,))
    """
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        found = consolidated.NAME.fullmatch(name)
        if found is not None and found[1]:
            groups.setdefault((folder, found[2]), {})[int(found[1])] = path
    return [
        Numbered(
            f"consolidated.{suffix}",
            tuple(files[k] for k in sorted(files)),
            max(files) + 1,
            tuple(k for k in range(max(files)) if k not in files),
            True,
        )
        for (_, suffix), files in groups.items()
    ]


def unnumbered(name: str) -> str:
    """A shard's name without its number, as the whole would be called.

    Examples
    --------
    >>> unnumbered("a.fp16-00001-of-00003.bin"), unnumbered("model.bin")
    ('a.fp16.bin', 'model.bin')
    """
    place = _number_in(name)
    return name if place is None else name[: place[0]].rstrip("-_.") + name[place[3] :]


def _number_in(name: str) -> tuple[int, int, int, int] | None:
    """Where the shard's number starts in a name, the number, of how many, and where both end; the last such place."""
    places = list(_NUMBER.finditer(name))
    if not places:
        return None
    found = places[-1]
    number, total = int(found[1]), int(found[3])
    if not 2 <= total <= SHARDS_LIMIT or number > total:
        return None
    return found.start(), number, total, found.end()


def _group(folder: str, before: str, after: str, total: int, files: Mapping[int, str]) -> Numbered:
    first = 0 if 0 in files and total not in files else 1
    missing = tuple(k for k in range(first, first + total) if k not in files)
    in_order = tuple(files[k] for k in sorted(files))
    is_usual = all(f"-of-{total:05d}" in os.path.basename(file) for file in in_order)
    name = before.rstrip("-_.") + after
    return Numbered(name, in_order, total, missing, is_usual)


def shards(index: str) -> tuple[Part, ...]:
    """The shards that a shard index names, in its order, each proven to be a file inside the index's folder.

    A shard may be a link to a blob of the same repository in a hub's cache.

    Raises
    ------
    DamagedFileError
        When the file is not an index.
    UnsafeFileError
        When it names a path that leaves its folder.
    UnreadableFileError
        When it cannot be read, or a shard is missing.
    """
    folder = os.path.dirname(index)
    names = list(dict.fromkeys(weight_map(index).values()))
    for name in names:
        shown = repr(name[:_LONGEST_QUOTE])
        if not name or os.path.isabs(name) or PurePath(name).drive or ".." in re.split(r"[/\\]", name):
            raise UnsafeFileError(
                f"the shard index points outside its folder ({shown})", path=index, remedy="Do not trust this folder."
            )
        if leads_outside(os.path.join(folder, name), folder or os.curdir):
            raise UnsafeFileError(
                f"shard {shown} is a link that leads outside its folder",
                path=index,
                remedy="Put the file there, or allow it with --limit links=1.",
            )
        if not os.path.isfile(os.path.join(folder, name)):
            raise UnreadableFileError(
                f"shard {shown} is missing", path=index, remedy="Download it into the same folder."
            )
    return tuple(Part(file=os.path.join(folder, name)) for name in names)


def weight_map(index: str) -> dict[str, str]:
    """The file of each tensor, as a shard index has it. Raises the errors of ``shards``."""
    remedy = "Download the index again."
    content = read_json(index, remedy)
    files = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not all(isinstance(name, str) for name in files.values()):
        raise DamagedFileError("the shard index has no weight_map of tensors to files", path=index, remedy=remedy)
    if not files:
        raise DamagedFileError("the shard index names no shard", path=index, remedy=remedy)
    return files


def disagreement(index: str, tensors: Iterable[str]) -> str:
    """How a shard index and the tensors in its shards disagree, as a sentence; empty where they agree.

    Raises the errors of ``shards``.
    """
    named, there = weight_map(index).keys(), set(tensors)
    gone = [name for name in named if name not in there]
    extra = sorted(there - named)
    parts = []
    if gone:
        parts.append(f"{len(gone):,} of its tensors are in no shard ({gone[0][:_LONGEST_QUOTE]!r} is the first)")
    if extra:
        parts.append(f"{len(extra):,} tensors of the shards are not in it ({extra[0][:_LONGEST_QUOTE]!r} is the first)")
    name = os.path.basename(index)
    return f"the index {name} and its shards disagree: {', and '.join(parts)}" if parts else ""
