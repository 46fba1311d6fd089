"""GGUF files written by hand."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

F32, F16, Q4_0, Q8_0 = 0, 1, 2, 8


def text(value: str) -> bytes:
    content = value.encode()
    return struct.pack("<Q", len(content)) + content


def value_of(value: Any) -> bytes:
    """A metadata value with its type."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    code, form = (8, text) if value and isinstance(value[0], str) else (5, lambda number: struct.pack("<i", number))
    return struct.pack("<IIQ", 9, code, len(value)) + b"".join(form(item) for item in value)


def gguf_bytes(
    tensors: Mapping[str, tuple[int, Sequence[int], bytes]], metadata: Mapping[str, Any], alignment: int = 32
) -> bytes:
    """A file of tensors, each (type, shape with the outer axis first, bytes)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(text(key) + value_of(value) for key, value in metadata.items())
    body = b""
    for name, (kind, shape, content) in tensors.items():
        body += bytes(-len(body) % alignment)
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, len(body))
        body += content
    return head + bytes(-len(head) % alignment) + body


def plain(array: np.ndarray) -> tuple[int, tuple[int, ...], bytes]:
    """A tensor of float32 or float16."""
    return (F16 if array.dtype == np.float16 else F32), array.shape, array.tobytes()


def q8_0(array: np.ndarray) -> tuple[int, tuple[int, ...], bytes]:
    """The tensor in codes of eight bits, a scale for each 32."""
    blocks = array.reshape(-1, 32).astype(np.float32)
    scale = (np.abs(blocks).max(1, keepdims=True) / 127).astype(np.float16)
    codes = np.round(blocks / np.maximum(scale.astype(np.float32), 1e-30)).clip(-127, 127).astype(np.int8)
    return Q8_0, array.shape, np.concatenate([scale.view(np.uint8), codes.view(np.uint8)], axis=1).tobytes()


def q4_0(array: np.ndarray) -> tuple[int, tuple[int, ...], bytes]:
    """The tensor in codes of four bits, a scale for each 32."""
    blocks = array.reshape(-1, 32).astype(np.float32)
    scale = (np.abs(blocks).max(1, keepdims=True) / 7).astype(np.float16)
    codes = (np.round(blocks / np.maximum(scale.astype(np.float32), 1e-30)) + 8).clip(0, 15).astype(np.uint8)
    packed = codes[:, :16] | (codes[:, 16:] << 4)
    return Q4_0, array.shape, np.concatenate([scale.view(np.uint8), packed], axis=1).tobytes()


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of queries or keys as llama.cpp wants them: the two of each rotation beside each other."""
    return weight.reshape(heads, 2, -1, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


@pytest.fixture
def write(tmp_path):
    def write_file(tensors, metadata=None, name="m.gguf", **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gguf_bytes(tensors, metadata or {}, **options))
        return path

    return write_file
