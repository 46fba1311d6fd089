"""The same tensors in several models: every two layouts are aligned as a pair, and what they share is read once.

Two layouts correspond by name or, if names find too little, by role, by shape and order, in any layout that frameworks
use; where that leaves a choice the values of the two models decide. Nothing else has a part in it. Boxes gather the
tensors that several pairs compare alike, so that each is read once for all of them. Whether models are related is
decided on the boxes of pairs, all else of the boxes of a family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.boxes import AlignedTensor, Pairs
from neural_phylogeny.tensors.cuts import Form, Held, family_boxes, pair_boxes
from neural_phylogeny.tensors.layouts import Layout, size_step
from neural_phylogeny.tensors.notes import notes
from neural_phylogeny.tensors.pairing import Matched, Samples, matched_kinds
from neural_phylogeny.tensors.roles import Role, role_of
from neural_phylogeny.tensors.slots import Slot, family_slots, slots

__all__ = ["AlignedTensor", "Alignment", "align", "align_pairs"]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Everything that will be compared, in reading order.

    ``parameters`` counts the trained values of each model, ``(n_models,)``, and ``in_matrices`` those of them that lie
    in matrices; ``notes`` are sentences. ``coarse`` has an entry for each model,
    None but for those that lie elsewhere and are too large to fetch: the share of a matrix that is read, and the number
    of stretches it is read in, see ``reconstruction.thrift``.
    """

    tensors: tuple[AlignedTensor, ...]
    parameters: NDArray[np.int64]
    in_matrices: NDArray[np.int64]
    notes: tuple[str, ...]
    choices: NDArray[np.float64] | None = None
    coarse: tuple[tuple[float, int] | None, ...] | None = None

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.parameters)

    def coverage(self) -> NDArray[np.float64]:
        """Share of the larger model's parameters that each pair is compared on, ``(n_models, n_models)``."""
        return self._share(*self._of_larger(self.common(), self.parameters))

    def coverage_of_smaller(self) -> NDArray[np.float64]:
        """Share of the smaller model's parameters that each pair is compared on, ``(n_models, n_models)``."""
        return self._share(*self._of_larger(self.common(), self.parameters, -1))

    def matrix_coverage(self) -> NDArray[np.float64]:
        """The share of the larger model's values in matrices alone, however they are cut; 1 where neither has any."""
        return self._share(*self._of_larger(self.common(in_matrices=True), self.in_matrices))

    def common(self, in_matrices: bool = False, rows: Sequence[int] | None = None) -> NDArray[np.int64]:
        """Values of i that are compared with j, of all or of those in matrices alone: ``(n_rows, n_models)``.

        Rows are all models, or those asked for. Symmetric but where one of the two is compared by the means of its
        experts: those stand for all of them.
        """
        chosen = np.arange(self.n_models) if rows is None else np.asarray(rows)
        found = np.zeros((len(chosen), self.n_models), dtype=np.int64)
        alike: dict[tuple[object, ...], tuple[AlignedTensor, list[int]]] = {}
        for tensor in self.tensors:
            if not in_matrices or tensor.role is not Role.VECTOR:
                key = (tensor.members, tensor.sides, tensor.links, tuple(len(s.pieces) for s in tensor.sources))
                alike.setdefault(key, (tensor, []))[1].append(tensor.size)
        for first, sizes in alike.values():
            pieces, members = first.pieces, np.asarray(first.members)
            _, at, own = np.intersect1d(chosen, members, assume_unique=True, return_indices=True)
            counted = sum(sizes) * pieces[own, None] * first.pairs[own]
            if pieces.max() > 1:  # two mixtures are compared by their experts
                counted[np.outer(pieces[own] > 1, pieces > 1)] = 0
            found[np.ix_(at, members)] += counted
        whole = self.in_matrices if in_matrices else self.parameters
        found[np.arange(len(chosen)), chosen] = whole[chosen]
        return np.minimum(found, whole[chosen, None])

    @staticmethod
    def _of_larger(
        common: NDArray[np.int64], sizes: NDArray[np.int64], sign: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of each pair what is compared of the larger model (the smaller where ``sign`` is -1), and its size."""
        order = sign * (sizes[:, None] - sizes[None, :])
        chosen = np.where(order > 0, common, np.where(order < 0, common.T, np.minimum(common, common.T)))
        outer = np.maximum.outer if sign > 0 else np.minimum.outer
        return chosen, outer(sizes, sizes)

    def compared(self, pairs: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Values of each model that another one is compared with, ``(n_models,)``; of overlapping boxes one.

        Only ``pairs`` count, ``(n_models, n_models)``.
        """
        largest: dict[tuple[int, str, int, int], int] = {}
        others = pairs & ~np.eye(self.n_models, dtype=bool)
        rows_of: dict[tuple[object, ...], list[int]] = {}
        for tensor in self.tensors:
            rows = rows_of.get(key := (tensor.members, tensor.sides, tensor.links))
            if rows is None:
                counted = tensor.pairs & others[np.ix_(tensor.members, tensor.members)]
                rows = rows_of[key] = np.flatnonzero(counted.any(axis=1)).tolist()
            for row in rows:
                source = tensor.sources[row]
                view = source.view
                part = view.start if view is not None and view.stop else 0
                for name, first in source.pieces or ((source.name, 0),):
                    place = tensor.members[row], name, first, part
                    largest[place] = max(tensor.size, largest.get(place, 0))
        found = np.zeros(self.n_models, dtype=np.int64)
        for (model, *_), size in largest.items():
            found[model] += size
        return np.minimum(found, self.parameters)

    @staticmethod
    def _share(common: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.divide(common, sizes, out=np.ones(common.shape), where=sizes > 0)


def align(
    models: Sequence[Mapping[str, TensorInfo]], names: Sequence[str], samples: Samples | None = None
) -> Alignment:
    """Find the same tensors in the models of one family, in boxes that do not overlap.

    Parameters
    ----------
    models : sequence of mappings
        The tensors of each model, in stored order.
    names : sequence of str
        The models' names, for the notes.
    samples : sequence of Sampler, optional
        Of each model its values, which decide where names, shapes and order leave a choice.

    Returns
    -------
    Alignment
        Buffers and integer tensors are left out; a tensor held by one model only is not compared.

    Notes
    -----
    Costs no read where names agree, else at most a sample of each tensor, see ``samples``. Linear in the number of
    tensors for models of one layout, quadratic in the number of layouts.
    """
    return _aligned(models, names, samples, _of_family, lambda held, _: family_boxes(held))


def align_pairs(
    models: Sequence[Mapping[str, TensorInfo]], names: Sequence[str], samples: Samples | None = None
) -> Alignment:
    """The same for models that may be unrelated: every two are compared as if they were alone.

    Boxes overlap and say for which pairs they count.
    """
    return _aligned(models, names, samples, slots, pair_boxes)


def _of_family(layouts: Sequence[Layout], matched: Matched) -> list[Slot]:
    return [slot for slot in family_slots(layouts, matched) if not slot.is_apart]


def _aligned(
    models: Sequence[Mapping[str, TensorInfo]],
    names: Sequence[str],
    samples: Samples | None,
    gathered: Callable[[Sequence[Layout], Matched], Sequence[Slot]],
    cut: Callable[[Held, Pairs | None], Iterable[AlignedTensor]],
) -> Alignment:
    layouts = [Layout.of(model) for model in models]
    kinds, matched = matched_kinds(layouts, samples)
    tensors = [
        box
        for slot in gathered([layouts[members[0]] for members in kinds], matched)
        for box in cut(*_held(slot, layouts, kinds))
    ]
    parameters = np.array([layout.parameters for layout in layouts], dtype=np.int64)
    in_matrices = np.array([layout.in_matrices for layout in layouts], dtype=np.int64)
    choices = np.zeros((len(layouts) if matched else 0,) * 2)
    for (a, b), found in matched.items():
        choices[np.ix_(kinds[a], kinds[b])] = found.choices
        choices[np.ix_(kinds[b], kinds[a])] = found.choices
    return Alignment(
        tuple(tensors),
        parameters,
        in_matrices,
        tuple(notes(layouts, kinds, matched, names)),
        choices if choices.any() else None,
    )


def _held(slot: Slot, layouts: Sequence[Layout], kinds: Sequence[Sequence[int]]) -> tuple[Held, Pairs | None]:
    """The tensor of a slot in the models that hold it, and which of those correspond; None where all do."""
    kind_of = {model: kind for kind in slot.sources for model in kinds[kind]}
    models = sorted(kind_of)
    forms, read = {}, {}
    for kind, source in slot.sources.items():
        layout = layouts[kinds[kind][0]]
        role = layout.roles.get(source.key) or role_of(layout.every[source.key], layout.rules)
        forms[kind] = Form(source.shape, source.output_axis, role, size_step(layout.parameters))
    for model in models:
        source = slot.sources[kind_of[model]]
        stored = layouts[model].every[source.key]
        is_stored = source.view is None
        read[model] = (
            stored
            if is_stored
            else replace(stored, shape=source.shape, output_axis=source.output_axis, view=source.view)
        )
    held = Held(slot.name, read, {model: forms[kind_of[model]] for model in models}, slot.by)
    if slot.links is None or (len(models) == len(slot.sources) == 2 and any(a != b for a, b in slot.links)):
        return held, None
    row = {kind: k for k, kind in enumerate(slot.sources)}
    own = [kind in slot.own and not slot.is_apart for kind in slot.sources]
    linked: Pairs = np.diag(np.array(own, dtype=bool))
    for a, b in slot.links:
        linked[row[a], row[b]] = linked[row[b], row[a]] = True
    rows = [row[kind_of[model]] for model in models]
    return held, linked[np.ix_(rows, rows)]
