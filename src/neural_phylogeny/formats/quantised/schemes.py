"""All schemes of quantised checkpoints: loaded where a checkpoint has codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.quantised import awq, bnb_4bit, compressed, fp4, gptq, hqq, leftover, mlx, scaled
from neural_phylogeny.formats.quantised.base import Stored, Weight
from neural_phylogeny.formats.quantised.checkpoint import Dequantised
from neural_phylogeny.formats.quantised.settings import Settings
from neural_phylogeny.inputs import Unread

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


def decoded(checkpoint: Checkpoint, files: Sequence[tuple[str, str]]) -> Checkpoint:
    """A checkpoint with codes read as weights by every scheme in turn; itself where none reads any."""
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


def _is_free(weight: Weight, checkpoint: Checkpoint, weights: dict[str, Weight]) -> bool:
    """Whether no other tensor has the weight's name."""
    return weight.name not in weights and (weight.name not in checkpoint.tensors or weight.name in weight.parts)
