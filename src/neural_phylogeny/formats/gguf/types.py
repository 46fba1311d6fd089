"""The number types of GGUF tensors: by their codes, how many values a block has, and in how many bytes.

Reference: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (MIT licence)
"""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np


@dataclass(frozen=True, slots=True)
class Kind:
    """A number type: ``values`` in each block of ``nbytes``; of plain numbers ``dtype``, of codes their ``bits``."""

    name: str
    values: int
    nbytes: int
    bits: int = 0
    dtype: np.dtype | None = None


def _plain(name: str, dtype: np.dtype) -> Kind:
    return Kind(name, 1, dtype.itemsize, dtype=dtype)


KINDS = {
    0: _plain("F32", np.dtype("<f4")),
    1: _plain("F16", np.dtype("<f2")),
    2: Kind("Q4_0", 32, 18, 4),
    3: Kind("Q4_1", 32, 20, 4),
    6: Kind("Q5_0", 32, 22, 5),
    7: Kind("Q5_1", 32, 24, 5),
    8: Kind("Q8_0", 32, 34, 8),
    9: Kind("Q8_1", 32, 36, 8),
    10: Kind("Q2_K", 256, 84, 2),
    11: Kind("Q3_K", 256, 110, 3),
    12: Kind("Q4_K", 256, 144, 4),
    13: Kind("Q5_K", 256, 176, 5),
    14: Kind("Q6_K", 256, 210, 6),
    15: Kind("Q8_K", 256, 292, 8),
    16: Kind("IQ2_XXS", 256, 66, 2),
    17: Kind("IQ2_XS", 256, 74, 2),
    18: Kind("IQ3_XXS", 256, 98, 3),
    19: Kind("IQ1_S", 256, 50, 1),
    20: Kind("IQ4_NL", 32, 18, 4),
    21: Kind("IQ3_S", 256, 110, 3),
    22: Kind("IQ2_S", 256, 82, 2),
    23: Kind("IQ4_XS", 256, 136, 4),
    24: _plain("I8", np.dtype("<i1")),
    25: _plain("I16", np.dtype("<i2")),
    26: _plain("I32", np.dtype("<i4")),
    27: _plain("I64", np.dtype("<i8")),
    28: _plain("F64", np.dtype("<f8")),
    29: Kind("IQ1_M", 256, 56, 1),
    30: _plain("BF16", np.dtype(ml_dtypes.bfloat16)),
    34: Kind("TQ1_0", 256, 54, 2),
    35: Kind("TQ2_0", 256, 66, 2),
    39: Kind("MXFP4", 32, 17, 4),
    40: Kind("NVFP4", 64, 36, 4),
    41: Kind("Q1_0", 128, 18, 1),
}
"""By the code in the header; codes between are of types that llama.cpp no longer reads."""

GONE = (4, 5, 31, 32, 33, 36, 37, 38)
"""Codes of types that llama.cpp gave up."""
