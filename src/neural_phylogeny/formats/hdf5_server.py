"""The process in which the HDF5 library reads strangers' files: it may crash, hang or run out of memory there alone.

Requests come as one line of JSON on stdin; answers go to stdout as one line of JSON and, after it, the values. Nothing
that it answers is unpickled or executed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from neural_phylogeny.errors import CheckpointError, LimitError
from neural_phylogeny.formats.hdf5 import Tree
from neural_phylogeny.formats.keras_layout import weights_of
from neural_phylogeny.formats.limits import check, raised
from neural_phylogeny.formats.spans import SpanFile

ADDRESS_SPACE = 1 << 30
"""Bytes that the process may map; a sound file takes a fifth of it."""

OPEN_FILES = 16
"""Files that stay open between requests; one that was closed is opened anew."""


class Server:
    """The files that were requested last, each with its weights."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Any, ...], tuple[SpanFile, Tree, list[tuple[str, Any, Any, int | None]]]] = (
            OrderedDict()
        )

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer to a request and the values behind it."""
        with raised(request["limits"]):
            _allow_seconds(request["limits"]["seconds"])
            _, tree, weights = self._opened(request)
            if request["do"] == "list":
                rows = [
                    [name, [int(n) for n in dataset.shape], dtype.name, dtype.byteorder, offset]
                    for name, dataset, dtype, offset in weights
                ]
                return {"weights": rows}, b""
            name, dataset, dtype, _ = weights[request["weight"]]
            values = tree.read(dataset, dtype, request["start"], request["stop"], name)
            return {"nbytes": values.nbytes}, np.ascontiguousarray(values).tobytes()

    def _opened(self, request: dict[str, Any]) -> tuple[SpanFile, Tree, list[tuple[str, Any, Any, int | None]]]:
        path, window = request["path"], request["window"]
        key = (path, request.get("content"), *(window or ()))
        if request["do"] == "list":
            self._close(key)
        if key not in self._open:
            while len(self._open) >= OPEN_FILES:
                self._close(next(iter(self._open)))
            file = SpanFile(Path(path), None, tuple(window) if window else None)
            tree: Tree | None = None
            try:
                tree = Tree(path, file.file_size, file.stream() if window else None)
                found: list[tuple[str, Any, Any, int | None]] = []
                for name, dataset in weights_of(tree):
                    check("tensors", len(found) + 1, path)
                    place = tree.place(dataset, name)
                    if place is not None:
                        found.append((name, dataset, *place))
            except BaseException:
                if tree is not None:
                    tree.close()
                file.close()
                raise
            self._open[key] = (file, tree, found)
        self._open.move_to_end(key)
        return self._open[key]

    def _close(self, key: tuple[Any, ...]) -> None:
        if key in self._open:
            file, tree, _ = self._open.pop(key)
            tree.close()
            file.close()


def _confine() -> None:
    """Limits of the process, where the system knows any."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _allow_seconds(seconds: int) -> None:
    """Seconds of the processor for one request; the system ends a process that takes more."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + seconds, resource.RLIM_INFINITY))


def _failure(error: CheckpointError) -> dict[str, Any]:
    found: dict[str, Any] = {
        "error": type(error).__name__,
        "reason": error.reason,
        "tensor": error.tensor,
        "remedy": error.remedy,
    }
    if isinstance(error, LimitError):
        found |= {"limit": error.limit, "value": error.value, "allowed": error.allowed, "counts": error.counts}
    return found


def main() -> None:
    """Answer requests until there are no more."""
    import signal

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the one who asks decides when to end
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    server = Server()
    _confine()
    for line in sys.stdin.buffer:
        try:
            header, values = server.answer(json.loads(line))
        except CheckpointError as error:
            header, values = _failure(error), b""
        except MemoryError:
            header, values = (
                {
                    "error": "DamagedFileError",
                    "reason": "it needs more memory than files may",
                    "tensor": "",
                    "remedy": "",
                },
                b"",
            )
        answers.write(json.dumps(header).encode() + b"\n" + values)
        answers.flush()


if __name__ == "__main__":
    main()
