"""Models of other sizes: the child has what the parent has and more, or a part of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.explanations.step import Step
from neural_phylogeny.relations.retained import RETAINED
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.roles import Role

GROWN, PRUNED = "grown", "pruned"
"""The codes of matrices of a model that was compared unit by unit with a smaller or a larger one, and so came later."""

WHOLE_LAYERS = 0.1
"""Share of a model's weights in matrices that the other lacks from which on layers were added or left out."""

FEWER_UNITS = 0.995
"""Share of a matrix that a common part has at most where one of the two is larger."""


def resized(statistics: Statistics, parent: int, child: int, steps: list[Step]) -> str:
    """``"grown"`` where the child has more units, rows or layers around what it kept, ``"pruned"`` where less.

    Empty where both are of one size, or larger in different places. Matrices that were initialised again, such as a
    head of other classes, say nothing. O(n_tensors).
    """
    of_parent, of_child = (_codes(statistics, model) for model in (parent, child))
    for kind in (GROWN, PRUNED):
        if kind in of_child and kind not in of_parent:
            return kind
    kept = {step.name for step in steps if step.cosine >= RETAINED}
    more = less = 0
    for tensor, _, a, b in statistics.compared(parent, child):
        if tensor.is_matrix and tensor.sources[b].name in kept:
            larger, smaller = tensor.sources[b].size, tensor.sources[a].size
            is_part = tensor.size < FEWER_UNITS * max(larger, smaller) and larger != smaller
            if is_part and int(tensor.pieces.max()) == 1:
                more, less = more + (larger > smaller), less + (smaller > larger)
    if not more and not less:
        more, less = _units(statistics, parent, child)
    if not more and not less:
        beyond = (_beyond(statistics, *pair) for pair in ((child, parent), (parent, child)))
        more, less = (int(share >= WHOLE_LAYERS) for share in beyond)
    return "" if bool(more) == bool(less) else "grown" if more else "pruned"


def _units(statistics: Statistics, parent: int, child: int) -> tuple[int, int]:
    """How many numbers of units grew, and fell, from parent to child both where units are written and read.

    A head has other classes where they are written alone, and a first layer other inputs where they are read.
    """
    written, read = set[tuple[int, int]](), set[tuple[int, int]]()
    for tensor, _, a, b in statistics.compared(parent, child):
        old, new = tensor.sources[a], tensor.sources[b]
        if tensor.is_matrix and not tensor.output_axis and old.view is None and new.view is None:
            written.add((old.shape[0], new.shape[0]))
            read.add((old.shape[1], new.shape[1]))
    both = written & read
    return sum(new > old for old, new in both), sum(new < old for old, new in both)


def _beyond(statistics: Statistics, model: int, other: int) -> float:
    """Share of a model's values in matrices that are not compared with another one, as of ``Alignment.common``."""
    own, shared = int(statistics.alignment.in_matrices[model]), 0
    for tensor, _, a, b in statistics.compared(model, other):
        pieces, theirs = (max(1, len(tensor.sources[row].pieces)) for row in (a, b))
        if tensor.role is not Role.VECTOR and min(pieces, theirs) == 1:
            shared += tensor.size * pieces
    return 1.0 - min(shared, own) / max(own, 1)


def _codes(statistics: Statistics, model: int) -> set[str]:
    """The codes of the tensors of one model."""
    held = (tensor for tensor in statistics.alignment.tensors if model in tensor.members)
    return {tensor.sources[tensor.members.index(model)].codes for tensor in held}


def read_as(statistics: Statistics, kind: str) -> NDArray[np.bool_]:
    """Which models have matrices with these codes, ``(n_models,)``."""
    held = (zip(tensor.members, tensor.sources, strict=True) for tensor in statistics.alignment.tensors)
    found = {member for of_tensor in held for member, source in of_tensor if source.codes == kind}
    return np.isin(np.arange(statistics.alignment.n_models), list(found))
