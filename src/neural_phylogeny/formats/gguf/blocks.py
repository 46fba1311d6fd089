"""Blocks of GGUF's codes as the weights they stand for: ``(blocks, bytes)`` -> ``(blocks, values)`` in float32.

Each function follows the formula of its type in ggml (MIT licence), in its order of operations. Types whose codes are
places in large tables (IQ1 to IQ3) are decoded by the ``gguf`` package, the extra ``gguf``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import MissingExtraError

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

NONLINEAR = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], dtype=np.float32)
"""The levels of IQ4_NL and IQ4_XS."""

HALVES = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], dtype=np.float32)
"""Twice the levels of four bits with two of exponent (E2M1)."""

POWERS = np.array([1, 3, 9, 27, 81], dtype=np.uint8)


def half(part: Bytes) -> Floats:
    """Pairs of bytes as float16: ``(blocks, 2 n)`` -> ``(blocks, n)``."""
    return np.ascontiguousarray(part).view("<f2").astype(np.float32)


def _nibbles(codes: Bytes, run: int) -> Bytes:
    """Low halves of each ``run`` bytes, then their high halves."""
    return _fields(codes, run, 4)


def _fields(codes: Bytes, run: int, bits: int) -> Bytes:
    """Fields of ``bits`` of each ``run`` bytes: the lowest of all of them, then the next."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)[:, None]
    found: Bytes = (codes.reshape(len(codes), -1, 1, run) >> shifts) & np.uint8(2**bits - 1)
    return found.reshape(len(codes), -1)


def _bits(flags: Bytes) -> Bytes:
    return np.unpackbits(flags, axis=1, bitorder="little")


def _signed(codes: Bytes, offset: int) -> Floats:
    return codes.astype(np.float32) - np.float32(offset)


def _q4_0(b: Bytes) -> Floats:
    return half(b[:, :2]) * _signed(_nibbles(b[:, 2:], 16), 8)


def _q4_1(b: Bytes) -> Floats:
    return half(b[:, :2]) * _signed(_nibbles(b[:, 4:], 16), 0) + half(b[:, 2:4])


def _q5_0(b: Bytes) -> Floats:
    return half(b[:, :2]) * _signed(_nibbles(b[:, 6:], 16) | _bits(b[:, 2:6]) << np.uint8(4), 16)


def _q5_1(b: Bytes) -> Floats:
    codes = _nibbles(b[:, 8:], 16) | _bits(b[:, 4:8]) << np.uint8(4)
    return half(b[:, :2]) * _signed(codes, 0) + half(b[:, 2:4])


def _q8_0(b: Bytes) -> Floats:
    found: Floats = b[:, 2:].view(np.int8).astype(np.float32) * half(b[:, :2])
    return found


def _q8_1(b: Bytes) -> Floats:
    found: Floats = b[:, 4:].view(np.int8).astype(np.float32) * half(b[:, :2])
    return found


def _q8_k(b: Bytes) -> Floats:
    scale = np.ascontiguousarray(b[:, :4]).view("<f4")
    found: Floats = b[:, 4:260].view(np.int8).astype(np.float32) * scale
    return found


def _grouped(scale: Floats, codes: Floats, least: Floats | None = None) -> Floats:
    """A scale, and perhaps what is taken off, for each of several groups of a block."""
    groups = codes.reshape(*scale.shape, -1)
    found = scale[..., None] * groups
    if least is not None:
        found -= least[..., None]
    return found.reshape(len(codes), -1)


def _q2_k(b: Bytes) -> Floats:
    scales, codes = b[:, :16], _fields(b[:, 16:80], 32, 2)
    scale = half(b[:, 80:82]) * _signed(scales & np.uint8(15), 0)
    least = half(b[:, 82:84]) * _signed(scales >> np.uint8(4), 0)
    return _grouped(scale, _signed(codes, 0), least)


def _q3_k(b: Bytes) -> Floats:
    high, codes, packed = _fields(b[:, :32], 32, 1), _fields(b[:, 32:96], 32, 2), b[:, 96:108]
    scales = _nibbles(packed[:, :8], 8) | _fields(packed[:, 8:], 4, 2) << np.uint8(4)
    values = _signed(codes, 0) - np.float32(4) * (np.float32(1) - high.astype(np.float32))
    return _grouped(half(b[:, 108:110]) * _signed(scales, 32), values)


def _six_bits(packed: Bytes) -> tuple[Floats, Floats]:
    """Eight scales and eight minima of six bits, out of twelve bytes."""
    d, m, rest = packed[:, :4], packed[:, 4:8], packed[:, 8:]
    low, two = np.uint8(0x3F), np.uint8(2)
    scales = np.concatenate([d & low, (rest & np.uint8(15)) | ((d >> two) & np.uint8(0x30))], axis=1)
    minima = np.concatenate([m & low, (rest >> np.uint8(4)) | ((m >> two) & np.uint8(0x30))], axis=1)
    return _signed(scales, 0), _signed(minima, 0)


def _q4_k(b: Bytes) -> Floats:
    scales, minima = _six_bits(b[:, 4:16])
    codes = _nibbles(b[:, 16:], 32)
    return _grouped(half(b[:, :2]) * scales, _signed(codes, 0), half(b[:, 2:4]) * minima)


