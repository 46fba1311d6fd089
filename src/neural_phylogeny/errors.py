"""Every error the package raises on purpose, as one small closed tree.

NeuralPhylogenyError
├── CheckpointError             one checkpoint cannot be used: file, tensor, reason, remedy
│   ├── DamagedFileError        truncated, a lying header, strides beyond the storage     (ValueError)
│   ├── LimitError              would cost more than a limit allows, see --limit          (ValueError)
│   ├── UnsafeFileError         would run code or reach outside its folder                (ValueError)
│   ├── UnsupportedFormatError  not a checkpoint this package can read                    (ValueError)
│   │   └── NoModelError        read, and no model: a training state, statistics, data    (ValueError)
│   └── UnreadableFileError     the system refuses to open it                             (OSError)
│       └── NotFoundError       a path that was given is not there                        (FileNotFoundError)
├── MissingExtraError           an optional library is needed                             (ImportError)
├── NothingToCompareError       fewer than two models with weights in common              (ValueError)
├── InvalidOptionError          an option outside its range; says which values are allowed   (ValueError)
├── UnknownChoiceError          no such method, format or component; names the nearest    (ValueError)
├── ClusterError                no cluster answers at an address, or it stopped answering    (RuntimeError)
├── SavedFileError              a saved result or statistics file cannot be used          (ValueError)
└── OutputError                 the system refuses to write a file                        (OSError)

Each class is also the builtin on its right, so that callers who know nothing of this package can catch it.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from os import PathLike, fspath

LONGEST_NAME = 200
"""Longer names are shortened in every output."""

_LONGEST_REASON = 1000
"""Most characters of a reason, which quotes names of files."""

_TAIL = 40
"""Letters kept of a shortened name's end, which says whether it is a weight or a bias."""


def shortened(name: str, longest: int = LONGEST_NAME) -> str:
    """A name of a file as it may be shown: one of more characters is cut, and has a hash of the whole.

    Examples
    --------
    >>> shortened("layer.weight"), len(shortened("w" * 20_000_000))
    ('layer.weight', 200)
    """
    if len(name) <= longest:
        return name
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    middle = f"…[{len(name):,} characters, {digest}]…"
    return name[: longest - len(middle) - _TAIL] + middle + name[-_TAIL:]


_SHOWN: dict[str, str] = {}
"""What stands in a message for a path of a temporary folder: the address that its content comes from."""


def show_as(path: str, address: str) -> None:
    """Name everything at or below a path by an address from now on, in errors and results."""
    _SHOWN[path] = address


def shown(text: str) -> str:
    """A path, or a sentence with paths in it, as a user knows them.

    Examples
    --------
    >>> shown("models/a.safetensors: the file is empty")
    'models/a.safetensors: the file is empty'
    """
    for path, address in _SHOWN.items():
        if path in text:
            text = text.replace(path, address)
    return text


class NeuralPhylogenyError(Exception):
    """Root of the tree: catch it to catch every deliberate error of this package."""


class CheckpointError(NeuralPhylogenyError):
    """One checkpoint cannot be used; the rest of a collection still can.

    Parameters
    ----------
    reason : str
        What was expected and what came, without the path.
    path, tensor : str, optional
        Where: the file, and the tensor inside it.
    remedy : str, optional
        What the user can do about it, as a sentence.
    """

    def __init__(self, reason: str, *, path: str | PathLike[str] = "", tensor: str = "", remedy: str = "") -> None:
        self.reason = reason = shortened(reason, _LONGEST_REASON)
        self.path = fspath(path)
        self.tensor = tensor
        self.remedy = remedy
        super().__init__(reason)

    def __str__(self) -> str:
        where = self.path
        if self.tensor:
            tensor = repr(shortened(self.tensor))
            where = f"{where}: tensor {tensor}" if where else f"tensor {tensor}"
        sentence = f"{where}: {self.reason}" if where else self.reason
        return shown(f"{sentence}. {self.remedy}" if self.remedy else sentence)


class DamagedFileError(CheckpointError, ValueError):
    """The file contradicts itself: truncated, overlapping tensors, impossible sizes."""


class LimitError(CheckpointError, ValueError):
    """Reading the file would cost more memory, time or output than a limit allows.

    Parameters
    ----------
    limit : str
        Name of the limit, as ``--limit`` takes it.
    value, allowed : int
        What the file needs, and the limit.
    counts : str
        What is counted, as a plural noun.
    """

    def __init__(
        self, limit: str, value: int, allowed: int, counts: str, *, path: str | PathLike[str] = "", tensor: str = ""
    ) -> None:
        self.limit = limit
        self.value = value
        self.allowed = allowed
        self.counts = counts
        shown = f"{value:,}" if value < 10**18 else f"over {10**18:,}"
        option = f"--limit {limit}={value if value < 10**18 else 10**18}"
        super().__init__(
            f"{shown} {counts}, the limit is {allowed:,}",
            path=path,
            tensor=tensor,
            remedy=f"Raise it with {option} if you trust the file.",
        )


