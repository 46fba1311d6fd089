"""Overlapping neighbourhoods of a very large group of related models, each small enough to be measured as one.

A tree of descent is near the shortest tree that spans the models, where what each training adds is its own: of a model
and its parent every other way around is longer. So that tree is cut into connected parts; each part, its core, is
measured with the models next to it in the tree and with the nearest others. A model is in one core, where its parent
and its relatives are; it may lie beside several others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CORE = 16
"""Models of a core, at least; less than twice as many."""

SIZE = 32
"""Models of a neighbourhood, copies of those of the core not counted."""

Rows = Callable[[Sequence[int]], NDArray[np.floating[Any]]]
"""Distances of some models to all n: ``(k,) -> (k, n)``; infinite where nothing is compared."""


@dataclass(frozen=True)
class Neighbourhood:
    """Positions of models, ascending: all, and those of the core."""

    members: tuple[int, ...]
    core: tuple[int, ...]


def neighbourhoods(
    models: Sequence[int], distances: Rows, contents: Sequence[Hashable], core: int = CORE, size: int = SIZE
) -> list[Neighbourhood]:
    """Neighbourhoods whose cores hold each of some models once.

    Models of equal ``contents`` are in one core: they are copies as far as is known, and one stands for them elsewhere.
    O(n_models n), one row of distances at a time.
    """
    copies: dict[Hashable, list[int]] = {}
    for model in models:
        copies.setdefault(contents[model], []).append(model)
    first = np.array([group[0] for group in copies.values()])
    same = {group[0]: group for group in copies.values()}
    order, above, length = spanning_tree(first, distances)
    found = []
    for part, top in parts(order, above, length, core):
        beside = _beside(first, part, top, above, length, distances, size)
        own = [model for k in part for model in same[int(first[k])]]
        members = {*own, *first[beside].tolist()}
        found.append(Neighbourhood(tuple(sorted(members)), tuple(sorted(own))))
    return found


def spanning_tree(
    models: NDArray[np.int64], distances: Rows
) -> tuple[list[int], NDArray[np.int64], NDArray[np.float64]]:
    """The shortest tree over k models (Prim 1957): their positions in order, the one above each, and how far it is.

    The first model is the root, with -1 above it. O(k n).
    """
    k = len(models)
    nearest, above = np.full(k, np.inf), np.full(k, -1, dtype=np.int64)
    is_left = np.ones(k, dtype=bool)
    order, at = [], 0
    for _ in range(k):
        order.append(at)
        is_left[at] = False
        row = distances([int(models[at])])[0][models]
        closer = is_left & ((row < nearest) | (above < 0))
        nearest[closer], above[closer] = row[closer], at
        left = np.flatnonzero(is_left)
        at = int(left[np.argmin(nearest[left])]) if len(left) else 0
    return order, above, nearest


def parts(
    order: Sequence[int], above: NDArray[np.int64], length: NDArray[np.float64], core: int
) -> list[tuple[list[int], int]]:
    """The tree cut into parts of at least ``core`` models but for the last, and the model above each; -1 for none.

    Siblings make a part without the model above them where there are enough of them.
    """
    below: dict[int, list[int]] = {}
    for model in order:
        if above[model] >= 0:
            below.setdefault(int(above[model]), []).append(model)
    open_parts: dict[int, list[int]] = {}
    found: list[tuple[list[int], int]] = []
    for model in reversed(order):
        own: list[int] = []
        for child in sorted(below.get(model, ()), key=lambda k: (float(length[k]), k)):
            own += open_parts.pop(child, [])
            if len(own) >= core:
                found.append((own, model))
                own = []
        own.append(model)
        if len(own) >= core or above[model] < 0:
            found.append((own, int(above[model])))
        else:
            open_parts[model] = own
    return found


def _beside(
    first: NDArray[np.int64],
    part: Sequence[int],
    top: int,
    above: NDArray[np.int64],
    length: NDArray[np.float64],
    distances: Rows,
    size: int,
) -> list[int]:
    """Positions of the models that are measured with a part: those next to it in the tree, then the nearest others."""
    taken = set(part)
    place = [] if top < 0 else [top] + ([int(above[top])] if above[top] >= 0 else [])
    next_to = np.flatnonzero(np.isin(above, part)).tolist()
    place += sorted((k for k in next_to if k not in taken), key=lambda k: (float(length[k]), k))
    room = max(size - len(part), 0)
    place = place[:room]
    taken |= set(place)
    rows = distances(first[list(part)].tolist())[:, first]
    k = min(size, len(first) - 1)
    near = (
        np.argpartition(rows, k, axis=1)[:, : k + 1]
        if k + 1 < len(first)
        else np.tile(np.arange(len(first)), (len(rows), 1))
    )
    near = np.take_along_axis(near, np.argsort(np.take_along_axis(rows, near, axis=1), axis=1, kind="stable"), axis=1)
    for one in near.T.reshape(-1).tolist():
        if len(place) >= room:
            break
        if one not in taken:
            taken.add(one)
            place.append(one)
    return place
