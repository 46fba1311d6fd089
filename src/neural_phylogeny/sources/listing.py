"""What lies in one folder: each entry is classed by its name, or by its first bytes where its name says nothing.

Regular files alone are opened, and of each 4 kB are read at most.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import SUFFIXES, read_head, reader_of
from neural_phylogeny.formats.foreign import foreign_by_content, foreign_by_name, is_text
from neural_phylogeny.formats.moments import is_moment
from neural_phylogeny.sources.asides import (
    ARRAY,
    HIDDEN,
    HIDDEN_FOLDER,
    PICKLE,
    TRAINING,
    UNKNOWN,
    Aside,
    kind_of,
)
from neural_phylogeny.sources.links import leads_outside
from neural_phylogeny.sources.other_files import (
    CONTAINERS,
    LOGS,
    OTHER_STARTS,
    OTHERS,
    STATE_WORDS,
    TOKENS,
    TOOLS_FOLDERS,
    TRAINERS_STEMS,
)
from neural_phylogeny.sources.shards import is_index

UNKNOWN_BYTES = 1 << 16
"""A binary file of no known format is named from this size on."""

HIDDEN_LIMIT = 1000
"""Most entries of a hidden folder that are looked at."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one folder, by kind, sorted by name.

    ``weights`` have a known suffix; ``doubtful`` are files that a reader takes by their first bytes; ``unusable`` are
    called like weights and are not regular files; ``documents`` are the names of JSON files; ``outside`` are links that
    lead out of ``root``.
    """

    folder: str
    subfolders: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()
    documents: frozenset[str] = frozenset()
    asides: tuple[Aside, ...] = ()
    outside: tuple[str, ...] = ()
    root: str = ""

    @classmethod
    def of(cls, folder: str, root: str = "") -> Listing:
        """List a folder below ``root``, or a root itself; costs a look at each entry. Raises OSError."""
        with os.scandir(folder) as entries:
            paths = [os.path.join(folder, entry.name) for entry in entries]
        return cls.from_paths(folder, paths, root or folder)

    @classmethod
    def from_paths(cls, folder: str, paths: Iterable[str], root: str = "") -> Listing:
        """Class entries of one folder, as if there were no others; with ``root``, no links that lead outside of it.

        A root that is not a model itself was filled by the user: files that are linked there are meant.
        """
        found: dict[str, list[str]] = {"subfolders": [], "weights": [], "doubtful": [], "unusable": []}
        documents: list[str] = []
        outside: list[str] = []
        asides: list[Aside] = []
        paths = sorted(paths)
        gathered = folder == root and not any(path.endswith(".json") and is_of_a_model(path) for path in paths)
        for path in paths:
            name = os.path.basename(path)
            if root and not (gathered and os.path.isfile(path)) and leads_outside(path, root):
                outside += [path] if os.path.isdir(path) or is_weight_file(path) or is_index(path) else []
            elif name.startswith("."):
                asides += _hidden(path)
            elif os.path.isdir(path):
                found["subfolders"].append(path)
            elif name.endswith(".json"):
                documents += [name] if os.path.isfile(path) else []
            else:
                place = _class_of(path)
                if isinstance(place, Aside):
                    asides.append(place)
                elif place:
                    found[place].append(path)
        return cls(
            folder,
            documents=frozenset(documents),
            asides=tuple(asides),
            outside=tuple(outside),
            root=root or folder,
            **{place: tuple(members) for place, members in found.items()},
        )

    @property
    def has_config(self) -> bool:
        """Whether a configuration lies there, which speaks of one model."""
        return not self.documents.isdisjoint({"config.json", "adapter_config.json"})

    @property
    def indexes(self) -> list[str]:
        """The shard indexes."""
        return [os.path.join(self.folder, name) for name in sorted(self.documents) if is_index(name)]


def is_of_a_model(path: str) -> bool:
    """Whether a JSON file says that its folder is one model: a configuration or an index.

    Examples
    --------
    >>> [is_of_a_model(name) for name in ("config.json", "model.safetensors.index.json", "truth.json")]
    [True, True, False]
    """
    name = os.path.basename(path)
    return name in ("config.json", "adapter_config.json", "model_index.json", "modules.json") or is_index(path)


def is_training_state(path: str) -> bool:
    """Whether a file is called as trainers call their own state.

    Examples
    --------
    >>> [is_training_state(name) for name in ("optimizer_1.bin", "rng_state.pth", "exp_avg.pt", "scaler2x.pt")]
    [True, True, True, False]
    """
    stem = os.path.splitext(os.path.basename(path).lower())[0]
    if stem.endswith("_optim_states") or is_moment(stem):
        return True
    rests = (stem.removeprefix(word).split("_") for word in TRAINERS_STEMS if stem.startswith(word))
    return any(not first and all(part.isdecimal() or part in STATE_WORDS for part in rest) for first, *rest in rests)


def is_weight_file(path: str) -> bool:
    """Whether a file's name says that it holds weights: a known suffix, and not one of a trainer's other files.

    Examples
    --------
    >>> [is_weight_file(name) for name in ("model.safetensors", "optimizer.pt", "truth.json")]
    [True, False, False]
    """
    return os.path.splitext(path)[1].lower() in SUFFIXES and not is_training_state(path)


def _class_of(path: str) -> Aside | str:
    """The field of ``Listing`` for a file that is not hidden, what else it is, or nothing."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix in SUFFIXES:
        if is_training_state(path):
            return Aside(path, TRAINING)
        return "weights" if os.path.isfile(path) else "unusable"
    if suffix in OTHERS or LOGS in os.path.basename(path):
        return ""
    return _sniffed(path)


