"""Mutations of valid files: of bytes anywhere, and of what a container holds, with its lengths and sums put right."""

from __future__ import annotations

import functools
import json
import random
import re
from typing import Any

from tests.fuzz import containers
from tests.fuzz.seeds import SPLIT

NUMBERS: tuple[int, ...] = (
    0,
    1,
    -1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    32767,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
)
NUMBERS = (*NUMBERS, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63), 10**30)

TOKENS = (
    *(b"\x80\x02", b"(", b"t", b"}", b"]", b"u", b"e", b"R", b"\x81", b"b", b"Q", b"q\x00", b"h\x00", b"0", b"2", b"."),
    *(b"ctorch\nSize\n", b"cos\nsystem\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"X\xff\xff\xff\x7f", b"\x8a\x08"),
    *(
        b"ccollections\nOrderedDict\n",
        b"cnumpy.core.multiarray\n_reconstruct\n",
        b"\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
    ),
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY", b"GGUF", b"\x89HDF\r\n\x1a\n", b"{", b"[", b'"', b","),
    *(b"NaN", b"1e999", b"null", b"true", b"..", b"/", b"\x00", b"\n", b"\\ud800", b"\xff\xfe", b"\xed\xa0\x80", b"%s"),
)
"""What means something to one of the readers."""

VALUES: tuple[Any, ...] = (*NUMBERS, None, True, 0.5, "", "x", "..", "/etc/passwd", "a\0b", "\ud800", [], {}, [[]], [0])
VALUES = (*VALUES, "F64", "BF16", "F4", [2**62, 4], [0, 2**62], [-1], [True], {"a": {}}, "w" * 300, 1e308, "4")


def mutated(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """A changed input; ``others`` are inputs from which parts may be taken."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        content = _once(content, others, rng)
    return content[: 1 << 18]


def _once(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    if SPLIT in content and rng.random() < 0.9:
        parts = content.split(SPLIT)
        k = rng.randrange(len(parts))
        parts[k] = _once(parts[k], [rng.choice(others).partition(SPLIT)[0]] if others else [], rng)
        return SPLIT.join(parts)
    if content[:2] == b"PK" and rng.random() < 0.7:
        return _in_zip(content, others, rng)
    if content[:1] in (b"{", b"[") and rng.random() < 0.5:
        return _in_json(content, rng)
    if content[8:9] == b"{" and rng.random() < 0.7:
        length = int.from_bytes(content[:8], "little")
        text = content[8 : 8 + length]
        text = _in_json(text, rng) if rng.random() < 0.7 else _in_bytes(text, others, rng)
        return len(text).to_bytes(8, "little") + text + content[8 + length :]
    if content[:6] == b"\x93NUMPY" and rng.random() < 0.5:
        text = _in_bytes(content[10:80], [b"(9,)", b"'<f8'", b"True", b"'O'", b"(" * 90], rng)
        return content[:8] + len(text).to_bytes(2, "little") + text + content[80:]
    if content[:1] == b"\x80" and rng.random() < 0.7:
        return _in_pickle(content, rng)
    return _in_bytes(content, others, rng)


@functools.lru_cache(1000)
def _members(content: bytes) -> tuple[containers.Member, ...]:
    """Those of an archive; none where it has no sound directory. Inputs are changed again and again."""
    return containers.members(content)


def _in_zip(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """The archive with one member changed, renamed, dropped, repeated, compressed otherwise, or with a lie about it."""
    members = list(_members(content))
    if not members:
        return _in_bytes(content, others, rng)
    k = rng.randrange(len(members))
    member = members[k]
    kind = rng.randrange(20)
    if kind < 14:
        method = rng.choice(containers.METHODS) if kind == 13 else member.method
        try:
            content = member.content() if kind == 13 else _once(member.content(), others, rng)
            members[k] = member.with_content(content, method)
        except containers.DAMAGE:  # an earlier mutation has damaged it
            members[k] = member.with_content(rng.randbytes(8), 0)
    elif kind == 14:
        members[k] = member._replace(name=_in_bytes(member.name, [b"data.pkl", b"../x", b"x.npy", b"/"], rng)[:200])
    elif kind == 15:
        del members[k]
    elif kind < 18:
        place = rng.choice(("method", "crc", "stored", "size"))
        number = rng.choice((getattr(member, place) + rng.randrange(-2, 3), rng.choice(NUMBERS)))
        lie: dict[str, Any] = {place: number & (0xFFFF if place == "method" else 0xFFFFFFFF)}
        members[k] = member._replace(**lie)
    else:
        name = rng.choice((member.name, member.name.upper(), member.name + b"/", *_NAMES))
        members.append(member._replace(name=name))
    return containers.archive(members)


_NAMES = (b"m/data/1", b"x.pth", b"model.weights.h5")

_IN_PICKLE = re.compile(
    rb"K.|M..|J....|\x8a\x01.|I-?\d+\n|[VS][^\n]{1,80}\n|X.\0\0\0|\x8c.|c\w[^\n]{1,80}\n[^\n]{1,80}\n", re.S
)
"""Numbers, words and global names of a pickle, where no longer string happens to look like one."""


def _in_pickle(content: bytes, rng: random.Random) -> bytes:
    """The pickle with one number, word or global name replaced by another, and the lengths right."""
    found = list(_IN_PICKLE.finditer(content))
    if not found:
        return _in_bytes(content, [], rng)
    place = rng.choice(found)
    word, stop = place[0], place.end()
    if word[:1] in b"KMJ\x8a":
        number = rng.choice((rng.randrange(16), rng.choice(NUMBERS)))
        length = number.bit_length() // 8 + 1
        new = b"\x8a" + bytes([length]) + number.to_bytes(length, "little", signed=True)
    elif word[:1] == b"I":
        new = b"I%d\n" % rng.choice((rng.randrange(16), rng.choice(NUMBERS)))
    elif word[:1] in b"X\x8c":
        stop += word[1]
        new = rng.choice([*_WORDS, content[place.end() : stop] + b"x"])
        new = b"X" + len(new).to_bytes(4, "little") + new
    else:
        new = rng.choice([one[0] for one in found if one[0][:1] == word[:1]])
        if word[:1] in b"VS" and rng.random() < 0.3:
            new = word[:1] + rng.choice(_WORDS) + b"\n"
    return content[: place.start()] + new + content[stop:]


_WORDS = (b"", b"0", b"1", b"w", b"a.weight", b"storage", b"cpu", b"../x", b"x" * 300, b"-1", b"module")


def _in_json(text: bytes, rng: random.Random) -> bytes:
    """The document with one value replaced, renamed, dropped or repeated."""
    try:
        root = json.loads(text)
    except (ValueError, RecursionError):
        return _in_bytes(text, [], rng)
    places: list[tuple[Any, Any]] = []
    pending = [root]
    while pending and len(places) < 2000:
        node = pending.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            places.append((node, key))
            pending.append(value)
    if not places:
        return json.dumps(rng.choice(VALUES)).encode()
    node, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind < 3:
        node[key] = rng.choice(VALUES)
    elif kind == 3:
        del node[key]
    elif kind == 4:
        source, other = rng.choice(places)
        try:
            node[key] = json.loads(json.dumps(source[other]))
        except (KeyError, IndexError, RecursionError, ValueError):
            node[key] = 0
    elif isinstance(node, dict):
        node[str(rng.choice(VALUES))[:300]] = node[key]
    else:
        node.append(node[key])
    return json.dumps(root).encode()


def _in_bytes(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    data = bytearray(content)
    at = rng.randrange(len(data) + 1)
    kind = rng.randrange(12)
    if kind == 0 and data:
        data[at % len(data)] ^= 1 << rng.randrange(8)
    elif kind == 1 and data:
        data[at % len(data)] = rng.randrange(256)
    elif kind == 2:
        del data[at : at + rng.choice((1, 2, 4, 8, 16, 64))]
    elif kind == 3:
        data[at:at] = rng.randbytes(rng.randrange(1, 9))
    elif kind in (4, 5):
        width = rng.choice((1, 2, 4, 8))
        number = rng.choice(NUMBERS) + rng.randrange(-2, 3) % 2 ** (8 * width)
        order = "big" if rng.random() < 0.15 else "little"
        data[at : at + width] = (number % 2 ** (8 * width)).to_bytes(width, order)
    elif kind == 6:
        data[at : at + (rng.random() < 0.5) * 4] = rng.choice(TOKENS)
    elif kind == 7:
        stop = at + rng.randrange(1, 65)
        data[at:at] = data[at:stop] * rng.choice((1, 1, 2, 50))
    elif kind == 8 and others:
        other = rng.choice(others)
        first = rng.randrange(len(other) + 1)
        data[at : at + rng.choice((0, 0, 8, 64))] = other[first : first + rng.choice((4, 16, 64, 512))]
    elif kind == 9:
        del data[at:]
    elif kind == 10:
        digits = [k for k, byte in enumerate(data[:4000]) if 48 <= byte < 58]
        if digits:
            place = rng.choice(digits)
            data[place : place + 1] = str(rng.choice(NUMBERS)).encode()
    elif data:
        first, second = sorted((at % len(data), rng.randrange(len(data))))
        piece = rng.choice((1, 2, 4, 8, 16))
        data[first : first + piece], data[second : second + piece] = (
            data[second : second + piece],
            data[first : first + piece],
        )
    return bytes(data)
