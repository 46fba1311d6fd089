"""Parts of a file from a web server that is trusted with nothing: lengths, ranges, redirects, speed are checked."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from neural_phylogeny.errors import (
    CheckpointError,
    DamagedFileError,
    NotFoundError,
    UnreadableFileError,
)
from neural_phylogeny.sources.remote.addresses import public
from neural_phylogeny.sources.remote.connections import drop, followed, send

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each further try of a request that failed without need."""

LONGEST_PAUSE = 60.0
"""Where a server asks for a longer one, the file is given up."""

PATIENCE, SLOWEST = 30.0, 2_000
"""After so many seconds a reply must have come at so many bytes a second on average."""

REDIRECTS = 5
"""Most redirects that are followed for one request."""

HEADWAY = 1 << 16
"""A try that received so many bytes counts as a success: the rest is asked for anew."""

TRIES = 50
"""Most tries of one request, whatever they received."""

STEP = 1 << 16

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")

_AGAIN = "Try again later; what was fetched is not lost within one run."


class TransientError(Exception):
    """A request failed in a way that may pass; ``pause`` is how long the server asks to wait, in seconds."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        self.reason, self.pause = reason, pause
        super().__init__(reason)


Explain = Callable[[int, Mapping[str, str]], CheckpointError | None]
"""Given a status and the headers of a refusal, the error that says what to do; None where it is an ordinary one."""


@dataclass
class WebFile:
    """One file behind a URL, as ``held.Server``.

    ``size`` is the length that every reply must agree with; None where it is not known before the first. ``bearer`` is
    sent to the host of the URL alone. A redirect is remembered until it is refused.
    """

    url: str
    size: int | None = None
    bearer: str = ""
    explain: Explain = lambda status, headers: None
    etag: str = ""
    _target: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def shown(self) -> str:
        """The URL without anything secret."""
        return public(self.url)

    def get(self, start: int, stop: int, count: Callable[[int, int], None]) -> bytes:
        """Bytes ``start:stop``; fewer only where the file is shorter and its size was not known."""
        content = bytearray()
        failures = 0
        for _ in range(TRIES):
            before = len(content)
            try:
                end = self._try(start, stop, content, count)
            except TransientError as error:
                failures = 0 if len(content) - before >= HEADWAY else failures + 1
                _wait(error, failures, self.shown)
                continue
            if len(content) >= end - start:
                return bytes(content)
        raise UnreadableFileError(f"the server broke off {TRIES} times", path=self.shown, remedy=_AGAIN)

    def _try(self, start: int, stop: int, content: bytearray, count: Callable[[int, int], None]) -> int:
        """Add what one request gives to ``content``; where the file, or the request, ends."""
        first = start + len(content)
        is_cached = bool(self._target)
        with _asked(self._target or self.url, f"bytes={first}-{stop - 1}", self._sent, count) as reply:
            if is_cached and reply.status in (400, 401, 403, 404, 410):
                self._target = ""  # a signed address expires
                raise TransientError(f"the server answered {reply.status} for the address it redirected to")
            self._check_status(reply, first, stop)
            self._target = reply.url if reply.url != self.url else ""
            low, high, total = self._place(reply, first, stop)
            self._check_file(reply, total)
            if low != first or high > stop:
                raise self._lying(f"it was asked for bytes {first:,} to {stop:,} and sent {low:,} to {high:,}")
            self._receive(reply, content, start, high)
            return min(stop, total)

    def _receive(self, reply: _Reply, content: bytearray, start: int, high: int) -> None:
        began = time.monotonic()
        received = 0
        while start + len(content) < high:
            piece = reply.read(min(STEP, high - start - len(content)))
            if not piece:
                raise TransientError("the server closed the connection early")
            if not content and not start and piece[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
                raise self._html()
            content += piece
            received += len(piece)
            if (spent := time.monotonic() - began) > PATIENCE and received < SLOWEST * spent:
                raise TransientError(f"the server sends too slowly ({received:,} bytes in {spent:.0f} s)")
        reply.finish()

    def _sent(self, url: str) -> dict[str, str]:
        """The headers that are for a host alone: a token stays with the host it was meant for."""
        ours, theirs = urlsplit(self.url), urlsplit(url)
        if (ours.scheme, ours.hostname, ours.port) != (theirs.scheme, theirs.hostname, theirs.port):
            return {}
        if self.bearer:
            return {"Authorization": f"Bearer {self.bearer}"}
        if ours.username:
            pair = f"{unquote(ours.username)}:{unquote(ours.password or '')}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {}

    def _check_status(self, reply: _Reply, first: int, stop: int) -> None:
        status, headers = reply.status, reply.headers
        if status in (200, 206):
            if headers.get("content-type", "").startswith("text/html"):
                raise self._html()
            if headers.get("content-encoding", "identity") != "identity":
                raise self._lying("it sends the file compressed, so that parts of it cannot be read")
            return
        if (error := self.explain(status, headers)) is not None:
            raise error
        if status in (408, 425, 429) or status >= 500:
            raise TransientError(f"the server answered {status}", _pause_of(headers))
        if status in (401, 403):
            raise UnreadableFileError(
                f"access is refused ({status})", path=self.shown, remedy="Check your credentials."
            )
        if status in (404, 410):
            raise NotFoundError(f"there is no such file ({status})", path=self.shown, remedy="Check the spelling.")
        if status == 416:
            raise self._lying(f"the file ends before byte {stop:,}")
        raise UnreadableFileError(f"the server answered {status}", path=self.shown, remedy=_AGAIN)

    def _place(self, reply: _Reply, first: int, stop: int) -> tuple[int, int, int]:
        """Which bytes a reply has, ``low:high``, and the length of the file."""
        length = reply.headers.get("content-length", "")
        if reply.status == 206:
            found = _RANGE.fullmatch(reply.headers.get("content-range", "").strip())
            if found is None:
                raise self._lying("its reply does not say which bytes it has")
            low, high, total = int(found[1]), int(found[2]) + 1, int(found[3])
            if not low < high <= total or (length and length.lstrip("0") != str(high - low)):
                raise self._lying(
                    f"its reply claims bytes {low:,} to {high:,} of {total:,}, and a length of {length[:20]}"
                )
            return low, high, total
        total = int(length) if length.isdecimal() and len(length) < 19 else -1
        if first == 0 and 0 <= total <= stop:
            return 0, total, total
        cost = f": a download of {total:,} bytes" if total >= 0 else ""
        raise UnreadableFileError(
            f"the server cannot send a part of a file{cost}", path=self.shown, remedy="Download it and give its path."
        )

    def _check_file(self, reply: _Reply, total: int) -> None:
        with self._lock:
            if self.size is None:
                self.size = total
            if self.size != total:
                raise self._changed(f"it had {self.size:,} bytes and has {total:,}")
            etag = reply.headers.get("etag", "")
            if self.etag and etag and etag != self.etag:
                raise self._changed("its ETag is another one")
            self.etag = self.etag or etag

    def _changed(self, how: str) -> DamagedFileError:
        return DamagedFileError(f"the file changed while it was read: {how}", path=self.shown, remedy="Read it again.")

    def _lying(self, reason: str) -> DamagedFileError:
        return DamagedFileError(f"the server contradicts itself: {reason}", path=self.shown, remedy="Ask who runs it.")

    def _html(self) -> UnreadableFileError:
        return UnreadableFileError(
            "the server sent a web page, not the file",
            path=self.shown,
            remedy="Open the address in a browser: you may have to log in.",
        )


class _Reply:
    """One answer of a server, not read yet."""

    def __init__(self, raw: http.client.HTTPResponse, url: str, count: Callable[[int, int], None]) -> None:
        self.raw, self.url, self._count = raw, url, count
        self.status = raw.status
        self.headers = {name.lower(): value for name, value in raw.getheaders()}

    def read(self, most: int) -> bytes:
        try:
            piece = self.raw.read1(most)
        except (OverflowError, ValueError) as error:  # the size of a chunk that is none
            raise http.client.HTTPException(str(error)) from error
        self._count(0, len(piece))
        return piece

    def finish(self) -> None:
        """Make the connection free for another request, where nothing more comes."""
        if self.raw.length:
            self.raw.close()
        elif not self.raw.isclosed():
            self.raw.read1(1)


class _asked:  # noqa: N801  (a context manager, used like a function)
    """One request, its redirects followed; failures that may pass are ``TransientError``."""

    def __init__(
        self, url: str, part: str, sent: Callable[[str], dict[str, str]], count: Callable[[int, int], None]
    ) -> None:
        self._url, self._part, self._sent, self._count = url, part, sent, count
        self._reply: _Reply | None = None

    def __enter__(self) -> _Reply:
        url = self._url
        try:
            for _ in range(REDIRECTS + 1):
                headers = {"Accept-Encoding": "identity", "User-Agent": "neural-phylogeny", **self._sent(url)}
                headers |= {"Range": self._part} if self._part else {}
                self._count(1, 0)
                reply = _Reply(send(url, headers), url, self._count)
                if reply.status not in (301, 302, 303, 307, 308):
                    self._reply = reply
                    return reply
                reply.raw.close()
                drop(url)
                url = followed(url, reply.headers.get("location", ""))
        except (OSError, http.client.HTTPException) as error:
            drop(url)
            raise _failure(error, url) from None
        raise UnreadableFileError(f"more than {REDIRECTS} redirects", path=public(self._url), remedy="Ask who runs it.")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if self._reply is not None and (kind is not None or not self._reply.raw.isclosed()):
            self._reply.raw.close()
            drop(self._reply.url)
        if isinstance(error, OSError | http.client.HTTPException) and not isinstance(error, CheckpointError):
            raise _failure(error, self._url) from None


def _failure(error: Exception, url: str) -> Exception:
    if isinstance(error, CheckpointError):
        return error
    host = urlsplit(url).hostname or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"the certificate of {host} cannot be verified ({error.verify_message})"
        return UnreadableFileError(reason, path=public(url), remedy="Set SSL_CERT_FILE to the authority you trust.")
    if isinstance(error, TimeoutError):
        return TransientError(f"{host} does not answer")
    if isinstance(error, socket.gaierror):
        return TransientError(f"{host} cannot be found ({error.strerror})")
    if isinstance(error, http.client.HTTPException):
        return TransientError(f"the server closed the connection early ({type(error).__name__})")
    return TransientError(
        f"no connection to {host} ({(error.strerror or type(error).__name__).lower()})"
        if isinstance(error, OSError)
        else str(error)
    )


def _wait(error: TransientError, failures: int, shown: str) -> None:
    """Pause before another try, longer after each failure in a row. Raises UnreadableFileError after too many."""
    pause = max(error.pause, PAUSES[max(0, min(failures, len(PAUSES)) - 1)])
    if failures > len(PAUSES) or pause > LONGEST_PAUSE:
        reason = f"{error.reason}, {failures} times" if failures > 1 else error.reason
        raise UnreadableFileError(reason, path=shown, remedy=_AGAIN) from None
    time.sleep(pause)


def _pause_of(headers: Mapping[str, str]) -> float:
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isdecimal() and len(text) < 9 else 0.0


def document(url: str, bearer: str, explain: Explain, most: int) -> bytes:
    """A small document, of at most so many bytes, as a hub's API gives it. Raises CheckpointError."""
    server = WebFile(url, bearer=bearer, explain=explain)
    failures = 0
    while True:
        try:
            with _asked(url, "", server._sent, lambda requests, received: None) as reply:
                server._check_status(reply, 0, most)
                content = bytearray()
                began = time.monotonic()
                while piece := reply.read(STEP):
                    content += piece
                    if len(content) > most:
                        raise server._lying(f"its answer has more than {most:,} bytes")
                    if time.monotonic() - began > 2 * PATIENCE:
                        raise TransientError("the server sends too slowly")
                return bytes(content)
        except TransientError as error:
            failures += 1
            _wait(error, failures, server.shown)
