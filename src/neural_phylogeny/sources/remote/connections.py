"""Connections to web servers, one for each thread and host, and where a redirect may lead."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from typing import cast
from urllib.parse import SplitResult, urljoin, urlsplit

from neural_phylogeny.errors import UnsafeFileError
from neural_phylogeny.sources.remote.addresses import public

TIMEOUT = 30.0
"""Seconds without a byte after which a connection is given up."""


def followed(url: str, location: str) -> str:
    """Where a redirect leads. Raises UnsafeFileError where it may not be followed."""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname and location and parts.port != 0)
    except ValueError:  # a port that is no number, brackets around no address
        is_web = False
    if not is_web:
        raise UnsafeFileError("a redirect that leads to no web server", path=public(url), remedy="Ask who runs it.")
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise UnsafeFileError("a redirect from https to http", path=public(url), remedy="Ask who runs it.")
    if not is_private(urlsplit(url).hostname or ""):
        if is_private(parts.hostname or ""):
            raise _private(parts.hostname, url)
        _LED_TO.add(parts.hostname or "")
    return target


_LED_TO: set[str] = set()
"""Hosts that redirects of public ones led to: their names may have another address when they are connected to."""


def _private(host: str | None, url: str) -> UnsafeFileError:
    reason = f"a redirect to a private address ({host})"
    return UnsafeFileError(reason, path=public(url), remedy="Do not trust this server.")


def _connect(connection: http.client.HTTPConnection, url: str) -> None:
    """Connect where that is to be done; raises UnsafeFileError where a redirect led to a name of a private address."""
    if connection.sock is None:
        connection.connect()
        host, connected = urlsplit(url).hostname, cast(socket.socket, connection.sock)
        if host in _LED_TO and connection.host == host and is_private(connected.getpeername()[0]):
            connection.close()
            raise _private(host, url)


def is_private(host: str) -> bool:
    """Whether a host is on this machine or in a private network, by the addresses that its name has.

    Examples
    --------
    >>> is_private("127.0.0.1"), is_private("169.254.169.254"), is_private("8.8.8.8")
    (True, True, False)
    """
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False  # a proxy may know it
    return any(not ipaddress.ip_address(str(address).partition("%")[0]).is_global for address in found)


_CONNECTIONS = threading.local()


def send(url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    """Send a GET over a connection of this thread; one that the server closed meanwhile is opened anew."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    for is_fresh in (False, True):
        connection, is_whole = _connection(parts, is_fresh)
        was_used = getattr(connection, "was_used", False)
        try:
            _connect(connection, url)
            connection.request("GET", url if is_whole else target, headers=dict(headers))
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
            drop(url)
            if not was_used:
                raise
        else:
            connection.was_used = True  # type: ignore[attr-defined]
            return response
    raise ConnectionResetError("the connection was reset")


def _connection(parts: SplitResult, is_fresh: bool) -> tuple[http.client.HTTPConnection, bool]:
    """A connection to a host, through the proxy of the environment; whether requests need the whole address."""
    kept: dict[tuple[str, str, int | None], tuple[http.client.HTTPConnection, bool]]
    kept = _CONNECTIONS.__dict__.setdefault("kept", {})
    key = (parts.scheme, parts.hostname or "", parts.port)
    if key in kept and not is_fresh:
        return kept[key]
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    through = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None
    if through is not None and urllib.request.proxy_bypass(parts.hostname or ""):
        through = None
    host, port = (through.hostname or "", through.port) if through else (parts.hostname or "", parts.port)
    made: http.client.HTTPConnection
    if parts.scheme == "https":
        made = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context())
        if through is not None:
            made.set_tunnel(parts.hostname or "", parts.port or 443)
    else:
        made = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    kept[key] = made, through is not None and parts.scheme == "http"
    return kept[key]


def drop(url: str) -> None:
    """Close this thread's connection to a host, where it has one."""
    parts = urlsplit(url)
    kept = _CONNECTIONS.__dict__.get("kept", {})
    found = kept.pop((parts.scheme, parts.hostname or "", parts.port), None)
    if found is not None:
        found[0].close()