def _q5_k(b: Bytes) -> Floats:
    scales, minima = _six_bits(b[:, 4:16])
    codes = _nibbles(b[:, 48:], 32) | _fields(b[:, 16:48], 32, 1) << np.uint8(4)
    return _grouped(half(b[:, :2]) * scales, _signed(codes, 0), half(b[:, 2:4]) * minima)


def _q6_k(b: Bytes) -> Floats:
    codes = _nibbles(b[:, :128], 64) | _fields(b[:, 128:192], 32, 2) << np.uint8(4)
    scale = half(b[:, 208:210]) * np.ascontiguousarray(b[:, 192:208]).view(np.int8).astype(np.float32)
    return _grouped(scale, _signed(codes, 32))


def _ternary(packed: Bytes, run: int, n: int) -> Bytes:
    """Digits of numbers to the base of three, the first digits of each ``run`` bytes first."""
    digits = packed.reshape(len(packed), -1, 1, run) * POWERS[:n, None]
    found: Bytes = ((digits.astype(np.uint16) * 3) >> 8).astype(np.uint8)
    return found.reshape(len(packed), -1)


def _tq1_0(b: Bytes) -> Floats:
    digits = [_ternary(b[:, :32], 32, 5), _ternary(b[:, 32:48], 16, 5), _ternary(b[:, 48:52], 4, 4)]
    return half(b[:, 52:54]) * _signed(np.concatenate(digits, axis=1), 1)


def _tq2_0(b: Bytes) -> Floats:
    return half(b[:, 64:66]) * _signed(_fields(b[:, :64], 32, 2), 1)


def _mxfp4(b: Bytes) -> Floats:
    exponent = b[:, :1].astype(np.uint32)
    small = np.uint32(0x00200000) << np.minimum(exponent, 1)
    half_scale = np.where(exponent < 2, small, (exponent - np.uint32(1)) << np.uint32(23)).astype(np.uint32)
    return half_scale.view(np.float32) * HALVES[_nibbles(b[:, 1:], 16)]


def _nvfp4(b: Bytes) -> Floats:
    scale = (b[:, :4] & np.uint8(0x7F)).view(ml_dtypes.float8_e4m3fn).astype(np.float32) * np.float32(0.5)
    scale[b[:, :4] == 0x7F] = 0.0
    scale[b[:, :4] == 0xFF] = 240.0
    return _grouped(scale, HALVES[_nibbles(b[:, 4:], 8)])


def _iq4_nl(b: Bytes) -> Floats:
    return half(b[:, :2]) * NONLINEAR[_nibbles(b[:, 2:], 16)]


def _iq4_xs(b: Bytes) -> Floats:
    high = np.ascontiguousarray(b[:, 2:4]).view("<u2") >> np.arange(0, 16, 2, dtype=np.uint16)
    low = np.stack([b[:, 4:8] & np.uint8(15), b[:, 4:8] >> np.uint8(4)], axis=2).reshape(len(b), 8)
    scales = low | (high & 3).astype(np.uint8) << np.uint8(4)
    return _grouped(half(b[:, :2]) * _signed(scales, 32), NONLINEAR[_nibbles(b[:, 8:], 16)])


def _q1_0(b: Bytes) -> Floats:
    return half(b[:, :2]) * (np.float32(2) * _signed(_bits(b[:, 2:]), 0) - np.float32(1))


DECODERS: dict[str, Callable[[Bytes], Floats]] = {
    "Q4_0": _q4_0,
    "Q4_1": _q4_1,
    "Q5_0": _q5_0,
    "Q5_1": _q5_1,
    "Q8_0": _q8_0,
    "Q8_1": _q8_1,
    "Q2_K": _q2_k,
    "Q3_K": _q3_k,
    "Q4_K": _q4_k,
    "Q5_K": _q5_k,
    "Q6_K": _q6_k,
    "Q8_K": _q8_k,
    "TQ1_0": _tq1_0,
    "TQ2_0": _tq2_0,
    "MXFP4": _mxfp4,
    "NVFP4": _nvfp4,
    "IQ4_NL": _iq4_nl,
    "IQ4_XS": _iq4_xs,
    "Q1_0": _q1_0,
}
"""By the name of the type."""


def decode(name: str, blocks: Bytes) -> Floats:
    """Weights of blocks of one type: ``(blocks, bytes)`` -> ``(blocks, values)``, in time linear in the blocks.

    Raises MissingExtraError for a type that needs the ``gguf`` package where that is not installed.
    """
    own = DECODERS.get(name)
    with np.errstate(over="ignore", invalid="ignore"):  # hostile scales are infinite
        return own(blocks) if own is not None else _by_package(name, blocks)


def needs_package(name: str) -> bool:
    """Whether a type is decoded by the ``gguf`` package."""
    return name not in DECODERS


def package() -> Any:
    """The decoders of the ``gguf`` package. Raises MissingExtraError."""
    try:
        import gguf.quants
    except ModuleNotFoundError as error:
        raise MissingExtraError("GGUF files with codes of IQ1 to IQ3", "gguf") from error
    return gguf.quants


def _by_package(name: str, blocks: Bytes) -> Floats:
    quants = package()
    kind = quants.GGMLQuantizationType[name]
    found: Floats = quants.dequantize(np.ascontiguousarray(blocks), kind)
    return found
