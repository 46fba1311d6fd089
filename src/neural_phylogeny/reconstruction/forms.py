"""Models whose tensors have very many shapes: what is compared of them.

Tensors of one shape are measured together; each further shape costs some ten milliseconds, however small it is. A
network has tens of shapes, and hundreds where every layer has a width of its own. What is chosen of a model depends on
its own tensors alone, so that no third model has a part in what two are compared on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.sources.opening import Opened
from neural_phylogeny.tensors.alignment import Alignment

MOST_SHAPES = 512
"""Shapes of a model whose tensors are compared, those that hold most of its values. The networks of the public groups
have at most 35, a DenseNet of 201 layers about 125; of 4,096 shapes three models took 80 s of the processor."""

Shape = tuple[int, ...]


def of_few_shapes(alignment: Alignment, opened: Sequence[Opened]) -> Alignment:
    """An alignment without the tensors of further shapes, where a model has more than ``MOST_SHAPES``.

    Other models go on being compared by the tensors that one of them leaves out. Linear in the number of tensors.
    """
    kept = [_kept(checkpoint.tensors) for _, checkpoint in opened]
    if not any(kept):
        return alignment

    def is_read(model: int, source: TensorInfo) -> bool:
        known = kept[model]
        return known is None or opened[model][1].tensors[_stored(source)].shape in known

    tensors = []
    for tensor in alignment.tensors:
        pairs = enumerate(zip(tensor.members, tensor.sources, strict=True))
        rows = [row for row, (model, source) in pairs if is_read(model, source)]
        box = (tensor, rows) if len(rows) == len(tensor.members) else tensor.of(rows) if len(rows) > 1 else None
        tensors += [] if box is None else [box[0]]
    return replace(alignment, tensors=tuple(tensors))


def of_many_shapes(tensors: Mapping[str, TensorInfo]) -> str:
    """What is left out of a model of too many shapes, as a clause; empty where nothing is."""
    n = len({tensor.shape for tensor in tensors.values()})
    if n <= MOST_SHAPES:
        return ""
    return f"has tensors of {n:,} shapes; those of the {MOST_SHAPES} that hold most of its values are compared"


def _kept(tensors: Mapping[str, TensorInfo]) -> frozenset[Shape] | None:
    """The shapes that are compared; None where they are few."""
    values: Counter[Shape] = Counter()
    for tensor in tensors.values():
        values[tensor.shape] += tensor.size
    if len(values) <= MOST_SHAPES:
        return None
    ordered = sorted(values, key=lambda shape: (-values[shape], shape))
    return frozenset(ordered[:MOST_SHAPES])


def _stored(source: TensorInfo) -> str:
    return source.pieces[0][0] if source.pieces else source.name
