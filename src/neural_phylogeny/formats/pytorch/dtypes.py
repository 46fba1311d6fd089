"""What torch calls its number types, as NumPy and ml_dtypes know them."""

from __future__ import annotations

import ml_dtypes
import numpy as np

TORCH_DTYPES = {
    "float64": np.dtype("<f8"),
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "float8_e4m3fnuz": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "float8_e5m2fnuz": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "float8_e8m0fnu": np.dtype(ml_dtypes.float8_e8m0fnu),
    "int64": np.dtype("<i8"),
    "int32": np.dtype("<i4"),
    "int16": np.dtype("<i2"),
    "int8": np.dtype("<i1"),
    "uint8": np.dtype("<u1"),
    "uint16": np.dtype("<u2"),
    "uint32": np.dtype("<u4"),
    "uint64": np.dtype("<u8"),
    "bool": np.dtype(np.bool_),
    "complex64": np.dtype("<c8"),
    "complex128": np.dtype("<c16"),
    "qint8": np.dtype("<i1"),
    "quint8": np.dtype("<u1"),
    "qint32": np.dtype("<i4"),
    "quint4x2": np.dtype(ml_dtypes.uint4),
    "quint2x4": np.dtype(ml_dtypes.uint2),
}
"""By the name of ``torch.NAME``; quantised types as the integers they are stored as."""

STORAGE_DTYPES = {
    "DoubleStorage": TORCH_DTYPES["float64"],
    "FloatStorage": TORCH_DTYPES["float32"],
    "HalfStorage": TORCH_DTYPES["float16"],
    "BFloat16Storage": TORCH_DTYPES["bfloat16"],
    "LongStorage": TORCH_DTYPES["int64"],
    "IntStorage": TORCH_DTYPES["int32"],
    "ShortStorage": TORCH_DTYPES["int16"],
    "CharStorage": TORCH_DTYPES["int8"],
    "ByteStorage": TORCH_DTYPES["uint8"],
    "BoolStorage": TORCH_DTYPES["bool"],
    "ComplexFloatStorage": TORCH_DTYPES["complex64"],
    "ComplexDoubleStorage": TORCH_DTYPES["complex128"],
    "QInt8Storage": TORCH_DTYPES["qint8"],
    "QUInt8Storage": TORCH_DTYPES["quint8"],
    "QInt32Storage": TORCH_DTYPES["qint32"],
    "QUInt4x2Storage": TORCH_DTYPES["quint4x2"],
    "QUInt2x4Storage": TORCH_DTYPES["quint2x4"],
    "UntypedStorage": TORCH_DTYPES["uint8"],
    "_UntypedStorage": TORCH_DTYPES["uint8"],
}
"""By the name of a storage's class; an untyped storage counts bytes, as do those of codes that share a byte."""

PACKED_BITS = {"uint4": 4, "uint2": 2}
"""Bits of types of which several values share a byte, the first in its lowest bits."""
