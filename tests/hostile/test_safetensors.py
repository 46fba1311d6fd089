import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from neural_phylogeny.errors import DamagedFileError, UnsupportedFormatError
from neural_phylogeny.formats import open_checkpoint

Refused = Callable[..., str]

NAME = "m.safetensors"


def entry(begin: Any, end: Any, shape: Any = None, dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [(end - begin) // 4] if shape is None else shape, "data_offsets": [begin, end]}


def file_of(header: bytes | dict[str, Any], data: bytes = bytes(8), length: int | None = None) -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(encoded) if length is None else length).to_bytes(8, "little") + encoded + data


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"a": entry(0, 8), "b": entry(4, 8)}, "tensor 'b': the tensor overlaps the one before it"),
        ({"a": entry(0, 4), "b": entry(8, 12)}, "tensor 'b': the tensor leaves a gap before it"),
        ({"a": entry(4, 8)}, "tensor 'a': the tensor leaves a gap before it"),
        ({"a": entry(0, 4)}, "the header describes 64 bytes but the file has 68"),
        ({"a": entry(0, 8, [3])}, "tensor 'a': its shape needs 12 bytes but the header gives it 8"),
        (
            {"a": entry(0, 8, [2**62, 2**62])},
            f"tensor 'a': its shape needs {2**126} bytes but the header gives it 8",
        ),
        ({"a": entry(0, 8, [-2])}, "tensor 'a': its shape or offsets are not non-negative integers in order"),
        ({"a": entry(0, 8, [True, 2])}, "tensor 'a': its shape or offsets are not non-negative integers in order"),
        ({"a": entry(0, 8, [2.0])}, "tensor 'a': its shape or offsets are not non-negative integers in order"),
        ({"a": entry(0, 8, [2**63])}, "tensor 'a': its shape or offsets are not non-negative integers in order"),
        ({"a": entry(0, 8, "2")}, "tensor 'a': its shape or offsets are not non-negative integers in order"),
        ({"a": entry(8, 0, [2])}, "tensor 'a': its shape or offsets are not non-negative integers in order"),
        ({"a": entry(0, 8, [1] * 65)}, "tensor 'a': its shape has 65 dimensions, more than 64"),
        ({"a": entry(0, 8, [2], ["F32"])}, "tensor 'a': its dtype is not a text"),
        ({"a": {"dtype": "F32", "shape": [2]}}, "tensor 'a': its header entry lacks dtype, shape or data_offsets"),
        ({"a": "F32"}, "tensor 'a': its header entry lacks dtype, shape or data_offsets"),
        ({"a": [1]}, "tensor 'a': its header entry lacks dtype, shape or data_offsets"),
        ({"a": None}, "tensor 'a': its header entry lacks dtype, shape or data_offsets"),
        (
            {"a": entry(0, 8) | {"data_offsets": [0, 4, 8]}},
            "tensor 'a': its header entry lacks dtype, shape or data_offsets",
        ),
        ({"__metadata__": {"n": 1}, "a": entry(0, 8)}, "__metadata__ is not an object of texts"),
        ({"__metadata__": "text", "a": entry(0, 8)}, "__metadata__ is not an object of texts"),
    ],
)
def test_a_header_that_contradicts_itself(refused: Refused, header: dict[str, Any], expected: str) -> None:
    reported = refused(file_of(header), NAME)
    if expected.startswith("the header describes"):
        size = 8 + len(json.dumps(header))
        expected = f"the header describes {size + 4} bytes but the file has {size + 8}"
    assert reported == f"{expected}. Copy or download the file again."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x01", "a file of 1 bytes is too short for a header"),
        (bytes(7), "a file of 7 bytes is too short for a header"),
        (file_of(b"{}", b"", length=3), "the header claims 3 bytes in a file of 10"),
        (file_of(b"{}", b"", length=2**64 - 1), f"the header claims {2**64 - 1} bytes in a file of 10"),
        (file_of(b"[]", b""), "the header is not a JSON object"),
        (file_of(b"7", b""), "the header is not a JSON object"),
        (file_of(b"", b""), "the header is not JSON (Expecting value: line 1 column 1 (char 0))"),
        (file_of(b'{"a": 1, "a": 2}'), "the header is not JSON (a name occurs twice)"),
        (
            file_of(b'{"a": {"dtype": "F32", "dtype": "F16", "shape": [2], "data_offsets": [0, 8]}}'),
            "the header is not JSON (a name occurs twice)",
        ),
        (
            file_of(b'{"\xff": 1}'),
            "the header is not JSON ('utf-8' codec can't decode byte 0xff in position 2: invalid start byte)",
        ),
        (
            file_of(b'{"\\ud800": 1}'),
            "the header is not JSON ('utf-8' codec can't encode character '\\ud800' in position 0: "
            "surrogates not allowed)",
        ),
        (
            file_of('{"a": 1}'.encode("utf-16-le")),
            "the header is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
        ),
    ],
)
def test_bytes_that_are_no_header(refused: Refused, content: bytes, expected: str) -> None:
    assert refused(content, NAME) == f"{expected}. Copy or download the file again."


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_nested_bomb(refused: Refused, opening: bytes) -> None:
    reported = refused(file_of(opening * 200_000), NAME)
    assert reported.startswith("the header is not JSON (maximum recursion depth exceeded")


def test_a_number_too_long_to_parse(refused: Refused) -> None:
    reported = refused(file_of(b'{"a": {"shape": [' + b"9" * 5000 + b"]}}"), NAME)
    assert reported.startswith("the header is not JSON (Exceeds the limit (4300 digits) for integer string conversion")


def test_trailing_and_missing_bytes(refused: Refused) -> None:
    whole = save({"w": np.ones(4, np.float32)})
    reported = "the header describes {} bytes but the file has {}. Copy or download the file again."
    assert refused(whole + b"\0", NAME) == reported.format(len(whole), len(whole) + 1)
    assert refused(whole[:-1], NAME) == reported.format(len(whole), len(whole) - 1)


@pytest.mark.parametrize("code", ["F4", "F6_E2M3", "F6_E3M2"])
def test_values_narrower_than_a_byte_are_not_read(refused: Refused, code: str) -> None:
    assert refused(file_of({"a": entry(0, 8, [16], code)}), NAME, UnsupportedFormatError) == (
        f"tensor 'a': dtype {code} packs several values into a byte. Convert the model to bf16."
    )


def test_an_unknown_dtype_lists_the_known_ones(refused: Refused) -> None:
    reported = refused(file_of({"a": entry(0, 8, [2], "Q" * 99)}), NAME, UnsupportedFormatError)
    assert reported.startswith(f"tensor 'a': unknown dtype '{'Q' * 20}'. Known: BOOL, U8, I8,")


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(save({"w": np.ones(4, np.float32)}))
    with open_checkpoint(path) as checkpoint:
        path.write_bytes(path.read_bytes()[:-4])
        for read in (lambda: checkpoint.read("w"), lambda: checkpoint.read_into("w", 0, np.empty(4, np.float32))):
            with pytest.raises(DamagedFileError) as caught:
                read()
            assert str(caught.value) == (
                f"{path}: tensor 'w': the file ended before the tensor did; it may have changed while it was read. "
                "Copy or download it again."
            )
        assert checkpoint.read("w", 0, 3).tolist() == [1.0, 1.0, 1.0]


@given(st.data())
def test_a_mutated_file_is_read_or_refused(read_or_refuse, data: st.DataObject) -> None:
    content = bytearray(save({"w": np.ones((2, 3), np.float32), "b": np.ones(2, np.float16)}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(bytes(content[: data.draw(st.integers(1, len(content)))]), NAME)
