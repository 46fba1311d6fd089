"""What was measured is measured once: a family takes what its collection's pass has, and reads only what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.statistics.counters import joined, renumbered
from neural_phylogeny.statistics.results import Statistics, taken
from neural_phylogeny.statistics.sampling import Coarse, part_of, shares
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment

Measure = Callable[[Alignment], Statistics]
"""Reads and measures the boxes of an alignment."""

_Key = tuple[int, TensorInfo, object]
"""A model, its tensor, and the box that was cut of it."""


@dataclass(frozen=True)
class _Place:
    """Where a box was measured: the group, its tensor and the member."""

    group: int
    tensor: int
    row: int


class Pool:
    """Boxes that were measured, by model and tensor, whoever shared them; for models of one collection."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._places: dict[_Key, list[_Place]] = {}
        for g, group in enumerate(groups):
            for t, (tensor, _) in enumerate(group.statistics):
                for row, (member, source) in enumerate(zip(tensor.members, tensor.sources, strict=True)):
                    key = (group.members[member], source, _cut(tensor))
                    self._places.setdefault(key, []).append(_Place(g, t, row))

    def assembled(
        self, models: Sequence[int], alignment: Alignment, sample: float | None, measure: Measure
    ) -> Statistics:
        """The statistics of an alignment of some models: what is here, and what ``measure`` must read.

        Of a box that was measured with more members theirs are left out. Linear in the number of members of all boxes.
        """
        known = [
            self._find(models, tensor, share)
            for tensor, share in zip(alignment.tensors, shares(alignment, sample), strict=True)
        ]
        lacking = [tensor for tensor, found in zip(alignment.tensors, known, strict=True) if found is None]
        if lacking or not alignment.tensors:
            read = measure(replace(alignment, tensors=tuple(lacking)))
        else:
            read = Statistics(alignment, (), frozenset())
        new = iter(read.arrays)
        arrays = tuple(next(new) if found is None else found for found in known)
        every = [read, *self._of(models)]
        failures = {model: reason for one in every for model, reason in one.failures.items()}
        counts = joined([one.counts for one in every if one.counts])
        pairwise = frozenset[str]().union(*(one.pairwise for one in every))
        return Statistics(alignment, arrays, pairwise, dict(sorted(failures.items())), counts)

    def _of(self, models: Sequence[int]) -> Iterable[Statistics]:
        """What each group says of the models themselves, numbered as here."""
        position = {model: k for k, model in enumerate(models)}
        for group in self._groups:
            here = {row: position[model] for row, model in enumerate(group.members) if model in position}
            if here:
                failures = {here[row]: why for row, why in group.statistics.failures.items() if row in here}
                counts = renumbered(group.statistics.counts, here)
                yield Statistics(group.statistics.alignment, (), group.statistics.pairwise, failures, counts)

    def _find(self, models: Sequence[int], tensor: AlignedTensor, share: float | Coarse) -> Arrays | None:
        """The results of a box in all of its members, where one group measured them together, and the same share."""
        rows: dict[tuple[int, int], list[int]] = {}
        for member, source in zip(tensor.members, tensor.sources, strict=True):
            for place in self._places.get((models[member], source, _cut(tensor)), ()):
                rows.setdefault((place.group, place.tensor), []).append(place.row)
        part = part_of(tensor, share)
        seen = tensor.size if part is None else part.tensor.size
        for (g, t), found in rows.items():
            statistics = self._groups[g].statistics
            arrays = statistics.arrays[t]
            if len(found) == len(tensor.members) and np.all(arrays.get("sample.read", tensor.size) == seen):
                return {key: taken(array, found, key in statistics.pairwise) for key, array in arrays.items()}
        return None


def _cut(tensor: AlignedTensor) -> object:
    """Identifies a box of a tensor."""
    return tensor.start, tensor.stop, tensor.output_axis, tensor.role
