"""The results of a pass: arrays per aligned tensor, kept apart from how they are used and saved."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.counters import Counts, renumbered
from neural_phylogeny.statistics.sampling import part_of, shares
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment

Alike = Sequence[tuple[AlignedTensor, Arrays]]
"""Tensors of the same members, and their results."""

Members = Sequence[int] | NDArray[np.int64]
"""Positions among the models."""

SMALL = 1 << 10
"""Numbers of a result up to which it is cut together with others of its form."""

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
        """The tensors, or matrices, that have a result: together those of the same members, a window at a time."""
        return (alike for _, alike in self.runs(name, matrices))

    def runs(self, name: str, matrices: bool = False) -> Iterator[tuple[list[int], Alike]]:
        """The same, with their places among the tensors."""
        return (run for window in self.windows(name, matrices) for run in window)

    def windows(self, name: str, matrices: bool = False) -> Iterator[list[tuple[list[int], Alike]]]:
        """The same by windows of tensors that follow each other, for whoever adds up in order; see ``add_in_order``."""
        chosen = [
            (place, pair) for place, pair in enumerate(self) if name in pair[1] and (pair[0].is_matrix or not matrices)
        ]
        return windows_of(chosen, self.alignment.n_models)

    def per_model(self, name: str, fill: float = np.nan) -> NDArray[np.float64]:
        """One result as ``(n_tensors, n_models, ...)``; ``fill`` where a model lacks the tensor or the result."""
        inner = next((arrays[name].shape[1:] for arrays in self.arrays if name in arrays), ())
        table = np.full((len(self.arrays), self.alignment.n_models, *inner), fill)
        for places, alike in self.runs(name):
            table[np.ix_(places, alike[0][0].members)] = np.array([arrays[name] for _, arrays in alike])
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
        if list(models) == list(range(self.alignment.n_models)):
            return self
        position = {model: k for k, model in enumerate(models)}
        alignment, parts = self._chosen(models)
        failures = {position[model]: reason for model, reason in self.failures.items() if model in position}
        arrays = tuple(taken_of_each(parts, self.pairwise))
        return Statistics(alignment, arrays, self.pairwise, failures, renumbered(self.counts, position))

    def alignment_of(self, models: Sequence[int]) -> Alignment:
        """What some of the models compare, in the given order: that of ``subset``."""
        if list(models) == list(range(self.alignment.n_models)):
            return self.alignment
        return self._chosen(models)[0]

    def _chosen(self, models: Sequence[int]) -> tuple[Alignment, list[tuple[Arrays, list[int]]]]:
        """What some of the models compare; and the results of each such tensor with the rows that are theirs."""
        position = {model: k for k, model in enumerate(models)}
        tensors, parts = [], []
        for tensor, found in self:
            row_of = {model: row for row, model in enumerate(tensor.members)}
            part = tensor.of([row_of[model] for model in models if model in row_of])
            if part is None:
                continue
            box, rows = part
            tensors.append(replace(box, members=tuple(position[model] for model in box.members)))
            parts.append((found, rows))
        whole, chosen = self.alignment, list(models)
        choices = None if whole.choices is None else whole.choices[np.ix_(chosen, chosen)]
        coarse = None if whole.coarse is None else tuple(whole.coarse[k] for k in chosen)
        counts = whole.parameters[chosen], whole.in_matrices[chosen]
        return Alignment(tuple(tensors), *counts, whole.notes, choices, coarse), parts


def windows_of(
    every: Sequence[tuple[int, tuple[AlignedTensor, Arrays]]], n_models: int
) -> Iterator[list[tuple[list[int], Alike]]]:
    """Windows of numbered tensors and their results, in each those of the same members together."""
    most = max(1, TOGETHER // max(1, n_models) ** 2)
    for start in range(0, len(every), most):
        by_members: dict[tuple[int, ...], list[tuple[int, tuple[AlignedTensor, Arrays]]]] = {}
        for place, pair in every[start : start + most]:
            by_members.setdefault(pair[0].members, []).append((place, pair))
        yield [([place for place, _ in run], [pair for _, pair in run]) for run in by_members.values()]


def _joined(statistic: str, key: str) -> str:
    return key if key == statistic else f"{statistic}.{key}"


def taken(array: NDArray[Any], rows: Sequence[int], pairwise: bool) -> NDArray[Any]:
    """A result of some of the members: rows, or rows and columns where it is ``pairwise``."""
    index = np.asarray(rows, dtype=np.intp)
    return array[index[:, None], index] if pairwise else array[index]


def taken_of_each(parts: Sequence[tuple[Arrays, list[int]]], pairwise: Container[str]) -> list[Arrays]:
    """The results of each tensor for some of its members, given by their rows: small ones of one form together."""
    forms = [(tuple(rows), *((key, array.shape) for key, array in found.items())) for found, rows in parts]
    together: dict[object, list[int]] = {}
    for place, form in enumerate(forms):
        together.setdefault(form, []).append(place)
    results: list[Arrays] = [{} for _ in parts]
    for places in together.values():
        found, rows = parts[places[0]]
        for key, array in found.items():
            every = [parts[place][0][key] for place in places]
            if len(places) == 1 or array.size > SMALL:
                chosen = [taken(one, rows, key in pairwise) for one in every]
            else:
                index = np.asarray(rows, dtype=np.intp)
                stack = np.array(every)
                chosen = list(
                    np.ascontiguousarray(stack[:, index[:, None], index] if key in pairwise else stack[:, index])
                )
            for place, one in zip(places, chosen, strict=True):
                results[place][key] = one
    return results


def of_one_form(shapes: Sequence[tuple[int, ...]], most: int = TOGETHER) -> Iterator[list[int]]:
    """Places of arrays of one shape, one shape after the other, as many together as have ``most`` values.

    Examples
    --------
    >>> list(of_one_form([(2, 2), (3,), (2, 2), (2, 2)], most=8))
    [[0, 2], [3], [1]]
    """
    places: dict[tuple[int, ...], list[int]] = {}
    for place, shape in enumerate(shapes):
        places.setdefault(shape, []).append(place)
    for shape, every in places.items():
        some = max(1, most // max(1, math.prod(shape)))
        yield from (every[start : start + some] for start in range(0, len(every), some))


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


def added(total: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """A total and what stands along the first axis, one after the other: the bits of a loop over it."""
    every = np.empty((len(values) + 1, *total.shape), dtype=np.result_type(total, values))
    every[0], every[1:] = total, values  # in this order in memory, whatever that of the values is
    found: NDArray[Any] = every.sum(axis=0) if total.size > 1 else every.cumsum(axis=0)[-1]  # else summed in pairs
    return found


def add_in_order(total: NDArray[Any], parts: Sequence[tuple[list[int], Members, NDArray[Any]]]) -> None:
    """Add to ``(n, n)`` what stands for each tensor of a window, in their order: places, members, ``(T, k, k)``."""
    if len(parts) == 1:
        _, members, values = parts[0]
        at = np.ix_(np.asarray(members), np.asarray(members))
        total[at] = added(total[at], values)
        return
    row_of = {place: row for row, place in enumerate(sorted(place for places, _, _ in parts for place in places))}
    every = np.zeros((len(row_of), *total.shape))
    for places, members, values in parts:
        rows, held = np.array([row_of[place] for place in places]), np.asarray(members)
        every[np.ix_(rows, held, held)] = values
    total[...] = added(total, every)
