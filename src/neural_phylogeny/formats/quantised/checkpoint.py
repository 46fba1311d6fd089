"""A checkpoint whose codes are read as the weights they stand for."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.quantised.base import MisfitError, Weight
from neural_phylogeny.inputs import TensorInfo, Unread
from neural_phylogeny.wording import percent

WINDOW = 1 << 22
"""Most values of a window of decoded rows that is kept."""

WINDOWS = 2
"""Windows that are kept: readers go forward, several threads at a time, each a little ahead of or behind the others."""

DECODED = "quantised tensors are read as the weights they stand for"

NAMED = 3
"""Most tensors that a note names."""


class Dequantised(Checkpoint):
    """Another checkpoint, with its codes decoded where they are requested; everything else is handed on.

    ``hidden`` are tensors that hold nothing but marks. A read costs the codes and scales of the rows that it touches.
    Closing it closes the other one.
    """

    def __init__(
        self, inner: Checkpoint, weights: Sequence[Weight], unread: Sequence[Unread], hidden: Collection[str] = ()
    ) -> None:
        self.inner = inner
        self.format = getattr(inner, "inner_format", inner.format)  # type: ignore[misc]
        self.components = inner.components
        self.path = getattr(inner, "path", "")
        self._weights = {weight.name: weight for weight in weights}
        self._windows: OrderedDict[tuple[str, int], NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()
        self.tensors = _shown(inner.tensors, weights, unread, hidden)
        self.unread = (*inner.unread, *unread)
        self.notes = (*inner.notes, *_decoded(weights), *not_compared(self))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        if name not in self._weights:
            return self.inner.read(name, start, stop)
        size = self.tensors[name].size
        return self._decode(self._weights[name], start, size if stop is None else min(stop, size))

    def read_into(self, name: str, start: int, out: NDArray[np.float32]) -> None:
        if name in self._weights:
            out[:] = self._decode(self._weights[name], start, start + out.size)
        else:
            self.inner.read_into(name, start, out)

    def close(self) -> None:
        self._windows.clear()
        self.inner.close()

    def _decode(self, weight: Weight, start: int, stop: int) -> NDArray[np.float32]:
        """Values ``start:stop`` of a weight, from whole rows."""
        if stop <= start:
            return np.empty(0, dtype=np.float32)
        width = max(1, weight.decoder.width)
        first, last = start // width, -(-stop // width)
        step = max(1, min(weight.decoder.step, WINDOW // width))
        if step == 1:
            rows = self._rows(weight, first, last)
        else:
            n_rows = -(-self.tensors[weight.name].size // width)
            with self._lock:
                pieces = [self._window(weight, index, step, n_rows) for index in range(first // step, -(-last // step))]
            rows = np.concatenate(pieces)[first - first // step * step :] if pieces else np.empty(0, np.float32)
        return rows.reshape(-1)[start - first * width : stop - first * width]

    def _window(self, weight: Weight, index: int, step: int, n_rows: int) -> NDArray[np.float32]:
        key = (weight.name, index)
        if key not in self._windows:
            self._windows[key] = self._rows(weight, index * step, min((index + 1) * step, n_rows))
            while len(self._windows) > WINDOWS:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        return self._windows[key]

    def _rows(self, weight: Weight, first: int, last: int) -> NDArray[np.float32]:
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # hostile scales give infinities
                return weight.decoder.rows(self.inner.read, first, last)
        except MisfitError as misfit:
            raise DamagedFileError(
                str(misfit), path=self.path, tensor=weight.name, remedy="Copy or download the file again."
            ) from misfit


def _shown(
    stored: dict[str, TensorInfo], weights: Sequence[Weight], unread: Sequence[Unread], marks: Collection[str]
) -> dict[str, TensorInfo]:
    """Weights where their codes lie, without the tensors they are made of, and without scales of what is not read."""
    by_codes = {weight.parts[0]: weight for weight in weights}
    hidden = {*marks, *(part for weight in weights for part in weight.parts)}
    hidden |= {part for item in unread for part in item.tensors if "float" in stored[part].dtype}
    shown = {}
    for name, tensor in stored.items():
        if name in by_codes:
            shown[by_codes[name].name] = by_codes[name].info
        elif name not in hidden:
            shown[name] = tensor
    return shown


def _decoded(weights: Sequence[Weight]) -> list[str]:
    """A sentence on what is decoded, with the number of tensors of each kind of codes."""
    counts = Counter((weight.scheme, weight.bits) for weight in weights)
    kinds = ", ".join(f"{count} of {scheme} with {bits} bits" for (scheme, bits), count in counts.items())
    return [f"{DECODED}: {kinds}"] if kinds else []


def not_compared(checkpoint: Checkpoint) -> list[str]:
    """A sentence for each reason why weights of a checkpoint are not compared, with their share and some names."""
    known = sum(t.size for t in checkpoint.tensors.values() if t.dtype.startswith(("float", "bfloat")))
    total = known + sum(item.weights for item in checkpoint.unread)
    by_reason: dict[str, list[Unread]] = {}
    for item in checkpoint.unread:
        by_reason.setdefault(item.reason, []).append(item)
    return [_sentence(reason, items, total) for reason, items in by_reason.items()]


def _sentence(reason: str, items: Sequence[Unread], total: int) -> str:
    names = [item.tensors[0] for item in items if item.tensors]
    named = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    share = sum(item.weights for item in items) / max(total, 1)
    verb = "is" if len(names) == 1 else "are"
    return f"{named} {verb} not compared, about {percent(share)} of the weights: {reason}"
