"""An address as a path: its files as empty placeholders in a temporary folder, laid out as a hub's cache.

So all that is known of folders holds for addresses: shards, pipelines, adapters, patterns.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from neural_phylogeny.errors import CheckpointError, UnreadableFileError, UnsafeFileError, show_as
from neural_phylogeny.files.far import FarFile, attach, detach_below, far_file
from neural_phylogeny.files.regular import unreadable
from neural_phylogeny.formats import FORMATS
from neural_phylogeny.sources.remote.addresses import HubAddress, public, safe_parts, scheme_of
from neural_phylogeny.sources.remote.held import FIRST, HeldFile, as_one

if TYPE_CHECKING:
    from neural_phylogeny.sources.remote.web import WebFile

_LOCK = threading.RLock()
_KNOWN: dict[str, str | CheckpointError] = {}
_ROOT: list[str] = []

_WHOLE = tuple(suffix for row in FORMATS if not row.in_parts for suffix in row.suffixes)
_PARTS = tuple(suffix for row in FORMATS if row.in_parts for suffix in row.suffixes)


def mirrored(address: str) -> str:
    """The path that stands for an address; a pattern stays one. Costs one request to list what is there, once.

    Raises
    ------
    NotFoundError
        Where there is nothing.
    UnreadableFileError, UnsafeFileError, DamagedFileError
        Where it cannot be listed.
    MissingExtraError
        Where a library is not installed.
    """
    with _LOCK:
        if address not in _KNOWN:
            try:
                _KNOWN[address] = _made(address)
            except CheckpointError as error:
                _KNOWN[address] = error
        found = _KNOWN[address]
        if isinstance(found, CheckpointError):
            raise found
        return found


def look_again() -> None:
    """Look every address up anew from now on: a branch may have moved, a server may answer again."""
    with _LOCK:
        _KNOWN.clear()


def forget() -> None:
    """Look every address up anew from now on, and let go of all that was fetched."""
    with _LOCK:
        _KNOWN.clear()
        for root in _ROOT:
            detach_below(root)
            shutil.rmtree(root, ignore_errors=True)
        _ROOT.clear()


def one_model(paths: Iterable[str]) -> list[HeldFile]:
    """The files of one model that lie elsewhere; they count together from now on."""
    found = [file for path in paths if isinstance(file := far_file(path), HeldFile)]
    if found:
        as_one(found)
    return found


def _made(address: str) -> str:
    from neural_phylogeny.sources.remote.hub import from_page  # most runs need no network, and its modules take long

    scheme = scheme_of(address)
    if scheme == "file":
        return unquote(urlsplit(address).path)
    if scheme == "hf":
        return _of_hub(address)
    if scheme in ("http", "https"):
        page = from_page(address)
        return _of_web(address) if page == address else _of_hub(page)
    return _of_store(address)


def _of_hub(address: str) -> str:
    from neural_phylogeny.sources.remote.hub import repository

    wanted = HubAddress.of(address)
    found = repository(wanted, address)
    folder = os.path.join(_root(), "models--" + found.name.replace("/", "--"), "snapshots", found.commit)
    kept = found.files if wanted.path else _without_conversions(found.files)
    _place(folder, kept, address)
    show_as(folder, found.address)
    if wanted.path and safe_parts(wanted.path) is None:
        raise UnsafeFileError("the path leaves its repository", path=address, remedy="Check the spelling.")
    return os.path.join(folder, *wanted.path.split("/")) if wanted.path else folder


def _without_conversions(files: Mapping[str, HeldFile]) -> dict[str, HeldFile]:
    """The files of a repository without those that need a whole download, where others can be read in parts."""
    if not any(name.lower().endswith(_PARTS) for name in files):
        return dict(files)
    return {name: file for name, file in files.items() if not name.lower().endswith(_WHOLE)}


def _of_web(address: str) -> str:
    from neural_phylogeny.sources.remote.web import WebFile

    server = WebFile(address)
    parts = urlsplit(address)
    name = [part for part in unquote(parts.path).split("/") if part]
    if not name or safe_parts("/".join(name)) is None:
        raise UnreadableFileError("not the address of a file", path=public(address), remedy="Name one file.")
    head = _Head(public(address), server)
    folder = os.path.join(_root(), parts.scheme, (parts.netloc.rpartition("@")[2]).replace(":", "_"))
    _place(folder, {"/".join(name): head}, address)
    show_as(folder, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    return os.path.join(folder, *name)


class _Head(HeldFile):
    """A file of a web server, whose first bytes say how long it is."""

    def __init__(self, address: str, server: WebFile) -> None:
        received: list[tuple[int, int]] = []
        content = server.get(0, FIRST, lambda *counts: received.append(counts))
        super().__init__(address, server.size or 0, server)
        self.version = server.etag
        for requests, nbytes in received:
            self._count(requests, nbytes)
        if content:
            self.keep(0, content)


def _of_store(address: str) -> str:
    from neural_phylogeny.sources.remote.stores import files_of

    files, shown = files_of(address)
    scheme = scheme_of(address)
    start = f"{scheme}://"
    folder = os.path.join(_root(), scheme)
    _place(folder, {where.removeprefix(start): file for where, file in files.items()}, shown)
    show_as(folder + os.sep, start)
    rest = [part for part in public(address).removeprefix(start).split("/") if part]
    if not rest or safe_parts("/".join(rest)) is None:
        raise UnsafeFileError("the path leaves its store", path=shown, remedy="Check the spelling.")
    return os.path.join(folder, *rest)


def _root() -> str:
    if not _ROOT:
        _ROOT.append(os.path.realpath(tempfile.mkdtemp(prefix="nphylo-far-")))
        if len(_ROOT) == 1:
            atexit.register(forget)
    return _ROOT[0]


def _place(folder: str, files: Mapping[str, FarFile], address: str) -> None:
    """An empty placeholder for each file.

    Raises UnsafeFileError for a name that would leave the folder, or that is a folder of another name, and
    UnreadableFileError where the system does not let it be made.
    """
    for name, file in files.items():
        parts = safe_parts(name)
        if parts is None:
            raise _unusable(name, address)
        path = os.path.join(folder, *parts)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            is_downloaded = os.path.exists(path) and os.path.getsize(path) == file.size > 0
            if is_downloaded and file.address.startswith("hf://"):  # of this very commit
                continue
            with open(path, "wb"):
                attach(path, file)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise _unusable(name, address) from error
        except OSError as error:
            raise unreadable(public(address), error) from error


def _unusable(name: str, address: str) -> UnsafeFileError:
    reason = f"a file with an unusable name ({name[:100]!r})"
    return UnsafeFileError(reason, path=public(address), remedy="Do not trust this source.")
