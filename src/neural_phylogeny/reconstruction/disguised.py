"""Unrelated models of one layout: is one of them the other in disguise? If so, it is read as it was before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.restored import RestoredCheckpoint, Source
from neural_phylogeny.graphs import components
from neural_phylogeny.reconstruction.relate import Tested
from neural_phylogeny.relations.axes import Axis, Disguise, restored, shape_of
from neural_phylogeny.relations.computed import names_of_tables
from neural_phylogeny.relations.disguises import find_disguise, fits
from neural_phylogeny.relations.explanations.whole import DISGUISES
from neural_phylogeny.relations.parts import is_compared, is_small, part_of
from neural_phylogeny.relations.retained import RETAINED, matrix_cosines
from neural_phylogeny.sources.opening import Opened
from neural_phylogeny.tensors.roles import Role, role_of
from neural_phylogeny.wording import percent

Layout = tuple[tuple[str, tuple[int, ...], int], ...]
"""Names, shapes and output axes."""

MOST_PAIRS = 48
"""Pairs of groups of relatives of one layout that are looked at; where there are more, they are strangers."""

PARTLY = 0.1
"""Share of the weights of two relatives in matrices as different as those of strangers, from which on a disguise of a
part is looked for, such as that of the heads."""

NAMED = 3
"""Matrices that a note names."""

MOST_VALUES = 1 << 30
"""Values of the largest model that is looked at."""


def undisguised(opened: Sequence[Opened], tested: Tested) -> tuple[list[Opened], tuple[str, ...]] | None:
    """The models, those in disguise read as their relatives are, and a note on each; None where none is in disguise.

    One model of each group of relatives is compared with one of each other group of the same layout, and with those of
    its own that are unlike it in a part of their matrices. Costs nothing where there is no such pair; else a read
    of a few matrices, and of the whole models where those agree.
    """
    labels = components(tested.related)
    layouts = [_layout(checkpoint) for _, checkpoint in opened]
    values = LazyValues.of([checkpoint for _, checkpoint in opened], in_part=True)
    tables = _tables(tested)
    firsts = [int(np.flatnonzero(labels == label)[0]) for label in range(int(labels.max(initial=-1)) + 1)]
    of_layout = Counter(layouts[first] for first in firsts)
    few = {layout for layout, n in of_layout.items() if layout and n * (n - 1) // 2 <= MOST_PAIRS}
    pairs = [(i, j) for i, j in combinations(firsts, 2) if layouts[i] in few and layouts[i] == layouts[j]]
    read, notes = list(opened), list[str]()
    joined = labels.copy()

    def read_as(one: int, model: int, found: Disguise) -> None:
        read[model] = opened[model][0], _restored(opened[model][1], found)
        notes.append(_note(opened[model][0].name, opened[one][0].name, found))

    def between(one: int, other: int) -> Disguise | None:
        common = tables.get(one, frozenset()) & tables.get(other, frozenset())
        return _found(values[one], values[other], [place for place in layouts[one] if place[0] not in common])

    for i, j in pairs:
        if joined[i] == joined[j] or joined[i] != labels[i] or joined[j] != labels[j]:
            continue
        one, other = (i, j) if (labels == labels[i]).sum() >= (labels == labels[j]).sum() else (j, i)
        found = between(one, other)
        if found is None:
            continue
        for model in np.flatnonzero(labels == labels[other]).tolist():
            if layouts[model] != layouts[one]:
                continue
            is_same = model == other or fits(found, values[one], values[model])
            own = found if is_same else between(one, model)
            if own is not None:
                read_as(one, model, own)
        joined[joined == joined[other]] = joined[one]
    unlike = _unlike(tested, firsts, len(opened)) if any(layouts) else {}
    for first in firsts:
        for model in np.flatnonzero(labels == labels[first]).tolist() if layouts[first] in few else ():
            if read[model] is opened[model] and layouts[model] == layouts[first] and unlike[first][model] >= PARTLY:
                own = between(first, model)
                if own is not None:
                    read_as(first, model, own)
    return (read, tuple(notes)) if notes else None


def _tables(tested: Tested) -> dict[int, frozenset[str]]:
    """By model, what it calls the tensors that a formula computes: they are alike in any two models."""
    found: dict[int, frozenset[str]] = {}
    for group, _ in tested.groups:
        for row, names in names_of_tables(group.statistics).items():
            model = group.members[row]
            found[model] = found.get(model, frozenset()) | names
    return found


def _found(one: LazyValues, other: LazyValues, layout: Sequence[tuple[str, tuple[int, ...], int]]) -> Disguise | None:
    """The disguise of one model against another of its layout."""
    try:
        return find_disguise(one, other, {name: shape for name, shape, _ in layout})
    except (CheckpointError, np.linalg.LinAlgError):
        return None


def _unlike(tested: Tested, models: Sequence[int], n: int) -> dict[int, NDArray[np.float64]]:
    """Share of the compared weights of some models and each other one in matrices as different as those of strangers.

    By model, ``(n,)`` each.
    """
    found = {model: np.zeros(n) for model in models}
    for group, _ in reversed(tested.groups):  # of a pair that several hold, the first one counts
        rows = [row for row, model in enumerate(group.members) if model in found]
        if not rows:
            continue
        sizes = np.array([tensor.size if tensor.is_matrix else 0 for tensor in group.statistics.alignment.tensors])
        cosines = matrix_cosines(group.statistics)[:, rows]
        known = np.isfinite(cosines)
        with np.errstate(invalid="ignore"):
            apart = np.tensordot(sizes, known & (np.abs(cosines) < RETAINED), axes=1)
        share = apart / np.maximum(np.tensordot(sizes, known, axes=1), 1)
        for row, own in zip(rows, share, strict=True):
            found[group.members[row]][list(group.members)] = own
    return found


def _note(name: str, other: str, found: Disguise) -> str:
    broken = (
        f"; the units of {', '.join(found.unread[:NAMED])} are in an order that no other matrix has: its tensors "
        "contradict each other, as where only a part was permuted"
        if found.unread
        else ""
    )
    return (
        f"{name}: its units are {' and '.join(found.kinds)} against {other}; undone, its matrices agree with those of "
        f"{other} by a cosine of {found.agreement:.3f} on inputs that the matching has not seen; strangers reach less "
        f"than {percent(0.4)}{broken}"
    )


def _layout(checkpoint: Checkpoint) -> Layout:
    """Names and shapes of what was trained; empty where the model is too large, or units are not the first axis."""
    found = tuple(
        (name, tensor.shape, tensor.output_axis)
        for name, tensor in checkpoint.tensors.items()
        if role_of(tensor) is not Role.BUFFER and tensor.size > 1
    )
    is_small = sum(checkpoint.tensors[name].size for name, _, _ in found) <= MOST_VALUES
    return found if is_small and all(axis == 0 for _, _, axis in found) else ()


HELD = 1 << 24
"""Values of all models together that are held at a time."""


class _Held:
    """The latest tensors of several models, at most ``HELD`` values and the last one."""

    def __init__(self) -> None:
        self._values: dict[tuple[int, str], NDArray[Any]] = {}
        self._size = 0

    def get(self, key: tuple[int, str], read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """What is held by this key, or else read."""
        values = self._values.pop(key, None)
        if values is None:
            values = read()
            self._size += values.size
            while self._values and self._size > HELD:
                self._size -= self._values.pop(next(iter(self._values))).size
        self._values[key] = values
        return values


class LazyValues(Mapping[str, NDArray[np.float64]]):
    """The tensors of a model, read when they are needed; the latest are held, of all models that share ``held``.

    With ``in_part`` large matrices are the part of ``parts.part_of`` alone.
    """

    def __init__(self, checkpoint: Checkpoint, held: _Held, in_part: bool) -> None:
        self._checkpoint = checkpoint
        self._held = held
        self._in_part = in_part

    @classmethod
    def of(cls, checkpoints: Sequence[Checkpoint], in_part: bool = False) -> list[LazyValues]:
        """Of several models, with one bound on what is held."""
        held = _Held()
        return [cls(checkpoint, held, in_part) for checkpoint in checkpoints]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._held.get((id(self), name), lambda: self._read(name))

    def _read(self, name: str) -> NDArray[Any]:
        shape = self._checkpoint.tensors[name].shape
        if not self._in_part or not is_compared(shape) or is_small(shape):
            values = np.empty(shape, dtype=np.float32)
            self._checkpoint.read_into(name, 0, values.reshape(-1))
        else:
            rows, columns = part_of(shape)
            _, n, places = shape_of(shape)
            values = np.empty((len(rows), columns, places), dtype=np.float32)
            for row, out in zip(rows.tolist(), values, strict=True):
                self._checkpoint.read_into(name, row * n * places, out.reshape(-1))
        if not np.isfinite(values).all():
            raise CheckpointError("values that are not finite", tensor=name)
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(self._checkpoint.tensors)

    def __len__(self) -> int:
        return len(self._checkpoint.tensors)


def _restored(checkpoint: Checkpoint, found: Disguise) -> RestoredCheckpoint:
    changed = {name: axes for name, axes in found.axes.items() if any(axis.changes for axis in axes)}
    kind = next(kind for kind in DISGUISES if kind in found.kinds)
    tensors = {
        replace(tensor, codes=kind) if name in changed else tensor: Source(
            name, partial(_undo, axes=changed[name]) if name in changed else None
        )
        for name, tensor in checkpoint.tensors.items()
    }
    return RestoredCheckpoint(checkpoint, tensors)


def _undo(values: AnyArray, axes: tuple[Axis, Axis]) -> AnyArray:
    rows, columns = axes
    if rows.turn is not None or columns.turn is not None or values.ndim < 2 or values.shape[0] == 1:
        return restored(values.astype(np.float64), *axes)
    if not rows.is_scaled and not columns.is_scaled:
        return restored(values, *axes)
    found, step = np.empty_like(values), max(1, HELD // max(values[0].size, 1))
    for at in range(0, len(values), step):  # products in double precision, a part at a time
        own = slice(at, at + step)
        part = Axis(np.arange(len(found[own])), rows.factor[own])
        found[own] = restored(values[rows.order[own]].astype(np.float64), part, columns)
    return found
