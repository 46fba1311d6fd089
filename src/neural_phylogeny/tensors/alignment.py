"""The same tensor in several models: which tensors, and which part of them, are compared.

Models with equal canonical names are aligned by name. A layout (the names and shapes of one model) that shares
too little by name with those before it is aligned by shape and order instead, and a note says so. Where the
same tensor has several shapes - a replaced head, a longer vocabulary - it is cut into boxes, each held by every
model that covers it, so that any two models are compared on exactly what they have in common, once.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.records import TensorInfo
from neural_phylogeny.tensors.names import canonical_names
from neural_phylogeny.tensors.roles import Role, is_float, matrix_shape, role_of

ENOUGH_BY_NAME = 0.5
"""Share of a layout's parameters that must be found by name and shape before order is not tried."""

ENOUGH_BY_ORDER = 0.25
"""Share of a layout's parameters that order must find before it is believed over names."""

BOX_LIMIT = 64
"""Most boxes one tensor is cut into; with more shapes than that only equal shapes are compared."""

REFERENCE_LIMIT = 8
"""How many earlier layouts are tried when a layout has to be aligned by shape and order."""

Layout = dict[str, TensorInfo]
"""The tensors of one model by canonical name, in stored order."""


@dataclass(frozen=True, slots=True)
class AlignedTensor:
    """One box ``start:stop`` (per axis) of a tensor, held by several models.

    ``members`` are model indices, ascending, and ``sources`` what each of them calls the tensor.
    ``output_axis`` is None where the members disagree on it.
    """

    name: str
    role: Role
    start: tuple[int, ...]
    stop: tuple[int, ...]
    output_axis: int | None
    members: tuple[int, ...]
    sources: tuple[TensorInfo, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Extent of the box."""
        return tuple(stop - start for start, stop in zip(self.start, self.stop, strict=True))

    @property
    def size(self) -> int:
        """Number of values in the box."""
        return math.prod(self.shape)

    @property
    def is_matrix(self) -> bool:
        """Whether the box can prove kinship: a matrix of at least two units and two inputs."""
        return self.role in (Role.KERNEL, Role.BOUNDARY) and (min(matrix_shape(self.shape, self.output_axis or 0)) >= 2)


@dataclass(frozen=True, slots=True)
class Alignment:
    """Everything that will be compared, in reading order.

    ``parameters`` counts the trained values of each model, ``(n_models,)``, and ``in_matrices`` those of them that lie
    in matrices; ``notes`` are sentences.
    """

    tensors: tuple[AlignedTensor, ...]
    parameters: NDArray[np.int64]
    in_matrices: NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.parameters)

    def coverage(self) -> NDArray[np.float64]:
        """Share of the larger model's parameters that each pair is compared on, ``(n_models, n_models)``."""
        return self._share(self.tensors, self.parameters)

    def matrix_coverage(self) -> NDArray[np.float64]:
        """The same for the values in matrices alone, however they are cut; 1 where neither model has any."""
        return self._share([tensor for tensor in self.tensors if tensor.role is not Role.VECTOR], self.in_matrices)

    def _share(self, tensors: Sequence[AlignedTensor], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        common = np.zeros((self.n_models, self.n_models))
        for tensor in tensors:
            common[np.ix_(tensor.members, tensor.members)] += tensor.size
        larger = np.maximum.outer(sizes, sizes)
        return np.divide(common, larger, out=np.ones_like(common), where=larger > 0)


def align(models: Sequence[Mapping[str, TensorInfo]], names: Sequence[str]) -> Alignment:
    """Find the same tensors in several models.

    Parameters
    ----------
    models : sequence of mappings
        The tensors of each model, in stored order.
    names : sequence of str
        The models' names, for the notes.

    Returns
    -------
    Alignment
        Buffers and integer tensors are left out; a tensor held by one model only is not compared.

    Notes
    -----
    Costs no read. Linear in the number of tensors by name; quadratic in a model's tensors by shape and order.
    Alignment by order breaks where equal shapes were reordered between two formats.
    """
    layouts = [_layout(model) for model in models]
    slot_names, notes = _slots(layouts, names)
    holders: dict[str, dict[int, TensorInfo]] = {}
    for model, (layout, slots) in enumerate(zip(layouts, slot_names, strict=True)):
        for key, tensor in layout.items():
            holders.setdefault(slots[key], {})[model] = tensor
    tensors = [box for slot, members in holders.items() if len(members) > 1 for box in _boxes(slot, members)]
    parameters = np.array([sum(t.size for t in layout.values()) for layout in layouts], dtype=np.int64)
    in_matrices = np.array(
        [sum(t.size for t in layout.values() if role_of(t) is not Role.VECTOR) for layout in layouts], dtype=np.int64
    )
    return Alignment(tuple(tensors), parameters, in_matrices, tuple(notes))


def _layout(tensors: Mapping[str, TensorInfo]) -> Layout:
    keys = canonical_names(list(tensors))
    return {
        key: tensor
        for key, tensor in zip(keys, tensors.values(), strict=True)
        if tensor.size > 0 and is_float(tensor.dtype) and role_of(tensor) is not Role.BUFFER
    }


def _slots(layouts: Sequence[Layout], names: Sequence[str]) -> tuple[list[dict[str, str]], list[str]]:
    """For each model, the collection-wide slot of each of its tensors; and a note per alignment by order.

    Frequent and large layouts come first, so that the odd one is fitted to the many.
    """
    kinds: dict[tuple[tuple[str, tuple[int, ...]], ...], list[int]] = {}
    for model, layout in enumerate(layouts):
        kinds.setdefault(tuple((key, t.shape) for key, t in layout.items()), []).append(model)
    references: list[tuple[Layout, dict[str, str]]] = []
    slots: list[dict[str, str]] = [{} for _ in layouts]
    notes = []
    for members in sorted(kinds.values(), key=lambda m: (-len(m), -len(layouts[m[0]]))):
        layout = layouts[members[0]]
        mapping, by_order = _fit(layout, references)
        references.append((layout, mapping))
        for model in members:
            slots[model] = mapping
        notes += [f"{names[model]}: {by_order}" for model in members if by_order]
    return slots, notes


def _fit(layout: Layout, references: Sequence[tuple[Layout, dict[str, str]]]) -> tuple[dict[str, str], str]:
    """Map the tensors of a layout to slots: by name, or, if names find too little, by shape and order."""
    by_name = {key: key for key in layout}
    total = sum(t.size for t in layout.values())
    best, best_found = by_name, max((_found(layout, reference) for reference, _ in references), default=total)
    if best_found >= ENOUGH_BY_NAME * total:
        return by_name, ""
    note = ""
    for reference, slots in references[:REFERENCE_LIMIT]:
        pairs = _match_by_order(layout, reference)
        found = sum(layout[key].size for key in pairs)
        if found > max(best_found, ENOUGH_BY_ORDER * total):
            taken = {slots[other] for other in pairs.values()}
            best = {
                key: slots[pairs[key]] if key in pairs else (key if key not in taken else f"{key} (own)")
                for key in layout
            }
            best_found = found
            note = f"names differ, {len(pairs)} of {len(layout)} tensors matched by shape and order"
    return best, note


def _found(layout: Layout, reference: Layout) -> int:
    """Parameters of ``layout`` that ``reference`` holds under the same name and shape."""
    return sum(t.size for key, t in layout.items() if key in reference and reference[key].shape == t.shape)


def _match_by_order(layout: Layout, reference: Layout) -> dict[str, str]:
    """Pairs of keys whose matrices have equal shapes in the same order, then shapes unique among the rest.

    Convolutions and their unrolled matrices count as equal. Vectors are paired only when both layouts have as
    many: a batch norm folded into its convolution leaves no vector that means the same.
    """
    pairs: dict[str, str] = {}
    for is_vector in (False, True):
        left = {k: shape for k, shape in _matrix_shapes(layout).items() if (shape[1] == 1) == is_vector}
        right = {k: shape for k, shape in _matrix_shapes(reference).items() if (shape[1] == 1) == is_vector}
        if not is_vector or len(left) == len(right):
            pairs |= _match_sequences(left, right)
    return pairs


def _matrix_shapes(layout: Layout) -> dict[str, tuple[int, int]]:
    return {key: matrix_shape(tensor.shape, tensor.output_axis) for key, tensor in layout.items()}


def _match_sequences(left: dict[str, tuple[int, int]], right: dict[str, tuple[int, int]]) -> dict[str, str]:
    keys, others = list(left), list(right)
    matcher = SequenceMatcher(None, list(left.values()), list(right.values()), autojunk=False)
    pairs = {
        keys[block.a + i]: others[block.b + i] for block in matcher.get_matching_blocks() for i in range(block.size)
    }
    used = set(pairs.values())
    rest = {key: shape for key, shape in left.items() if key not in pairs}
    rest_of_others = {other: shape for other, shape in right.items() if other not in used}
    counts, counts_of_others = Counter(rest.values()), Counter(rest_of_others.values())
    by_shape = {shape: other for other, shape in rest_of_others.items()}
    for key, shape in rest.items():
        if counts[shape] == counts_of_others[shape] == 1:
            pairs[key] = by_shape[shape]
    return pairs


def _boxes(slot: str, members: Mapping[int, TensorInfo]) -> list[AlignedTensor]:
    """Cut a slot whose holders have several shapes into boxes that each holder covers wholly or not at all."""
    unrolled = {matrix_shape(tensor.shape, tensor.output_axis) for tensor in members.values()}
    if len(unrolled) == 1 and len({len(tensor.shape) for tensor in members.values()}) > 1:
        return [_box(slot, (0, 0), unrolled.pop(), members)]
    boxes = []
    by_dimension: dict[int, dict[int, TensorInfo]] = {}
    for model, tensor in members.items():
        by_dimension.setdefault(len(tensor.shape), {})[model] = tensor
    for holders in by_dimension.values():
        cuts = [sorted({0, *lengths}) for lengths in zip(*(t.shape for t in holders.values()), strict=True)]
        corners = [list(itertools.pairwise(cut)) for cut in cuts]
        if math.prod(len(c) for c in corners) > BOX_LIMIT:
            boxes += _equal_shapes(slot, holders)
            continue
        for box in itertools.product(*corners):
            start, stop = tuple(low for low, _ in box), tuple(high for _, high in box)
            covering = {
                model: tensor
                for model, tensor in holders.items()
                if all(length >= high for length, high in zip(tensor.shape, stop, strict=True))
            }
            if len(covering) > 1:
                boxes.append(_box(slot, start, stop, covering))
    return boxes


def _equal_shapes(slot: str, holders: Mapping[int, TensorInfo]) -> list[AlignedTensor]:
    by_shape: dict[tuple[int, ...], dict[int, TensorInfo]] = {}
    for model, tensor in holders.items():
        by_shape.setdefault(tensor.shape, {})[model] = tensor
    return [_box(slot, (0,) * len(shape), shape, group) for shape, group in by_shape.items() if len(group) > 1]


def _box(slot: str, start: tuple[int, ...], stop: tuple[int, ...], holders: Mapping[int, TensorInfo]) -> AlignedTensor:
    members = tuple(sorted(holders))
    sources = tuple(holders[model] for model in members)
    axes = {source.output_axis % max(len(source.shape), 1) for source in sources}
    return AlignedTensor(
        slot, role_of(sources[0]), start, stop, axes.pop() if len(axes) == 1 else None, members, sources
    )
