"""A server that is trusted with nothing: each of its faults is one sentence, and nothing lasts."""

import socket
import time
from http.server import BaseHTTPRequestHandler

import pytest
from tests.sources.remote.fake_hub import FakeHub, served, trickle

from neural_phylogeny.errors import CheckpointError, NotFoundError, UnsafeFileError
from neural_phylogeny.sources import open_models
from neural_phylogeny.sources.remote import connections, mirror, web
from neural_phylogeny.sources.remote.held import HeldFile
from neural_phylogeny.sources.remote.web import WebFile

CONTENT = bytes(range(256)) * 400


def nothing(requests: int, received: int) -> None:
    """Counts nothing."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(web, "PAUSES", (0.01, 0.01))
    with served(FakeHub(files={"a.bin": CONTENT})) as running:
        yield running
    mirror.forget()


def failure(server: FakeHub, path: str = "a.bin", size: int | None = len(CONTENT)) -> str:
    with pytest.raises(CheckpointError) as caught:
        WebFile(f"{server.url}/{path}?token=secret", size).get(0, 1000, nothing)
    assert "secret" not in str(caught.value)
    return str(caught.value)


def test_parts_come_as_they_are(server):
    file = WebFile(f"{server.url}/a.bin")
    assert file.get(1000, 2000, nothing) == CONTENT[1000:2000]
    assert file.size == len(CONTENT)


def test_what_fails_once_is_tried_again_and_goes_on_where_it_stopped(server):
    def short(handler: BaseHTTPRequestHandler, hub: FakeHub) -> bool:
        if len(hub.asked) == 1:
            handler.send_response(503)
            handler.send_header("Content-Length", "0")
            handler.send_header("Retry-After", "0")
            handler.end_headers()
        elif len(hub.asked) == 2:
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes 0-999/{len(CONTENT)}")
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            handler.wfile.write(CONTENT[:300])
            handler.close_connection = True
        return len(hub.asked) < 3

    server.misbehave = short
    assert WebFile(f"{server.url}/a.bin", len(CONTENT)).get(0, 1000, nothing) == CONTENT[:1000]
    assert server.asked[-1] == "/a.bin bytes=300-999"


def replying(status: int, body: bytes = b"x" * 1000, **headers: str):
    def answer(handler, _: FakeHub) -> bool:
        handler.answer(status, body, **{name.replace("_", "-"): value for name, value in headers.items()})
        return True

    return answer


@pytest.mark.parametrize(
    ("misbehave", "words"),
    [
        (
            replying(206, Content_Range="bytes 0-999/5000"),
            "changed while it was read: it had 102,400 bytes and has 5,000",
        ),
        (
            replying(206, Content_Range="bytes 0-1999/102400"),
            "claims bytes 0 to 2,000 of 102,400, and a length of 1000",
        ),
        (replying(206, Content_Range="bytes 5-1004/102400"), "asked for bytes 0 to 1,000 and sent 5 to 1,005"),
        (replying(206), "does not say which bytes it has"),
        (replying(200, b"x" * 102_400), "cannot send a part of a file: a download of 102,400 bytes"),
        (replying(206, Content_Range="bytes 0-999/102400", Content_Type="text/html"), "a web page, not the file"),
        (
            replying(206, b"<!DOCTYPE html>" + b" " * 985, Content_Range="bytes 0-999/102400"),
            "a web page, not the file",
        ),
        (replying(206, Content_Range="bytes 0-999/102400", Content_Encoding="gzip"), "sends the file compressed"),
        (replying(416), "the file ends before byte 1,000"),
        (replying(403), "access is refused (403)"),
        (replying(429, b""), "the server answered 429, 3 times"),
        (replying(429, b"", Retry_After="86400"), "the server answered 429. Try again later"),
        (replying(302, b"", Location="/a.bin"), "more than 5 redirects"),
        (replying(302, b"", Location="file:///etc/passwd"), "a redirect that leads to no web server"),
        (replying(302, b""), "a redirect that leads to no web server"),
    ],
)
def test_a_fault_of_the_server_is_a_sentence(server, misbehave, words):
    server.misbehave = misbehave
    assert words in failure(server)
    assert len(server.asked) <= 6


def test_a_file_that_changes_is_noticed_by_its_etag(server):
    file = WebFile(f"{server.url}/a.bin")
    file.get(0, 10, nothing)
    server.misbehave = replying(206, b"y" * 10, Content_Range=f"bytes 10-19/{len(CONTENT)}", ETag='"two"')
    with pytest.raises(CheckpointError, match="its ETag is another one"):
        file.get(10, 20, nothing)


def test_a_reply_that_trickles_is_given_up(server, monkeypatch):
    monkeypatch.setattr(web, "PATIENCE", 0.05)
    monkeypatch.setattr(web, "PAUSES", (0.01,))

    def slow(handler, _: FakeHub) -> bool:
        trickle(handler, len(CONTENT), 0.02, 50)
        return True

    server.misbehave = slow
    began = time.monotonic()
    with pytest.raises(CheckpointError, match="sends too slowly"):
        WebFile(f"{server.url}/a.bin", len(CONTENT)).get(0, len(CONTENT), nothing)
    assert time.monotonic() - began < 2


def test_nobody_is_led_into_a_private_network(monkeypatch):
    monkeypatch.setattr(connections, "is_private", lambda host: host.startswith("10."))
    with pytest.raises(UnsafeFileError, match=r"a redirect to a private address \(10.0.0.1\)"):
        connections.followed("https://example.org/a?key=secret", "https://10.0.0.1/admin")
    with pytest.raises(UnsafeFileError, match="a redirect from https to http"):
        connections.followed("https://example.org/a", "http://example.org/a")


def test_a_name_that_has_a_private_address_a_moment_later_is_not_asked(server, monkeypatch):
    look_up, addresses = socket.getaddrinfo, iter(["93.184.216.34"])
    monkeypatch.setattr(connections, "_LED_TO", set())
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: look_up(
            next(addresses, "127.0.0.1") if host == "name.example" else host, *rest, **more
        ),
    )
    port = server.url.rpartition(":")[2]
    target = connections.followed("http://8.8.8.8/a", f"http://name.example:{port}/a.bin")
    with pytest.raises(UnsafeFileError, match="a redirect to a private address"):
        connections.send(target, {})
    assert not server.asked


def test_a_server_that_is_gone_is_asked_once_and_for_all(server):
    file = HeldFile("http://x/a.bin", len(CONTENT), WebFile(f"{server.url}/gone.bin", len(CONTENT)))
    for _ in range(3):
        with pytest.raises(NotFoundError, match="there is no such file"):
            file.read(0, 10)
    assert len(server.asked) == 1


def test_a_host_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(web, "PAUSES", (0.01,))
    with served(FakeHub()) as hub:
        url = hub.url
    with pytest.raises(CheckpointError, match=r"no connection to 127.0.0.1 \(connection refused\)"):
        WebFile(f"{url}/a.bin").get(0, 10, nothing)


def test_an_address_of_one_file_needs_no_library(server):
    opened, skipped = open_models([f"{server.url}/a.bin"])
    assert not opened
    assert [item.path for item in skipped] == [f"{server.url}/a.bin"]
    assert "not a checkpoint of a known format" in skipped[0].reason
    assert "nphylo-far" not in str(skipped)
