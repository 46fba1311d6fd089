"""What lies in a folder beside its models, or may be a model and is not read: named once, by kind and count.

A line for each of ten thousand optimiser files would hide the answer; no line would hide the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from neural_phylogeny.formats.foreign import Foreign
from neural_phylogeny.inputs import Skipped

NAMES_SHOWN = 3
"""How many files of a kind are named; the others are counted."""

NAME_LENGTH = 100
"""Longest name shown in full, in characters."""

ONLY_IF_NAMED = "name such a file itself to have it read"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of file: its name with article, its plural, a sentence on it, and whether it may be a model."""

    one: str
    many: str
    what: str
    is_model: bool


@dataclass(frozen=True, slots=True)
class Aside:
    """One file of a kind; ``detail`` says more of it, where there is more to say."""

    path: str
    kind: Kind
    detail: str = ""


TRAINING = Kind(
    "a file of training state", "files of training state", "an optimiser or the like, and no model", is_model=False
)
STATISTICS = Kind("a file of statistics", "files of statistics", "means and covariances, and no model", is_model=False)
DATA = Kind("a data file", "data files", f"taken for features, labels or results; {ONLY_IF_NAMED}", is_model=False)
NO_WEIGHTS = Kind("a file without weights", "files without weights", "there is no model in it", is_model=False)
ARRAY = Kind("a single NumPy array", "single NumPy arrays", "taken for data; put weights into an .npz", is_model=False)
PICKLE = Kind("a pickle", "pickles", f"no arrays are named in the first bytes; {ONLY_IF_NAMED}", is_model=False)
HIDDEN = Kind("a hidden file", "hidden files", f"like weights; {ONLY_IF_NAMED}", is_model=True)
HIDDEN_FOLDER = Kind(
    "a hidden folder",
    "hidden folders",
    "with files called like weights; name such a folder to have it read",
    is_model=True,
)
UNKNOWN = Kind("a binary file", "binary files", "of no known format", is_model=True)
UNREADABLE = Kind("a file", "files", "like checkpoints, but they cannot be read", is_model=True)

BY_CONTENT = {"training state": TRAINING, "statistics": STATISTICS, "data": DATA, "no weights": NO_WEIGHTS}
"""Kinds by what ``NoModelError`` calls them."""


def kind_of(foreign: Foreign) -> Kind:
    """The kind of files of a format that is not read."""
    return Kind(foreign.one, foreign.many, foreign.what, is_model=True)


def summarise(asides: Iterable[tuple[str, Aside]]) -> list[Skipped]:
    """One record for each kind in each folder or pattern that was searched, in the order of the first file.

    ``asides`` are (folder or pattern, file). A kind with one file names the file.

    Examples
    --------
    >>> ggml = Kind("a GGML file", "GGML files", "this format is not read yet", is_model=True)
    >>> [item.reason for item in summarise([("m", Aside("m/a.ggml", ggml)), ("m", Aside("m/b.ggml", ggml))])]
    ['2 GGML files: this format is not read yet (a.ggml, b.ggml)']
    >>> [(item.path, item.reason) for item in summarise([("m", Aside("m/a.ggml", ggml))])]
    [('m/a.ggml', 'a GGML file: this format is not read yet')]
    """
    groups: dict[tuple[str, Kind], dict[str, Aside]] = {}
    for root, aside in asides:
        groups.setdefault((root, aside.kind), {}).setdefault(aside.path, aside)
    return [_line(root, kind, list(files.values())) for (root, kind), files in groups.items()]


def _line(root: str, kind: Kind, files: list[Aside]) -> Skipped:
    if len(files) == 1:
        return Skipped(path=files[0].path, reason=f"{kind.one}: {files[0].detail or kind.what}", is_model=kind.is_model)
    shown = [_short(file.path, root) for file in files[:NAMES_SHOWN]]
    details = [file.detail for file in files if file.detail]
    more = f" and {len(files) - NAMES_SHOWN:,} more" if len(files) > NAMES_SHOWN else ""
    first = f"; the first: {details[0]}" if details else ""
    reason = f"{len(files):,} {kind.many}: {kind.what} ({', '.join(shown)}{more}){first}"
    return Skipped(path=root, reason=reason, is_model=kind.is_model)


def _short(path: str, root: str) -> str:
    """The path below the root, its middle left out where it is long."""
    name = path.removeprefix(os.path.join(root, ""))
    half = NAME_LENGTH // 2
    return name if len(name) <= NAME_LENGTH else f"{name[:half]}...{name[-half:]}"
