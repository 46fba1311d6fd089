"""safetensors: every dtype, bf16 and fp8 too, with the header proven before any tensor is touched.

Layout: 8 bytes of little-endian header length, that many bytes of JSON, then the values back to back.
Reference: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import DamagedFileError, LimitError, UnknownChoiceError, UnsupportedFormatError
from neural_phylogeny.formats.base import DIMENSIONS_LIMIT, Checkpoint
from neural_phylogeny.formats.limits import check, check_crumbs, parsed_json
from neural_phylogeny.formats.spans import Span, SpanFile
from neural_phylogeny.inputs import TensorInfo

HEADER_LIMIT = 100_000_000
"""Longest header accepted, in bytes; the cap the format's own implementation uses."""

DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype("<u1"),
    "I8": np.dtype("<i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "F8_E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
}

PACKED_DTYPES = ("F4", "F6_E2M3", "F6_E3M2")
"""Values narrower than a byte, several to a byte."""


def matches(head: bytes, path: Path) -> bool:
    """A plausible header length followed by the start of a JSON object, or the suffix."""
    return path.suffix.lower() == ".safetensors" or (
        len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= HEADER_LIMIT
    )


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open a safetensors file; ``component`` must be None, the format has only one state dict."""
    if component is not None:
        raise UnknownChoiceError("component", component, ())
    return SafetensorsFile(path)


class SafetensorsFile(SpanFile):
    """One safetensors file; opening costs a read and a check of its header."""

    format = "safetensors"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self.metadata, self.tensors, self._spans = self._prove_header()
        except BaseException:
            self.close()
            raise

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        if self._spans[name].dtype == np.float32:
            super().read_into(name, start, out)
        else:
            self._convert_into(name, start, out)

    def _prove_header(self) -> tuple[dict[str, str], dict[str, TensorInfo], dict[str, Span]]:
        """Check that the tensors tile the rest of the file exactly: no gap, no overlap, no lying shape."""
        header, data_start = self._read_header()
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            raise self._damaged("__metadata__ is not an object of texts")
        entries = [(name, *self._entry(name, entry)) for name, entry in header.items()]
        tensors = {name: TensorInfo(name=name, shape=shape, dtype=dtype.name) for name, dtype, shape, _, _ in entries}
        spans = {}
        end_of_previous = 0
        for name, dtype, _, begin, end in sorted(entries, key=lambda entry: entry[3:]):
            size = tensors[name].size
            if begin != end_of_previous:
                kind = "overlaps the one before it" if begin < end_of_previous else "leaves a gap before it"
                raise self._damaged(f"the tensor {kind}", name)
            if end - begin != size * dtype.itemsize:
                raise self._damaged(
                    f"its shape needs {size * dtype.itemsize} bytes but the header gives it {end - begin}", name
                )
            spans[name] = Span(data_start + begin, dtype, size)
            end_of_previous = end
        if data_start + end_of_previous != self.file_size:
            raise self._damaged(
                f"the header describes {data_start + end_of_previous} bytes but the file has {self.file_size}"
            )
        return metadata, tensors, spans

    def _read_header(self) -> tuple[dict[str, Any], int]:
        if self.file_size < 8:
            raise self._damaged(f"a file of {self.file_size} bytes is too short for a header")
        length = int.from_bytes(self.read_bytes(0, 8), "little")
        if length > min(HEADER_LIMIT, self.file_size - 8):
            raise self._damaged(f"the header claims {length} bytes in a file of {self.file_size}")
        check("header", length, self.path)
        try:
            header = parsed_json(self.read_bytes(8, length), self.path, "header")
        except LimitError:
            raise
        except (ValueError, RecursionError) as error:
            raise self._damaged(f"the header is not JSON ({str(error)[:200]})") from error
        if not isinstance(header, dict):
            raise self._damaged("the header is not a JSON object")
        check("tensors", len(header), self.path)
        check_crumbs(len(header), self.file_size, self.path)
        return header, 8 + length

    def _entry(self, name: str, entry: Any) -> tuple[np.dtype, tuple[int, ...], int, int]:
        """dtype, shape, begin and end of one header entry, each checked for its type and range."""
        try:
            code, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged("its header entry lacks dtype, shape or data_offsets", name) from error
        if not isinstance(shape, list) or not all(_is_count(n) for n in (*shape, begin, end)) or end < begin:
            raise self._damaged("its shape or offsets are not non-negative integers in order", name)
        if len(shape) > DIMENSIONS_LIMIT:
            raise self._damaged(f"its shape has {len(shape)} dimensions, more than {DIMENSIONS_LIMIT}", name)
        if not isinstance(code, str):
            raise self._damaged("its dtype is not a text", name)
        if code not in DTYPES:
            packed = code in PACKED_DTYPES
            raise UnsupportedFormatError(
                f"dtype {code} packs several values into a byte" if packed else f"unknown dtype {code[:20]!r}",
                path=self.path,
                tensor=name,
                remedy="Convert the model to bf16." if packed else f"Known: {', '.join(DTYPES)}.",
            )
        return DTYPES[code], tuple(shape), begin, end

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy="Copy or download the file again.")


def _is_count(value: object) -> bool:
    """A non-negative integer that fits 63 bits; booleans are integers in Python, but not here."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
