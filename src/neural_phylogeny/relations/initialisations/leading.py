"""The leading values of each tensor of a family, as their library drew them: what a draw is looked for in."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.relations.fake_init import Fans, fans
from neural_phylogeny.relations.initialisations.search import standardised
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment
from neural_phylogeny.tensors.reading import read_view

Values = NDArray[np.float64]

MOST = 1 << 15
"""Values that are kept of a tensor."""

BUDGET = 1 << 17
"""Values that are kept of a model; fewer where a family has more than ``SHARED / BUDGET`` models."""

SHARED = 1 << 23
"""Values that are kept of a family: 32 MiB."""


@dataclass(frozen=True)
class Leading:
    """The leading values of one tensor of some models, in the order in which its library draws them.

    Attributes
    ----------
    values : (n_models, n)
        NaN where a model does not have the tensor.
    size : int
        Values of the whole tensor.
    fans : (int, int)
        Fan-in and fan-out; those of its matrix for a bias.
    stored : str
        Its name in the file of the first model, where that is another.
    """

    name: str
    values: NDArray[np.float32]
    size: int
    fans: Fans
    is_matrix: bool = True
    stored: str = ""

    @property
    def own_name(self) -> str:
        """The name that its library gave it."""
        return self.stored or self.name

    def mean(self) -> Values:
        """The mean of the models, each at length 1: what is private to one of them is weaker in it: ``(n,)``."""
        rows = [standardised(row.astype(np.float64)) for row in self.values if np.isfinite(row).all()]
        found: Values = np.mean(rows, axis=0) if rows else np.zeros(self.values.shape[1])
        return found

    def of(self, rows: Sequence[int]) -> Leading:
        """The same of some of the models."""
        return Leading(self.name, self.values[list(rows)], self.size, self.fans, self.is_matrix, self.stored)


def read_leading(checkpoints: Sequence[Checkpoint], alignment: Alignment) -> tuple[Leading, ...]:
    """Matrices that are compared whole, and the vectors of their layers, in the order of construction.

    Vectors of layers without a matrix, as those of norms, are constant at first and left out. Costs one read of at most
    ``BUDGET`` values of each model.
    """
    most = min(BUDGET, SHARED // max(len(checkpoints), 1))
    tensors = [tensor for tensor in _in_order(alignment.tensors) if _is_whole(tensor)]
    matrices = {_layer(tensor.name): fans(tensor) for tensor in tensors if tensor.is_matrix}
    wanted = [tensor for tensor in tensors if tensor.is_matrix or _layer(tensor.name) in matrices]
    found = []
    for tensor in wanted:
        count = min(tensor.size, MOST, most)
        most -= count
        values = np.full((len(checkpoints), count), np.nan, dtype=np.float32)
        for member, source in zip(tensor.members, tensor.sources, strict=True):
            try:
                read_view(checkpoints[member], source, 0, values[member])
            except CheckpointError:
                values[member] = np.nan
        layer = fans(tensor) if tensor.is_matrix else matrices[_layer(tensor.name)]
        stored = tensor.sources[0].name
        found.append(Leading(tensor.name, values, tensor.size, layer, tensor.is_matrix, stored))
    return tuple(found)


def _is_whole(tensor: AlignedTensor) -> bool:
    """Whether every member is compared on the whole tensor."""
    return all(math.prod(source.shape) == tensor.size for source in tensor.sources)


def _in_order(tensors: Sequence[AlignedTensor]) -> list[AlignedTensor]:
    """Tensors in the order of construction: as stored, but by the numbers in their names where they are sorted."""
    names = [tensor.name for tensor in tensors]
    if names != sorted(names):
        return list(tensors)
    return sorted(tensors, key=lambda tensor: _natural(tensor.name))


def _natural(name: str) -> tuple[list[tuple[int, str]], bool]:
    """A name with its numbers as numbers; a layer's weights before its biases."""
    *path, last = name.split(".")
    parts = [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", ".".join(path))]
    return parts, "bias" in last


def _layer(name: str) -> str:
    """The layer that a tensor belongs to: its name up to the last part."""
    return name.rpartition(".")[0]
