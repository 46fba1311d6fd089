"""The HDF5 library at arm's length: one child process reads all files, and a new one takes over when it dies."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from neural_phylogeny import errors
from neural_phylogeny.errors import CheckpointError, DamagedFileError, LimitError
from neural_phylogeny.formats.limits import LIMITS, limit

PATIENCE = 6
"""Times the seconds of the processor that a request may take by the clock."""

_KINDS = {
    name: getattr(errors, name)
    for name in ("DamagedFileError", "UnsafeFileError", "UnsupportedFormatError", "UnreadableFileError")
}

_COMMAND = "from neural_phylogeny.formats.hdf5_server import main; main()"

_LOCK = threading.Lock()
_CHILD: list[subprocess.Popen[bytes]] = []


def ask(request: dict[str, Any], shown: str) -> tuple[dict[str, Any], bytes]:
    """What the child answers to a request about one file, which is called ``shown`` in messages.

    Raises
    ------
    CheckpointError
        The child's own; a DamagedFileError where it crashed or took too long.
    """
    limits = {name: limit(name) for name in LIMITS if limit(name)}
    line = json.dumps({**request, "limits": limits}).encode() + b"\n"
    with _LOCK:
        child = _running()
        watch = threading.Timer(PATIENCE * limit("seconds"), child.kill)
        watch.daemon = True
        watch.start()
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write(line)
            child.stdin.flush()
            header = json.loads(child.stdout.readline())
            values = child.stdout.read(header.get("nbytes", 0))
            if len(values) != header.get("nbytes", 0):
                raise EOFError
        except (OSError, ValueError, EOFError) as error:
            _end()
            raise DamagedFileError(
                "the HDF5 library crashed on it, or took too long",
                path=shown,
                remedy="Copy or download the file again.",
            ) from error
        except BaseException:  # an interrupted answer must not be taken for the next one
            _end()
            raise
        finally:
            watch.cancel()
    if "error" in header:
        raise _error(header, shown)
    return header, values


def _error(header: dict[str, Any], shown: str) -> CheckpointError:
    tensor, remedy = str(header["tensor"]), str(header["remedy"])
    if header["error"] == "LimitError":
        row = (str(header["limit"]), int(header["value"]), int(header["allowed"]), str(header["counts"]))
        return LimitError(*row, path=shown, tensor=tensor)
    kind = _KINDS.get(str(header["error"]), DamagedFileError)
    found: CheckpointError = kind(str(header["reason"]), path=shown, tensor=tensor, remedy=remedy)
    return found


def _running() -> subprocess.Popen[bytes]:
    if _CHILD and _CHILD[0].poll() is None:
        return _CHILD[0]
    _end()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    _CHILD.append(
        subprocess.Popen(
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    )
    return _CHILD[0]


@atexit.register
def _end() -> None:
    """End the child; the next request starts another."""
    while _CHILD:
        child = _CHILD.pop()
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        child.wait()
