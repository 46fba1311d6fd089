"""The results of a pass: arrays per aligned tensor, kept apart from how they are used and saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.counters import Counts, renumbered
from neural_phylogeny.statistics.sampling import part_of, shares
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment

Alike = Sequence[tuple[AlignedTensor, Arrays]]
"""Tensors of the same members, and their results."""

TOGETHER = 1 << 16
"""Pairs of members that are looked at together: 512 KiB an array. Many small tensors cost a step of NumPy for all."""


@dataclass(frozen=True)
class Statistics:
    """What one pass measured.

    ``arrays[t]`` holds the results for ``alignment.tensors[t]`` by name (``"gram"``, ``"moments.fourth"``), with
    leading axes over the tensor's members; ``pairwise`` names the results with two such axes. ``failures`` tells of
    models some of whose values could not be read, and why; ``counts`` what training left beside the weights.
    """

    alignment: Alignment
    arrays: tuple[Arrays, ...]
    pairwise: frozenset[str]
    failures: Mapping[int, str] = field(default_factory=dict)
    counts: Counts = field(default_factory=dict)

    @classmethod
    def from_results(
        cls,
        alignment: Alignment,
        statistics: Sequence[Statistic],
        results: Sequence[dict[str, Arrays]],
        failures: Mapping[int, str],
        counts: Counts | None = None,
    ) -> Statistics:
        """Join the results of all statistics; names are ``statistic.result``, or the bare name where equal."""
        arrays = tuple(
            {_joined(name, key): array for name, result in by_name.items() for key, array in result.items()}
            for by_name in results
        )
        pairwise = frozenset(_joined(s.name, key) for s in statistics for key in s.pairwise)
        return cls(alignment, arrays, pairwise, dict(sorted(failures.items())), counts or {})

    def __iter__(self) -> Iterator[tuple[AlignedTensor, Arrays]]:
        return zip(self.alignment.tensors, self.arrays, strict=True)

    def alike(self, name: str, matrices: bool = False) -> Iterator[Alike]:
        """The tensors, or matrices, that have a result, in order: together those that follow each other and have the
        same members.
        """
        chosen = (pair for pair in self if pair[0].is_matrix or not matrices)
        measured = ((tensor, arrays) for tensor, arrays in chosen if name in arrays)
        for members, group in groupby(measured, key=lambda pair: pair[0].members):
            run, most = list(group), max(1, TOGETHER // len(members) ** 2)
            yield from (run[start : start + most] for start in range(0, len(run), most))

    def per_model(self, name: str, fill: float = np.nan) -> NDArray[np.float64]:
        """One result as ``(n_tensors, n_models, ...)``; ``fill`` where a model lacks the tensor or the result."""
        inner = next((arrays[name].shape[1:] for arrays in self.arrays if name in arrays), ())
        table = np.full((len(self.arrays), self.alignment.n_models, *inner), fill)
        for row, (tensor, arrays) in zip(table, self, strict=True):
            if name in arrays:
                row[list(tensor.members)] = arrays[name]
        return table

    def drawn(self, rng: np.random.Generator) -> Statistics:
        """The same statistics with as many matrices, drawn with replacement; tensors that are none stay."""
        matrices = self.matrices()
        return self.with_matrices(sorted(rng.choice(matrices, size=len(matrices)).tolist() if matrices else []))

    def matrices(self) -> list[int]:
        """Places of the matrices among the tensors."""
        return [t for t, tensor in enumerate(self.alignment.tensors) if tensor.is_matrix]

    def with_matrices(self, matrices: Sequence[int]) -> Statistics:
        """The same statistics with some of the matrices, by their places, and all tensors that are none."""
        others = [t for t, tensor in enumerate(self.alignment.tensors) if not tensor.is_matrix]
        chosen = [*matrices, *others]
        alignment = replace(self.alignment, tensors=tuple(self.alignment.tensors[t] for t in chosen))
        return replace(self, alignment=alignment, arrays=tuple(self.arrays[t] for t in chosen))

    def values_read(self) -> NDArray[np.int64]:
        """Compared values of each model, and how many of them were read: ``(2, n_models)``."""
        counts = np.zeros((2, self.alignment.n_models), dtype=np.int64)
        for tensor, arrays in self:
            members = list(tensor.members)
            counts[0, members] += tensor.size
            counts[1, members] += arrays.get("sample.read", tensor.size)
        return counts

    def was_sampled(self, sample: float | None) -> bool:
        """Whether the pass read just what it would read now for that share."""
        for (tensor, arrays), share in zip(self, shares(self.alignment, sample), strict=True):
            part = part_of(tensor, share)
            now = tensor.size if part is None else part.tensor.size
            if np.any(arrays.get("sample.read", tensor.size) != now):
                return False
        return True

    def compared(self, i: int, j: int) -> Iterator[tuple[AlignedTensor, Arrays, int, int]]:
        """The tensors that two models compare, with the rows of the two in each; in stored order. O(n_tensors)."""
        for tensor, arrays in self:
            if i in tensor.members and j in tensor.members:
                a, b = tensor.members.index(i), tensor.members.index(j)
                if tensor.compares(a, b):
                    yield tensor, arrays, a, b

    def subset(self, models: Sequence[int]) -> Statistics:
        """The same statistics for some of the models, in the given order."""
        position = {model: k for k, model in enumerate(models)}
        tensors, arrays = [], []
        for tensor, found in self:
            row_of = {model: row for row, model in enumerate(tensor.members)}
            part = tensor.of([row_of[model] for model in models if model in row_of])
            if part is None:
                continue
            box, rows = part
            tensors.append(replace(box, members=tuple(position[model] for model in box.members)))
            arrays.append({key: taken(array, rows, key in self.pairwise) for key, array in found.items()})
        whole, chosen = self.alignment, list(models)
        choices = None if whole.choices is None else whole.choices[np.ix_(chosen, chosen)]
        coarse = None if whole.coarse is None else tuple(whole.coarse[k] for k in chosen)
        counts = whole.parameters[chosen], whole.in_matrices[chosen]
        alignment = Alignment(tuple(tensors), *counts, whole.notes, choices, coarse)
        failures = {position[model]: reason for model, reason in self.failures.items() if model in position}
        return Statistics(alignment, tuple(arrays), self.pairwise, failures, renumbered(self.counts, position))


def _joined(statistic: str, key: str) -> str:
    return key if key == statistic else f"{statistic}.{key}"


def taken(array: NDArray[Any], rows: Sequence[int], pairwise: bool) -> NDArray[Any]:
    """A result of some of the members: rows, or rows and columns where it is ``pairwise``."""
    index = np.asarray(rows, dtype=np.intp)
    return array[index[:, None], index] if pairwise else array[index]


def stacked(alike: Alike, name: str) -> NDArray[Any]:
    """One result of tensors of the same members, ``(n_tensors, n_members, ...)``; 0 for pairs where one lacks it."""
    nothing = np.zeros((len(alike[0][0].members),) * 2)
    return np.array([arrays.get(name, nothing) for _, arrays in alike])


def pairs_of(alike: Alike) -> NDArray[np.bool_]:
    """For which two members each of them counts, ``(n_tensors, n_members, n_members)``, or once for all of them."""
    if any(tensor.links for tensor, _ in alike):
        return np.array([tensor.pairs for tensor, _ in alike])
    n = len(alike[0][0].members)
    return np.ones((1, n, n), dtype=bool)
