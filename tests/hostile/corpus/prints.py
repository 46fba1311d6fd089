"""Small hostile fingerprints: headers that lie, of right hashes and lengths, and files that are cut or claim much."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from tests.fuzz import several
from tests.fuzz.seeds import SPLIT

Attack = tuple[str, str, bytes]
HEADER: dict[str, Any] = {"plan": 1, "name": "m", "format": "npz", "identity": "", "tensors": [], "stored": []}


def _entry(**changes: Any) -> list[Any]:
    own = {"name": "w", "shape": [3, 4], "dtype": "float32", "axis": 0, "codes": "", "bits": 0, "trained": True}
    return list((own | {"grid": None} | changes).values())


def _header(**changes: Any) -> bytes:
    return json.dumps(HEADER | changes).encode()


def _file(header: bytes, values: bytes, words: tuple[int, ...] | None = None) -> bytes:
    """A fingerprint with words of its own for the lengths."""
    parts = [zlib.compress(header), zlib.compress(values)]
    lengths = words or (len(parts[0]), len(header), len(parts[1]), len(values))
    content = b"NPHYLOF\x01" + struct.pack("<4Q", *lengths) + parts[0] + parts[1]
    return content + hashlib.blake2b(content, digest_size=32).digest()


def fingerprints() -> Iterator[Attack]:
    """All of them."""
    entries: dict[str, list[list[Any]]] = {
        "a huge grid": [_entry(shape=[2**31, 2**30], grid=[2**31, 2**30])],
        "a grid of one point": [_entry(shape=[2**61 - 1], grid=[1])],
        "a grid of a thin matrix": [_entry(shape=[2**60, 2], grid=[8, 2])],
        "a grid of nothing": [_entry(grid=[0, 0])],
        "a grid beyond the shape": [_entry(grid=[2**40, 4])],
        "a shape of nothing": [_entry(shape=[0, 2**61])],
        "many dimensions": [_entry(shape=[1] * 100_000)],
        "no dimension": [_entry(shape=[])],
        "a name of megabytes": [_entry(name="w" * 3_000_000)],
        "half a letter": [_entry(name="\ud800")],
        "controls": [_entry(name="\x1b[2J\r\n")],
        "an axis far away": [_entry(axis=2**70)],
        "bits": [_entry(codes="q", bits=-(2**70))],
        "a name twice": [_entry(), _entry()],
        "many tensors": [_entry(name=str(k), shape=[1]) for k in range(30_000)],
        "an entry that is short": [["w"]],
        "an entry that is a map": [{"name": "w"}],  # type: ignore[list-item]
    }
    for label, tensors in entries.items():
        yield (
            f"fingerprint of {label}",
            "fingerprint",
            _header(tensors=tensors, stored=["float32"] * len(tensors)) + (SPLIT + bytes(48)),
        )
    for dtype in ("object", "O", "V8", "U9", "datetime64", "longdouble", "clongdouble", "bool", "float8_e4m3fn", "x"):
        for stored in (dtype, "float32"):
            row = [_entry(dtype=dtype)]
            content = _header(tensors=row, stored=[stored])
            yield f"fingerprint of {dtype} as {stored}", "fingerprint", content + SPLIT + bytes(48)
    values: dict[str, tuple[Any, ...]] = {
        "plan": (True, 1.0, None, "1", 2**70, [1]),
        "tensors": (None, {}, "ww", 3, [None], [[]]),
        "stored": (None, "f", [None], [["float32"]]),
        "name": ("\ud800", "x" * 2_000_000, [[]], "\x1b]0;x\x07"),
    }
    for key, others in values.items():
        for value in others:
            label = f"fingerprint whose {key} is {ascii(value)[:40]}"
            yield label, "fingerprint", _header(**{key: value}) + SPLIT + b""
    for label, header in {
        "deep lists": b"[" * 100_000 + b"]" * 100_000,
        "digits": b'{"plan":' + b"9" * 6000 + b"}",
        "NaN": b'{"plan":NaN}',
        "many values": b"[" + b"0," * 3_000_000 + b"0]",
        "blanks": b" " * 40_000_000,
        "other letters": '{"plan":1}'.encode("utf-16"),
    }.items():
        yield f"fingerprint of {label}", "fingerprint", header + SPLIT + b""
    sound = _header(tensors=[_entry()], stored=["float32"])
    whole = _file(sound, bytes(48))
    for words in ((2**63, 1, 1, 1), (0, 0, 0, 0), (2**64 - 1, 2**64 - 1, 2, 2), (1, 2**40, 1, 2**40)):
        yield f"fingerprint of lengths {words}", "fingerprint", _file(sound, bytes(48), words)
    yield "fingerprint of a bomb", "fingerprint", _file(sound, bytes(200_000_000))
    yield "fingerprint of other versions", "fingerprint", whole[:7] + b"\x02" + whole[8:]
    yield "fingerprint and more", "fingerprint", whole + b"x"
    for size in (7, 8, 39, 40, 71, 72, len(whole) - 1):
        yield f"fingerprint of {size} bytes", "fingerprint", whole[:size]
    yield "fingerprint of a segment", "fingerprint", several.index()[0].split(SPLIT)[1]