class UnsafeFileError(CheckpointError, ValueError):
    """Reading the file faithfully would run code or leave its folder; it is refused.

    Attributes
    ----------
    callable_name : str
        The dotted name in the file, when a pickle wanted to call something.
    """

    def __init__(
        self,
        reason: str,
        *,
        path: str | PathLike[str] = "",
        tensor: str = "",
        remedy: str = "",
        callable_name: str = "",
    ) -> None:
        super().__init__(reason, path=path, tensor=tensor, remedy=remedy)
        self.callable_name = callable_name


class UnsupportedFormatError(CheckpointError, ValueError):
    """The file is not a checkpoint of a known format, or uses a part of it that is not read."""


class NoModelError(UnsupportedFormatError):
    """The file was read and holds no model.

    Attributes
    ----------
    kind : str
        ``"training state"``, ``"statistics"``, ``"data"`` or ``"no weights"``.
    """

    def __init__(self, reason: str, kind: str, *, path: str | PathLike[str] = "", remedy: str = "") -> None:
        super().__init__(reason, path=path, remedy=remedy)
        self.kind = kind


class UnreadableFileError(CheckpointError, OSError):
    """The file is missing, or the operating system refuses to open it."""


class NotFoundError(UnreadableFileError, FileNotFoundError):
    """A path or pattern that the caller gave leads to nothing."""


class MissingExtraError(NeuralPhylogenyError, ImportError):
    """An optional library is not installed.

    Parameters
    ----------
    what : str
        The thing that needs it, e.g. ``"Keras files"``.
    extra : str
        The extra to install: ``pip install 'neural-phylogeny[EXTRA]'``.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.what = what
        self.extra = extra
        super().__init__(f"{what} need an optional library: pip install 'neural-phylogeny[{extra}]'")


class NothingToCompareError(NeuralPhylogenyError, ValueError):
    """Fewer than two models with weights in common were given."""


class UnknownChoiceError(NeuralPhylogenyError, ValueError):
    """A name is not one of the known ones; the message has the nearest, and lists up to ``LISTED``.

    Examples
    --------
    >>> str(UnknownChoiceError("method", "kmean", ["auto", "kmeans"]))
    "unknown method 'kmean'; did you mean 'kmeans'? Known: auto, kmeans"
    """

    def __init__(self, what: str, given: str, known: Iterable[str]) -> None:
        self.what = what
        self.given = given
        self.known = tuple(sorted(known))
        shown = [shortened(name) for name in self.known]
        near = nearest(given[:1000], shown)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
        more = f" and {len(self.known) - LISTED:,} more" if len(self.known) > LISTED else ""
        super().__init__(
            f"unknown {what} {shortened(given)!r}{hint} Known: {', '.join(shown[:LISTED]) or 'none'}{more}"
        )


LISTED = 30
"""Number of known names that are written out."""


def nearest(given: str, known: Sequence[str], most: int = 2) -> list[str]:
    """Names that are spelt nearly like the given one, else those that contain it.

    Examples
    --------
    >>> nearest("kmean", ["auto", "kmeans"]), nearest("osprey", ["runs/osprey.safetensors", "runs/merlin.safetensors"])
    (['kmeans'], ['runs/osprey.safetensors'])
    """
    close = difflib.get_close_matches(given, known, n=most, cutoff=0.75)
    holding = [name for name in known if given and given.lower() in name.lower()]
    return close or holding[:most] or difflib.get_close_matches(given, known, n=1)


class InvalidOptionError(NeuralPhylogenyError, ValueError):
    """An option has a value outside its range.

    Parameters
    ----------
    option : str
        Its name, as the caller writes it.
    expected : str
        Which values are allowed, as a noun phrase.
    given : object
        What came.

    Examples
    --------
    >>> str(InvalidOptionError("alpha", "a probability above 0 and below 1", 2))
    'alpha must be a probability above 0 and below 1, not 2'
    """

    def __init__(self, option: str, expected: str, given: object) -> None:
        self.option = option
        self.expected = expected
        self.given = given
        super().__init__(f"{option} must be {expected}, not {given!r}")


class ClusterError(NeuralPhylogenyError, RuntimeError):
    """A cluster cannot be used, or was lost; what it had done by then is kept.

    Parameters
    ----------
    address : str
        Of its scheduler.
    reason : str
        What is wrong.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
        super().__init__(f"cluster {shortened(address)}: {shortened(reason, _LONGEST_REASON)}")


class SavedFileError(NeuralPhylogenyError, ValueError):
    """A file this package wrote earlier (a result, statistics) is of another version or damaged."""


class OutputError(NeuralPhylogenyError, OSError):
    """A file cannot be written; what stood there before is unchanged.

    Parameters
    ----------
    path : str
        The file that was to be written.
    reason : str
        The system's words.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"cannot write {shortened(path)}: {reason}")
