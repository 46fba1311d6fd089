"""Object stores and every other file system that fsspec knows: files listed once, and read in exact parts."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neural_phylogeny.errors import (
    CheckpointError,
    DamagedFileError,
    MissingExtraError,
    NotFoundError,
    UnreadableFileError,
)
from neural_phylogeny.formats.limits import check
from neural_phylogeny.sources.remote.addresses import public, scheme_of
from neural_phylogeny.sources.remote.held import HeldFile

_SECRET = re.compile(r"(hf_|AKIA|ASIA|ya29\.)[\w.-]{8,}|(?<=[?&])[^\s'\"]*=[^\s'\"]+|(?<=//)[^/\s'\"@]+@")


@dataclass
class StoreFile:
    """One file of a store, as ``held.Server``. Opened without a cache, so that no byte beyond those asked for is read.

    ``etag`` is what the store called the content when it was listed.
    """

    system: Any
    path: str
    address: str
    size: int
    etag: str
    _local: threading.local = field(default_factory=threading.local)

    def get(self, start: int, stop: int, count: Callable[[int, int], None]) -> bytes:
        """Bytes ``start:stop``; what the store sends too much or too little is an error."""
        content = b""
        for is_last in (False, True):
            try:
                count(1, 0)
                file = self._opened()
                file.seek(start)
                content = file.read(stop - start)
                break
            except Exception as error:
                self._local.__dict__.clear()
                if is_last or isinstance(error, FileNotFoundError | PermissionError):
                    raise _failure(error, self.address) from None
        count(0, len(content))
        if len(content) != stop - start:
            raise DamagedFileError(
                f"the store sent {len(content):,} bytes where {stop - start:,} were asked for",
                path=self.address,
                remedy="The file may have changed while it was read: read it again.",
            )
        return bytes(content)

    def _opened(self) -> Any:
        """An open file of this thread; the store refuses it where the content is another one by now."""
        found = getattr(self._local, "file", None)
        if found is None:
            found = self.system.open(self.path, "rb", cache_type="none", block_size=1 << 16)
            size = getattr(found, "size", None)
            etag = etag_of(getattr(found, "details", None) or {})
            if (size is not None and size != self.size) or (etag and self.etag and etag != self.etag):
                raise DamagedFileError("the file changed while it was read", path=self.address, remedy="Read it again.")
            self._local.file = found
        return found


def etag_of(details: Mapping[str, Any]) -> str:
    """What a store calls a content, in the words of whichever store it is."""
    names = ("ETag", "etag", "md5Hash", "generation", "LastModified", "mtime")
    return next((str(details[name]) for name in names if details.get(name)), "")


def files_of(address: str) -> tuple[dict[str, HeldFile], str]:
    """The files at or below an address, by their address, and the address without what is secret.

    A pattern is looked up from the folder before it on; one file gives itself.

    Raises
    ------
    MissingExtraError
        Where fsspec, or its library for this store, is not installed.
    NotFoundError, UnreadableFileError
        Where there is nothing, or the store refuses.
    """
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{scheme_of(address)}:// addresses", "hub") from error
    shown = public(address)
    try:
        system, path = fsspec.core.url_to_fs(address)
        magic = re.search(r"[*?\[]", path)
        root = path[: magic.start()].rpartition("/")[0] if magic else path
        details = system.info(root) if not magic else {"type": "directory"}
        found = {root: details} if details["type"] == "file" else system.find(root, detail=True)
    except ImportError as error:
        raise UnreadableFileError(f"it needs a further library ({str(error)[:200]})", path=shown) from None
    except Exception as error:
        raise _failure(error, shown) from None
    check("entries", len(found), shown)
    start = f"{scheme_of(address)}://"
    files = {}
    for name, info in found.items():
        where = start + name.removeprefix(start).lstrip("/")
        size = info.get("size")
        if info.get("type") == "file" and isinstance(size, int) and size >= 0:
            files[where] = HeldFile(where, size, StoreFile(system, name, where, size, etag_of(info)))
            files[where].version = etag_of(info)
    return files, shown


def _failure(error: Exception, address: str) -> CheckpointError:
    """A library's error as one of ours, without what may be secret in its words."""
    if isinstance(error, CheckpointError):
        return error
    words = _SECRET.sub("...", str(error) or type(error).__name__)[:300]
    if isinstance(error, FileNotFoundError):
        return NotFoundError("there is no such file or folder", path=address, remedy="Check the spelling.")
    if type(error).__name__ == "FileExpired":
        return DamagedFileError("the file changed while it was read", path=address, remedy="Read it again.")
    if isinstance(error, PermissionError):
        return UnreadableFileError("access is refused", path=address, remedy="Check your credentials for this store.")
    if isinstance(error, ValueError) and "rotocol" in words:
        return UnreadableFileError("no file system is known for this address", path=address, remedy="Check its scheme.")
    return UnreadableFileError(f"the store does not answer as it should ({words})", path=address, remedy="Try again.")
