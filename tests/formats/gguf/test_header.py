"""Headers that lie: a sentence each, and nothing is read or allocated that the file does not have."""

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.gguf.conftest import gguf_bytes, plain, text, value_of

from neural_phylogeny.errors import CheckpointError, DamagedFileError, UnsupportedFormatError
from neural_phylogeny.formats import open_checkpoint

GOOD = gguf_bytes(
    {"a": plain(np.ones((4, 8), np.float32)), "b": plain(np.ones(3, np.float16))},
    {"general.architecture": "llama", "tokens": ["a", "bc", ""] * 9, "numbers": [1, 2, 3], "x": 0.5},
)
ENTRY = text("a") + struct.pack("<IQQIQ", 2, 8, 4, 0, 0)


def one(entry: bytes, body: bytes = bytes(128), version: int = 3, tensors: int = 1, entries: int = 0) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, tensors, entries) + entry
    return head + bytes(-len(head) % 32) + body


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (one(ENTRY, version=1), "GGUF of version 1"),
        (one(ENTRY, version=3 << 24), "big-endian"),
        (one(ENTRY, tensors=2**63), "claims 9,223,372,036,854,775,808 tensors in a file of"),
        (one(ENTRY, entries=2**63), "claims 9,223,372,036,854,775,808 metadata entries"),
        (one(ENTRY, tensors=4, body=b"\xff" * 128), "a text of 18,"),
        (one(struct.pack("<Q", 2**63) + bytes(40)), "a text of 9,223,372,036,854,775,808 bytes"),
        (one(text("a") + struct.pack("<IQQIQ", 2, 2**62, 2**62, 0, 0)), "impossible"),
        (one(text("a") + struct.pack("<IQQIQ", 2, 8, 4, 99, 0)), r"an unknown number type \(99\)"),
        (one(text("a") + struct.pack("<IQQIQ", 2, 8, 4, 4, 0)), "llama.cpp gave up"),
        (one(text("a") + struct.pack("<IQQIQ", 2, 8, 4, 2, 0)), "no whole blocks of Q4_0"),
        (one(text("a") + struct.pack("<I", 9) + bytes(90)), "9 dimensions"),
        (one(text("a") + struct.pack("<IQQIQ", 2, 8, 4, 0, 64)), "leaves a gap"),
        (one(text("a") + struct.pack("<IQQIQ", 2, 8, 4, 0, 2**63)), "impossible"),
        (one(ENTRY + text("b") + struct.pack("<IQIQ", 1, 4, 0, 64), tensors=2), "overlaps the one before it"),
        (one(ENTRY * 2, tensors=2), "two tensors have the same name"),
        (one(ENTRY, body=bytes(127)), "its values end at byte"),
        (one(text("k") + struct.pack("<I", 13) + ENTRY, entries=1), "a value of unknown type 13"),
        (one(text("k") + struct.pack("<IIQ", 9, 4, 2**62) + ENTRY, entries=1), "an array of 4,611,686,018,427,387,904"),
        (one(text("k") + struct.pack("<IIQ", 9, 9, 1) * 1 + struct.pack("<IQ", 9, 1) * 8 + ENTRY, entries=1), "nests"),
        (one(2 * (text("k") + value_of(1)) + ENTRY, entries=2), "has 'k' twice"),
        (one(text("general.alignment") + value_of(0) + ENTRY, entries=1), "aligned to 0 bytes"),
    ],
)
def test_a_header_that_lies_is_one_sentence(content, reason, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises((DamagedFileError, UnsupportedFormatError), match=reason):
        open_checkpoint(path)


@pytest.mark.parametrize("stop", range(4, len(GOOD) - 7, 5))
def test_a_file_that_was_cut_short_is_refused(stop, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(GOOD[:stop])
    with pytest.raises(DamagedFileError):
        open_checkpoint(path)


@given(st.lists(st.tuples(st.integers(4, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_give_values_or_the_package_s_errors(tmp_path_factory, changes):
    content = bytearray(GOOD)
    for place, value in changes:
        content[place] = value
    path = tmp_path_factory.mktemp("changed") / "m.gguf"
    path.write_bytes(bytes(content))
    with contextlib.suppress(CheckpointError), open_checkpoint(path) as checkpoint:
        for name, tensor in checkpoint.tensors.items():
            assert checkpoint.read(name).size == tensor.size


@given(st.binary(max_size=300))
def test_any_bytes_after_the_magic_are_refused_or_read(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "m.gguf"
    path.write_bytes(b"GGUF" + content)
    with contextlib.suppress(CheckpointError):
        open_checkpoint(path).close()
