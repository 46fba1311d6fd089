"""Quantised checkpoints: codes are read as the weights they stand for, a file per scheme.

``dequantised`` wraps an opened checkpoint. A scheme's module says what its tensors are called, how they are packed and
what they stand for; a row in ``SCHEMES`` switches it on. Formats that say in their own structure what is quantised
(PyTorch's quantised tensors, the nodes of an ONNX graph) are decoded by their readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.quantised import awq, bnb_4bit, compressed, fp4, gptq, hqq, leftover, mlx, scaled
from neural_phylogeny.formats.quantised.base import Stored, Weight
from neural_phylogeny.formats.quantised.checkpoint import Dequantised, not_compared
from neural_phylogeny.formats.quantised.settings import Settings
from neural_phylogeny.inputs import Unread

__all__ = ["SCHEMES", "Dequantised", "dequantised", "not_compared"]

SCHEMES: dict[str, Callable[[Stored], Iterator[Weight | Unread]]] = {
    "gptq": gptq.find,
    "awq": awq.find,
    "compressed-tensors": compressed.find,
    "bitsandbytes 4 bit": bnb_4bit.find,
    "fp4": fp4.find,
    "mlx": mlx.find,
    "hqq": hqq.find,
    "scaled": scaled.find,
}
"""In the order in which the tensors of a layer are offered to them; the first that reads one has it."""

MARKS = ("scaled_fp8",)
"""Tensors that say how a file is quantised, and hold nothing."""


def dequantised(checkpoint: Checkpoint, files: Sequence[tuple[str, str]] = ()) -> Checkpoint:
    """The checkpoint with its codes read as weights; itself where there are none.

    ``files`` are the prefix of each weight file's tensors and its path: settings are looked for beside them. Costs a
    look at names and shapes, and a read of small tensors where there are codes. What does not fit a scheme is in
    ``unread``, and its tensors are named in ``notes``.
    """
    if not any(_is_code(tensor.dtype) for tensor in checkpoint.tensors.values()):
        return checkpoint
    stored = Stored(checkpoint, Settings(files))
    weights: dict[str, Weight] = {}
    refused: list[Unread] = []
    marks = set(checkpoint.tensors) & set(MARKS)
    taken = set(marks)
    for find in SCHEMES.values():
        for found in find(stored):
            if isinstance(found, Unread):
                refused.append(found)
            elif not taken & set(found.parts) and _is_free(found, checkpoint, weights):
                weights[found.name] = found
                taken |= set(found.parts)
    unread: list[Unread] = []
    for item in refused:
        left = tuple(part for part in item.tensors if part not in taken)
        if left == item.tensors and left:
            unread.append(item)
            taken |= set(left)
    known = {part for item in checkpoint.unread for part in item.tensors}
    unread += leftover.find(stored, taken | known)
    if not weights and not unread:
        return checkpoint
    return Dequantised(checkpoint, list(weights.values()), unread, marks)


def _is_code(dtype: str) -> bool:
    return dtype in ("int8", "uint8", "int32", "uint32") or dtype.startswith("float8")


def _is_free(weight: Weight, checkpoint: Checkpoint, weights: dict[str, Weight]) -> bool:
    """Whether no other tensor has the weight's name."""
    return weight.name not in weights and (weight.name not in checkpoint.tensors or weight.name in weight.parts)
