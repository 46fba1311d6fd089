"""A hub on the loopback, from the standard library: the API's routes, ranges, and every byte counted."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """Files by path below ``/REPOSITORY``; ``misbehave`` may answer a request itself, and then returns True."""

    files: dict[str, bytes | Path] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=lambda: {"main": COMMIT})
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    misbehave: Callable[[BaseHTTPRequestHandler, FakeHub], bool] = lambda handler, hub: False
    cdn: str = ""
    url: str = ""
    sent: int = 0
    asked: list[str] = field(default_factory=list)
    authorised: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, repository: str, name: str, content: bytes | Path) -> None:
        """Put a file into a repository."""
        self.files[f"{repository}/{name}"] = content

    def size(self, key: str) -> int:
        """Length of a file."""
        content = self.files[key]
        return content.stat().st_size if isinstance(content, Path) else len(content)

    def part(self, key: str, start: int, stop: int) -> bytes:
        """Bytes of a file; a large one is sparse and stays on the disk."""
        content = self.files[key]
        if isinstance(content, bytes):
            return content[start:stop]
        with content.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        hub, path = self.hub, unquote(urlsplit(self.path).path)
        with hub.lock:
            hub.asked.append(f"{path} {self.headers.get('Range', '')}".strip())
            hub.authorised += [self.headers["Authorization"]] if "Authorization" in self.headers else []
        if hub.misbehave(self, hub):
            return
        if path.startswith("/api/models/"):
            self._info(path.removeprefix("/api/models/"))
        elif "/resolve/" in path:
            repository, _, rest = path[1:].partition("/resolve/")
            name = rest.partition("/")[2]
            if hub.cdn and f"{repository}/{name}" in hub.files:
                self.answer(302, b"", Location=f"{hub.cdn}/{repository}/{name}?signature=secret")
            else:
                self.file(f"{repository}/{name}")
        else:
            self.file(path[1:])

    def _info(self, rest: str) -> None:
        repository, _, revision = rest.partition("/revision/")
        names = [key for key in self.hub.files if key.startswith(f"{repository}/")]
        if repository in self.hub.refusals:
            status, code = self.hub.refusals[repository]
            self.answer(status, b"{}", **{"X-Error-Code": code})
        elif not names:
            self.answer(404, b"{}", **{"X-Error-Code": "RepoNotFound"})
        elif revision not in self.hub.revisions and revision != COMMIT:
            self.answer(404, b"{}", **{"X-Error-Code": "RevisionNotFound"})
        else:
            rows = [{"rfilename": key[len(repository) + 1 :], "size": self.hub.size(key)} for key in names]
            for row, key in zip(rows, names, strict=True):
                content = self.hub.files[key]
                if isinstance(content, bytes) and not key.endswith(".json"):
                    row["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            answer = {"id": repository, "sha": self.hub.revisions.get(revision, COMMIT), "siblings": rows}
            self.answer(200, json.dumps(answer).encode())

    def file(self, key: str) -> None:
        """The part of a file that is asked for."""
        if key not in self.hub.files:
            self.answer(404, b"", **{"X-Error-Code": "EntryNotFound"})
            return
        size = self.hub.size(key)
        wanted = self.headers.get("Range", "")
        start, stop = 0, size
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(size, int(last) + 1)
            if start >= size and size:
                self.answer(416, b"", **{"Content-Range": f"bytes */{size}"})
                return
        body = self.hub.part(key, start, stop)
        if wanted and size:
            self.answer(206, body, **{"Content-Range": f"bytes {start}-{stop - 1}/{size}", "ETag": '"one"'})
        else:
            self.answer(200, body, ETag='"one"')

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send an answer and count its bytes."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        with self.hub.lock:
            self.hub.sent += len(body)


@contextmanager
def served(hub: FakeHub) -> Iterator[FakeHub]:
    """The hub behind a port of its own."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def trickle(handler: BaseHTTPRequestHandler, length: int, pause: float, count: int) -> None:
    """Send a reply byte by byte."""
    start = int(handler.headers["Range"].removeprefix("bytes=").partition("-")[0])
    handler.send_response(206)
    handler.send_header("Content-Length", str(length - start))
    handler.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
    handler.end_headers()
    for _ in range(count):
        try:
            handler.wfile.write(b"x")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(pause)
