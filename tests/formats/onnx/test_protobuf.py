import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from neural_phylogeny.formats.onnx.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, fields
from neural_phylogeny.formats.spans import SpanFile


class Message(SpanFile):
    format = "message"


def fields_of(data: bytes) -> list[Field]:
    return list(fields(Message("message", data).stream(), 0, len(data)))


def test_each_wire_type_is_passed_over_whole() -> None:
    data = b"\x08\x96\x01" + b"\x11" + bytes(8) + b"\x1a\x02hi" + b"\x25" + bytes(4) + b"\xfa\x01\x00"
    assert fields_of(data) == [
        Field(1, VARINT, 0, 1, 3),
        Field(2, FIXED64, 3, 4, 12),
        Field(3, BYTES, 12, 14, 16),
        Field(4, FIXED32, 16, 17, 21),
        Field(31, BYTES, 21, 24, 24),
    ]


@given(st.binary(max_size=300), st.text(max_size=20), st.lists(st.integers(0, 2**62), max_size=5))
def test_fields_are_those_that_the_library_wrote(raw: bytes, name: str, dims: list[int]) -> None:
    message = TensorProto(name=name, raw_data=raw, dims=dims, data_type=1)
    data = message.SerializeToString()
    found = fields_of(data)
    assert sum(field.number == 1 for field in found) == len(dims)
    assert {field.number: data[field.value : field.end] for field in found if field.wire_type == BYTES} == {
        8: name.encode(),
        9: raw,
    }
    assert b"".join(data[field.begin : field.end] for field in found) == data


@pytest.mark.parametrize("data", [b"\x0b", b"\x0c", b"\x0e", b"\x0f", b"\x08", b"\x1a\x05hi", b"\x11abc", b"\x00\x00"])
def test_bytes_that_are_no_message(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"wire type|does not fit its message|does not end"):
        fields_of(data)