def _sniffed(path: str) -> Aside | str:
    """The same for a file of any other name, from its first bytes."""
    try:
        size = os.stat(path).st_size if os.path.isfile(path) else 0
        head = read_head(Path(path)) if size else b""
    except (CheckpointError, OSError):
        return ""
    if not head or head.startswith(OTHER_STARTS) or any(token in head[:64] for token in TOKENS):
        return ""
    foreign = foreign_by_content(head)
    if foreign is not None:
        return "" if foreign.is_packed and _packs_other_things(path) else Aside(path, kind_of(foreign))
    if is_text(head):
        return ""
    if head.startswith(b"\x93NUMPY"):
        return Aside(path, ARRAY)
    if reader_of(head, Path(path)) is not None:
        return Aside(path, PICKLE) if _is_bare_pickle(head) else "doubtful"
    foreign = foreign_by_name(path)
    if foreign is not None:
        return Aside(path, kind_of(foreign))
    return Aside(path, UNKNOWN) if size >= UNKNOWN_BYTES else ""


def _packs_other_things(path: str) -> bool:
    """Whether the suffix before that of the compression is one of files that are not weights, as in ``a.csv.gz``."""
    stem, suffix = os.path.splitext(os.path.basename(path).lower())
    while suffix in CONTAINERS:
        stem, suffix = os.path.splitext(stem)
    return suffix in OTHERS


def _is_bare_pickle(head: bytes) -> bool:
    """Whether a pickle does not begin as torch's files do, and names neither torch nor NumPy early on."""
    return head[:1] == b"\x80" and not any(
        word in head for word in (b"torch", b"numpy", b"\x6c\xfc\x9c\x46\xf9\x20\x6a")
    )


def _hidden(path: str) -> list[Aside]:
    """A hidden file that is called or begins like weights, or a folder that holds what is called so."""
    name = os.path.basename(path)
    if os.path.isdir(path):
        if name in TOOLS_FOLDERS:
            return []
        return [Aside(path, HIDDEN_FOLDER)] if _holds_weights(path) else []
    if name.startswith("._"):  # macOS leaves ._ files beside everything it copies
        return []
    return [Aside(path, HIDDEN)] if is_weight_file(path) or _sniffed(path) == "doubtful" else []


def _holds_weights(folder: str) -> bool:
    """Whether something in a hidden folder is called like weights, by a look at the names of its first entries."""
    left = HIDDEN_LIMIT
    for _, _, files in os.walk(folder):
        if any(is_weight_file(name) for name in files[:left]):
            return True
        left -= 1 + len(files)
        if left <= 0:
            return False
    return False
