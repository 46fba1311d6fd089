"""The layout of a model: what it calls its weights, of which shapes and roles, before any value is read."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import pairwise

from neural_phylogeny.inputs import TensorInfo, keras_output_axis
from neural_phylogeny.tensors.architectures import NONE, Rules, rules_of
from neural_phylogeny.tensors.experts import Averaged, averages, facing, unstacked
from neural_phylogeny.tensors.names import canonical_names, moving_averages
from neural_phylogeny.tensors.neutral import BIAS, PARTS_OF, WEIGHT, neutral_names
from neural_phylogeny.tensors.norms import Norm, norms_of, unit_counts
from neural_phylogeny.tensors.roles import Role, is_float, matrix_shape, role_of

WHOLE = 1 << 24
"""Models of up to this many parameters are read whole unless a share is requested."""

STEPS = 4
"""Steps in which the size of larger models doubles: models of one step are read with one share."""

KEPT = 64
"""Layouts that are kept: models of a collection mostly have few."""


@dataclass(frozen=True)
class Layout:
    """The weights of one model by canonical name, in stored order; buffers and integer tensors are left out."""

    tensors: Mapping[str, TensorInfo]
    roles: Mapping[str, Role]
    norms: Mapping[str, Norm] = field(default_factory=dict)
    own_names: Mapping[str, str] = field(default_factory=dict)
    """What the model itself calls its tensors, where they face another model under other names."""
    rules: Rules = NONE
    """What its architecture says of its tensors."""

    @classmethod
    def of(cls, model: Mapping[str, TensorInfo]) -> Layout:
        """From all tensors of a model, in stored order; one for all models that have the same."""
        return _layout(tuple(model.items()))

    @classmethod
    def _of(cls, model: Mapping[str, TensorInfo]) -> Layout:
        keys = canonical_names(list(model))
        turned = list(map(_by_convention, model.values()))
        rules, averaged = rules_of(model), moving_averages(keys, turned)
        named = [(key, tensor, role_of(tensor, rules)) for key, tensor in unstacked(keys, turned)]
        kept = [
            (key, tensor, role)
            for key, tensor, role in named
            if tensor.size > 0 and role is not Role.BUFFER and is_float(tensor.dtype) and key not in averaged
        ]
        tensors = {key: tensor for key, tensor, _ in kept}
        return cls(tensors, {key: role for key, _, role in kept}, norms_of(keys, list(model.values())), rules=rules)

    @cached_property
    def experts(self) -> list[Averaged]:
        """The means of experts, see ``tensors.experts``; empty where the model has none."""
        return averages(self.tensors)

    @cached_property
    def every(self) -> Mapping[str, TensorInfo]:
        """All that may be compared: the tensors, and the means of experts."""
        return {**self.tensors, **{one.key: one.tensor for one in self.experts}}

    def facing(self, other: Layout) -> Layout:
        """The same as it is compared with another layout: with the means of experts, where that has no experts."""
        if not self.experts or other.experts:
            return self
        if other.digest not in self._facing:
            names = facing(self.tensors, self.experts, other.tensors)
            tensors = {name: self.every[key] for name, key in names.items()}
            self._facing[other.digest] = Layout(
                tensors,
                {name: role_of(tensor, self.rules) for name, tensor in tensors.items()},
                self.norms,
                names,
                self.rules,
            )
        return self._facing[other.digest]

    @cached_property
    def _facing(self) -> dict[str, Layout]:
        return {}

    @cached_property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Names that no framework shapes, by canonical name."""
        names = list(self.own_names) or [t.name for t in self.tensors.values()]
        return dict(zip(self.tensors, neutral_names(names), strict=True))

    @cached_property
    def by_path(self) -> dict[tuple[str, ...], str]:
        """Canonical names by those that no framework shapes."""
        return {path: key for key, path in self.paths.items()}

    @cached_property
    def by_stored_name(self) -> dict[str, str]:
        """Canonical names by stored ones."""
        return {tensor.name: key for key, tensor in self.tensors.items()}

    @cached_property
    def biases(self) -> dict[str, str]:
        """The bias of each matrix: by its name, or the vector stored next where names say nothing."""
        found, after = {}, dict(pairwise(self.tensors))
        for key, tensor in self.tensors.items():
            bias = self.by_path.get((*self.paths[key][:-1], BIAS))
            if bias is None and key in after and self.paths[after[key]][-1] not in (WEIGHT, BIAS):
                bias = after[key]
            units = unit_counts(tensor) if len(tensor.shape) > 1 else ()
            if bias is not None and self.tensors[bias].shape in {(n,) for n in units}:
                found[key] = bias
        return found

    @cached_property
    def units_last(self) -> bool:
        """Whether most values in matrices are stored inputs first, as Keras and Flax do."""
        last = sum(t.size for t in self.tensors.values() if len(t.shape) > 1 and t.output_axis)
        return 2 * last > sum(t.size for t in self.tensors.values() if len(t.shape) > 1)

    @cached_property
    def signature(self) -> tuple[object, ...]:
        """Equal for two models whose tensors correspond one to one by name, whole."""
        named = [(key, t.shape, t.output_axis, self.roles[key]) for key, t in self.tensors.items()]
        return (*named, *self.norms.values())

    @cached_property
    def digest(self) -> str:
        """A text that is equal for equal signatures."""
        return hashlib.blake2b(repr(self.signature).encode(), digest_size=16).hexdigest()

    @cached_property
    def named_shapes(self) -> frozenset[tuple[str, tuple[int, ...]]]:
        """Names with their shapes."""
        return frozenset((key, tensor.shape) for key, tensor in self.tensors.items())

    @cached_property
    def matrix_shapes(self) -> dict[str, tuple[int, int]]:
        """(output units, inputs of each) of every tensor; vectors have one input."""
        return {key: matrix_shape(tensor.shape, tensor.output_axis) for key, tensor in self.tensors.items()}

    @cached_property
    def size_counts(self) -> Counter[int]:
        """How many tensors there are of each size."""
        return Counter(tensor.size for tensor in self.tensors.values())

    @cached_property
    def has_fused(self) -> bool:
        """Whether some tensor is named as one of several projections in one matrix."""
        return any(len(path) > 1 and path[-2] in PARTS_OF for path in self.paths.values())

    @cached_property
    def channels(self) -> dict[str, int]:
        """Of each matrix that comes right after a convolution, the units of that convolution."""
        found, last = {}, 0
        for key, tensor in self.tensors.items():
            if len(tensor.shape) > 2:
                last = tensor.shape[tensor.output_axis]
            elif len(tensor.shape) == 2:
                found[key], last = last, 0
        return found

    @cached_property
    def parameters(self) -> int:
        """Number of trained values."""
        return sum(tensor.size for tensor in self.tensors.values())

    @cached_property
    def in_matrices(self) -> int:
        """Number of trained values that lie in matrices."""
        return sum(t.size for key, t in self.tensors.items() if self.roles[key] is not Role.VECTOR)


@lru_cache(maxsize=KEPT)
def _layout(tensors: tuple[tuple[str, TensorInfo], ...]) -> Layout:
    return Layout._of(dict(tensors))


def _by_convention(tensor: TensorInfo) -> TensorInfo:
    """A tensor with the output axis that its name implies, where the file does not say: Flax kernels are units last."""
    if tensor.output_axis or len(tensor.shape) < 2 or not tensor.name.removesuffix(":0").endswith("kernel"):
        return tensor
    return replace(tensor, output_axis=keras_output_axis(tensor.name, tensor.shape))


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
