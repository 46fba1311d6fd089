"""The same tensors in several models: every two layouts are aligned as a pair, and what they share is read once.

Two layouts correspond by name or, if names find too little, by shape and order; nothing else has a part in it. Boxes
gather the tensors that several pairs compare alike, so that each is read once for all of them. Whether models are
related is decided on the boxes of pairs, all else of the boxes of a family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.boxes import AlignedTensor, Pairs
from neural_phylogeny.tensors.correspondence import Correspondence, correspond
from neural_phylogeny.tensors.cuts import Form, Held, family_boxes, pair_boxes
from neural_phylogeny.tensors.layouts import Layout, kinds_of, size_step
from neural_phylogeny.tensors.roles import Role
from neural_phylogeny.tensors.slots import Slot, slots

__all__ = ["AlignedTensor", "Alignment", "align", "align_pairs"]


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
        return self._share(self.common(), np.maximum.outer(self.parameters, self.parameters))

    def coverage_of_smaller(self) -> NDArray[np.float64]:
        """Share of the smaller model's parameters that each pair is compared on, ``(n_models, n_models)``."""
        return self._share(self.common(), np.minimum.outer(self.parameters, self.parameters))

    def matrix_coverage(self) -> NDArray[np.float64]:
        """The share of the larger model's values in matrices alone, however they are cut; 1 where neither has any."""
        return self._share(self.common(in_matrices=True), np.maximum.outer(self.in_matrices, self.in_matrices))

    def common(self, in_matrices: bool = False) -> NDArray[np.int64]:
        """Values on which two models are compared, of all or of those in matrices alone, ``(n_models, n_models)``."""
        found = np.zeros((self.n_models,) * 2, dtype=np.int64)
        for tensor in self.tensors:
            if not in_matrices or tensor.role is not Role.VECTOR:
                found[np.ix_(tensor.members, tensor.members)] += tensor.size * tensor.pairs
        np.fill_diagonal(found, self.in_matrices if in_matrices else self.parameters)
        return found

    @staticmethod
    def _share(common: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.divide(common, sizes, out=np.ones(common.shape), where=sizes > 0)


def align(models: Sequence[Mapping[str, TensorInfo]], names: Sequence[str]) -> Alignment:
    """Find the same tensors in the models of one family, in boxes that do not overlap.

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
    Costs no read. Linear in the number of tensors for models of one layout, quadratic in the number of layouts. See
    ``correspondence.correspond`` for what breaks it.
    """
    return _aligned(models, names, lambda held, _: family_boxes(held), apart=False)


def align_pairs(models: Sequence[Mapping[str, TensorInfo]], names: Sequence[str]) -> Alignment:
    """The same for models that may be unrelated: every two are compared as if they were alone.

    Boxes overlap and say for which pairs they count.
    """
    return _aligned(models, names, pair_boxes)


def _aligned(
    models: Sequence[Mapping[str, TensorInfo]],
    names: Sequence[str],
    cut: Callable[[Held, Pairs | None], Iterable[AlignedTensor]],
    apart: bool = True,
) -> Alignment:
    layouts = [Layout.of(model) for model in models]
    kinds = kinds_of(layouts)
    matched = {
        (a, b): correspond(layouts[kinds[a][0]], layouts[kinds[b][0]]) for a, b in combinations(range(len(kinds)), 2)
    }
    tensors = [
        box
        for slot in slots([layouts[members[0]] for members in kinds], matched)
        if apart or not slot.is_apart
        for box in cut(*_held(slot, layouts, kinds))
    ]
    parameters = np.array([layout.parameters for layout in layouts], dtype=np.int64)
    in_matrices = np.array([layout.in_matrices for layout in layouts], dtype=np.int64)
    return Alignment(tuple(tensors), parameters, in_matrices, tuple(_notes(layouts, kinds, matched, names)))


def _held(slot: Slot, layouts: Sequence[Layout], kinds: Sequence[Sequence[int]]) -> tuple[Held, Pairs | None]:
    """The tensor of a slot in the models that hold it, and which of those correspond; None where all do."""
    kind_of = {model: kind for kind in slot.keys for model in kinds[kind]}
    models = sorted(kind_of)
    forms = {}
    for kind, key in slot.keys.items():
        layout = layouts[kinds[kind][0]]
        tensor = layout.tensors[key]
        forms[kind] = Form(tensor.shape, tensor.output_axis, layout.roles[key], size_step(layout.parameters))
    held = Held(
        slot.name,
        {model: layouts[model].tensors[slot.keys[kind_of[model]]] for model in models},
        {model: forms[kind_of[model]] for model in models},
    )
    if slot.links is None:
        return held, None
    row = {kind: k for k, kind in enumerate(slot.keys)}
    linked: Pairs = np.eye(len(row), dtype=bool) & (not slot.is_apart)
    for a, b in slot.links:
        linked[row[a], row[b]] = linked[row[b], row[a]] = True
    rows = [row[kind_of[model]] for model in models]
    return held, linked[np.ix_(rows, rows)]


def _notes(
    layouts: Sequence[Layout],
    kinds: Sequence[Sequence[int]],
    matched: Mapping[tuple[int, int], Correspondence],
    names: Sequence[str],
) -> Iterator[str]:
    """One sentence for each model that nobody matches by name, on the layout that matches it best by order."""
    best: dict[int, tuple[int, int, int]] = {}
    by_name = {kind for pair, found in matched.items() if found.renamed is None and found.found for kind in pair}
    for (a, b), found in matched.items():
        if found.renamed is not None:
            rarer, other = sorted((a, b), key=lambda kind: (len(kinds[kind]), -kind))
            if rarer in by_name and other not in by_name:
                rarer, other = other, rarer
            best[rarer] = max(best.get(rarer, (0, 0, 0)), (found.found, len(found.renamed), -other))
    for kind, (_, n_matched, other) in sorted(best.items()):
        for model in kinds[kind]:
            yield (
                f"{names[model]}: names differ from those of {names[kinds[-other][0]]}, {n_matched} of "
                f"{len(layouts[model].tensors)} tensors matched by shape and order"
            )
