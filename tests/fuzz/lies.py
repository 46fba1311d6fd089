"""Hypothesis strategies: valid files of each format with one lie in them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from typing import Any

import numpy as np
from hypothesis import strategies as st
from tests.formats.gguf.conftest import gguf_bytes, plain, text
from tests.fuzz import seeds
from tests.fuzz.seeds import SPLIT, VALUES
from tests.hostile.corpus.base import field, onnx_model, onnx_tensor, torch_pickle, varint

COUNTS = st.one_of(
    st.sampled_from([0, 1, 2, 7, 11, 13, 255, 2**16, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1]),
    st.integers(0, 2**63 - 1),
)
"""Numbers that a header may claim."""

NAMES = st.one_of(
    st.sampled_from(["", ".", "..", "/etc/passwd", "a\0b", "\u202e", "W", "w" * 300]), st.text(max_size=12)
)


@st.composite
def safetensors(draw: st.DrawFn) -> bytes:
    """A lie about a place, a shape, a type, a name, the length of the header or of the file."""
    content = seeds.safetensors()[0]
    length = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + length]), content[8 + length :]
    entry = header[draw(st.sampled_from(sorted(header)))]
    lie = draw(st.sampled_from(["begin", "end", "shape", "dtype", "name", "length", "tail"]))
    if lie in ("begin", "end"):
        entry["data_offsets"][lie == "end"] = draw(COUNTS)
    elif lie == "shape":
        entry["shape"] = draw(st.lists(COUNTS, max_size=5))
    elif lie == "dtype":
        entry["dtype"] = draw(st.sampled_from(["F64", "BF16", "F4", "x", "", "F32 "]))
    elif lie == "name":
        header[draw(NAMES)] = entry
    written = json.dumps(header).encode("utf-8", "surrogatepass")
    named = draw(COUNTS) if lie == "length" else len(written)
    return struct.pack("<Q", named) + written + body[: draw(st.integers(0, len(body))) if lie == "tail" else None]


@st.composite
def gguf(draw: st.DrawFn) -> bytes:
    """A lie in one number of the header."""
    content = bytearray(gguf_bytes({"w": plain(VALUES), "b": plain(VALUES[0])}, {"general.architecture": "llama"}))
    places = {"tensors": 8, "entries": 16, "key": 24, "dims": content.index(text("w")) + 9}
    places |= {"length": places["dims"] + 4, "kind": places["dims"] + 20, "offset": places["dims"] + 24}
    place = places[draw(st.sampled_from(sorted(places)))]
    width = 4 if place in (places["dims"], places["kind"]) else 8
    content[place : place + width] = (draw(COUNTS) % 2 ** (8 * width)).to_bytes(width, "little")
    return bytes(content)


@st.composite
def npz(draw: st.DrawFn) -> bytes:
    """A lie about the shape, the type or the order of an array, or about the sizes of a member."""
    shape = draw(st.one_of(st.just((3, 4)), st.lists(COUNTS, max_size=4).map(tuple)))
    kind = draw(st.sampled_from(["<f4", ">f4", "<f8", "|O", "<U3", "|V4", "<M8[s]", "|b1", "<c16"]))
    header = f"{{'descr': {kind!r}, 'fortran_order': {draw(st.booleans())}, 'shape': {shape!r}, }}\n".encode()
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + VALUES.tobytes()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as archive:
        archive.writestr("w.npy", member)
        if draw(st.booleans()):
            archive.infolist()[0].file_size = draw(COUNTS) % 2**40
    return stream.getvalue()


@st.composite
def pytorch(draw: st.DrawFn) -> bytes:
    """A lie about a storage, an offset, a shape or strides."""
    row: list[Any] = ["FloatStorage", "0", 12, 0, (3, 4), (4, 1)]
    lie = draw(st.integers(0, 5))
    row[lie] = draw(
        [
            st.sampled_from(["DoubleStorage", "QInt8Storage", "BoolStorage", "x", "Storage"]),
            NAMES,
            COUNTS,
            COUNTS,
            st.lists(COUNTS, max_size=5).map(tuple),
            st.lists(COUNTS, max_size=5).map(tuple),
        ][lie]
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("m/data.pkl", torch_pickle({"w": tuple(row)}))
        archive.writestr("m/data/0", VALUES.tobytes())
    return stream.getvalue()


@st.composite
def onnx(draw: st.DrawFn) -> bytes:
    """A lie about dimensions, the type, the length of raw values or the place of external ones."""
    lie = draw(st.sampled_from(["dims", "type", "raw", "location", "offset", "length"]))
    dims = tuple(draw(st.lists(COUNTS, max_size=4))) if lie == "dims" else (3, 4)
    raw = field(9, bytes(draw(st.integers(0, 100))) if lie == "raw" else VALUES.tobytes())
    if lie in ("location", "offset"):
        place = draw(NAMES) if lie == "location" else "d.bin"
        raw = field(13, field(1, b"location") + field(2, place.encode("utf-8", "replace"))) + b"\x70\x01"
        raw += field(13, field(1, b"offset") + field(2, str(draw(COUNTS)).encode()))
    tensor = onnx_tensor("w", dims, raw)
    if lie == "type":
        tensor += field(5, b"\x08\x04\x10" + varint(draw(COUNTS) % 2**31) + field(8, b"v") + field(9, bytes(16)))
    size = draw(COUNTS) % 2**31 if lie == "length" else None
    return onnx_model(tensor, size) + SPLIT + VALUES.tobytes()


@st.composite
def distributed(draw: st.DrawFn) -> bytes:
    """A lie about a shape, a piece, its file or its place there."""
    numbers = st.lists(COUNTS, max_size=4).map(lambda found: seeds.numbers(*found))
    lie = draw(st.sampled_from(["shape", "first", "second", "sizes", "length", "offset", "file"]))
    if lie == "file":
        change = b"V" + draw(NAMES).encode("raw_unicode_escape").replace(b"\n", b"") + b"\n"
    else:
        change = b"L%dL\n" % draw(COUNTS) if lie in ("length", "offset") else draw(numbers)
    piece = seeds.distributed_piece()
    return seeds.distributed_metadata(len(piece), {lie: change}) + SPLIT + piece


@st.composite
def adapter(draw: st.DrawFn) -> bytes:
    """A lie about the rank, by the config or by the shapes of the two halves."""
    left, right = draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
    value = draw(st.one_of(COUNTS, st.none(), st.floats(), st.text(max_size=3), st.lists(st.integers(), max_size=2)))
    config = json.dumps({"peft_type": "LORA", "r": value, "lora_alpha": value, "base_model_name_or_path": value})
    halves = {"l.lora_A.weight": np.ones((left, 8), np.float32), "l.lora_B.weight": np.ones((6, right), np.float32)}
    base = seeds.safetensors_bytes({"l.weight": np.ones((6, 8), np.float32)})
    return SPLIT.join([seeds.safetensors_bytes(halves), config.encode(), base])


@st.composite
def quantised(draw: st.DrawFn) -> bytes:
    """A lie in the settings or in the shape of what belongs to the codes."""
    rows, columns = draw(st.tuples(st.integers(0, 9), st.integers(0, 40)))
    arrays = {
        "l.qweight": np.ones((rows, columns), np.int32),
        "l.scales": np.ones((draw(st.integers(0, 4)), columns), np.float16),
        "l.qzeros": np.ones((1, draw(st.integers(0, 9))), np.int32),
    }
    value = draw(st.one_of(COUNTS, st.integers(-9, 9), st.none(), st.text(max_size=3)))
    settings = {"quant_method": draw(st.sampled_from(["gptq", "awq", "x"])), "bits": value, "group_size": value}
    return seeds.safetensors_bytes(arrays) + SPLIT + json.dumps({"quantization_config": settings}).encode()


@st.composite
def hdf5(draw: st.DrawFn) -> bytes:
    """A lie in one number of a data set's header, or of the file's."""
    content = bytearray(seeds.hdf5()[1])
    place, width = draw(st.integers(8, len(content) - 9)), draw(st.sampled_from([1, 2, 4, 8]))
    content[place : place + width] = (draw(COUNTS) % 2 ** (8 * width)).to_bytes(width, "little")
    return bytes(content)


@st.composite
def index(draw: st.DrawFn) -> bytes:
    """A lie about a shard, the size or a name."""
    names = {
        draw(st.one_of(st.just("a.weight"), NAMES)): draw(st.one_of(st.just("m.safetensors"), NAMES)) for _ in "ab"
    }
    return json.dumps({"metadata": {"total_size": draw(COUNTS)}, "weight_map": names}).encode("utf-8", "surrogatepass")


LIES = {
    "safetensors": safetensors(),
    "gguf": gguf(),
    "npz": npz(),
    "pytorch": pytorch(),
    "onnx": onnx(),
    "distributed": distributed(),
    "adapter": adapter(),
    "quantised": quantised(),
    "hdf5": hdf5(),
    "index": index(),
}
"""Strategies by the name of the target that reads them."""
