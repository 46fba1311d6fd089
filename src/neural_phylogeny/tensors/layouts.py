"""The layout of a model: what it calls its weights, of which shapes and roles, before any value is read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.names import canonical_names
from neural_phylogeny.tensors.roles import Role, is_float, matrix_shape, role_of

WHOLE = 1 << 24
"""Models of up to this many parameters are read whole unless a share is asked for."""

STEPS = 4
"""Steps in which the size of larger models doubles: models of one step are read with one share."""


@dataclass(frozen=True)
class Layout:
    """The weights of one model by canonical name, in stored order; buffers and integer tensors are left out."""

    tensors: Mapping[str, TensorInfo]
    roles: Mapping[str, Role]

    @classmethod
    def of(cls, model: Mapping[str, TensorInfo]) -> Layout:
        """From all tensors of a model, in stored order."""
        keys = canonical_names(list(model))
        named = [(key, tensor, role_of(tensor)) for key, tensor in zip(keys, model.values(), strict=True)]
        kept = [
            (key, tensor, role)
            for key, tensor, role in named
            if tensor.size > 0 and role is not Role.BUFFER and is_float(tensor.dtype)
        ]
        return cls({key: tensor for key, tensor, _ in kept}, {key: role for key, _, role in kept})

    @cached_property
    def signature(self) -> tuple[tuple[str, tuple[int, ...], int, Role], ...]:
        """Equal for two models whose tensors correspond one to one by name, whole."""
        return tuple((key, t.shape, t.output_axis, self.roles[key]) for key, t in self.tensors.items())

    @cached_property
    def named_shapes(self) -> frozenset[tuple[str, tuple[int, ...]]]:
        """Names with their shapes."""
        return frozenset((key, tensor.shape) for key, tensor in self.tensors.items())

    @cached_property
    def matrix_shapes(self) -> dict[str, tuple[int, int]]:
        """(output units, inputs of each) of every tensor; vectors have one input."""
        return {key: matrix_shape(tensor.shape, tensor.output_axis) for key, tensor in self.tensors.items()}

    @cached_property
    def shape_counts(self) -> Counter[tuple[int, int]]:
        """How many tensors there are of each matrix shape."""
        return Counter(self.matrix_shapes.values())

    @cached_property
    def parameters(self) -> int:
        """Number of trained values."""
        return sum(tensor.size for tensor in self.tensors.values())

    @cached_property
    def in_matrices(self) -> int:
        """Number of trained values that lie in matrices."""
        return sum(t.size for key, t in self.tensors.items() if self.roles[key] is not Role.VECTOR)


def kinds_of(layouts: Sequence[Layout]) -> list[list[int]]:
    """Models of equal layouts, in order of their first: positions in ``layouts``. Linear in the number of tensors."""
    kinds: dict[object, list[int]] = {}
    for model, layout in enumerate(layouts):
        kinds.setdefault(layout.signature, []).append(model)
    return list(kinds.values())


def size_step(parameters: int) -> int:
    """0 for models that are read whole by default, else how many steps larger a model is: ``2**(1 / STEPS)`` each.

    Examples
    --------
    >>> size_step(1 << 24), size_step(1 << 25), size_step(1 << 28)
    (0, 4, 16)
    """
    return max(0, math.ceil(STEPS * math.log2(parameters / WHOLE))) if parameters > WHOLE else 0
