"""Reading that never waits and never fills the memory: regular files alone, and small ones whole.

A pipe, a socket or a device could keep a reader waiting forever, or never end; none is even opened.
"""

from __future__ import annotations

import os
import stat

from neural_phylogeny.errors import SavedFileError, UnreadableFileError

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

SAVED_LIMIT = 1 << 28
"""Longest result, truth or statistics file that is read, in bytes."""

_KERNEL_FILES = ("/proc/", "/sys/")


def open_regular(path: str) -> int:
    """A descriptor of a regular file.

    Raises UnreadableFileError for anything else, also where a file of the kernel pretends to be one: to read such a
    file can change the machine, and its length is not known.
    """
    try:
        _refuse_irregular(os.stat(path), path)
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise error if isinstance(error, UnreadableFileError) else unreadable(path, error) from error
    except ValueError as error:
        raise UnreadableFileError(f"not a path ({error})", path=path, remedy="Check the path.") from error
    try:  # another file may have taken its place in between
        _refuse_irregular(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_irregular(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableFileError("is a directory", path=path, remedy="Check the path and its permissions.")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFileError("not a regular file", path=path, remedy="Copy what it gives into a file.")
    on_disk = getattr(status, "st_blocks", 0)  # no file of the kernel has blocks; to resolve a path takes ten looks
    if not on_disk and os.path.realpath(path).startswith(_KERNEL_FILES):
        raise UnreadableFileError("a file of the kernel", path=path, remedy="Copy what it gives into a file.")


def unreadable(path: str, error: OSError) -> UnreadableFileError:
    """Turn the system's refusal into the package's error, keeping its words; a link without its file is called that."""
    if isinstance(error, FileNotFoundError) and os.path.islink(path):
        return UnreadableFileError(
            "a link to a file that is not here, as of a download that is not complete",
            path=path,
            remedy="Download it again.",
        )
    return UnreadableFileError(
        (error.strerror or str(error)).lower(), path=path, remedy="Check the path and its permissions."
    )


def read_saved(path: str | os.PathLike[str], what: str) -> bytes:
    """All bytes of a file that this package or its user wrote; ``what`` it should be, as ``"result file"``.

    Raises
    ------
    SavedFileError
        When it cannot be read, is not a regular file, or is longer than ``SAVED_LIMIT``.
    """
    try:
        with os.fdopen(open_regular(os.fsdecode(path)), "rb") as file:
            content = file.read(SAVED_LIMIT + 1)
    except UnreadableFileError as error:
        raise SavedFileError(f"{error.path}: the {what} cannot be read ({error.reason})") from error
    except OSError as error:
        raise SavedFileError(f"{os.fsdecode(path)}: the {what} cannot be read ({error.strerror})") from error
    if len(content) > SAVED_LIMIT:
        raise SavedFileError(f"{os.fsdecode(path)}: longer than the {SAVED_LIMIT:,} bytes that a {what} may have")
    return content
