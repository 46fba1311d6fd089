"""How the units of a model in disguise are restored: in another order, each times a factor, or turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


SAME = 0.5
"""Share of the units from which on two orders are one: those that training moved far may be mistaken."""


@dataclass(frozen=True)
class Axis:
    """How units are restored: in this order, each times its factor; or turned by a matrix before."""

    order: Ints
    factor: Floats
    turn: Floats | None = None

    @classmethod
    def unchanged(cls, n: int) -> Axis:
        """As they are."""
        return cls(np.arange(n), np.ones(n))

    @property
    def is_permuted(self) -> bool:
        """Whether the order is another one."""
        return bool((self.order != np.arange(len(self.order))).any())

    @property
    def is_scaled(self) -> bool:
        """Whether some factor is not 1."""
        return bool((self.factor != 1.0).any())

    @property
    def changes(self) -> bool:
        """Whether anything is restored."""
        return self.is_permuted or self.is_scaled or self.turn is not None


@dataclass(frozen=True)
class Disguise:
    """How each tensor of a model is restored, rows and columns, and how well its matrices agree then.

    ``kinds`` are the names of what was done, ``agreement`` the mean cosine on unseen inputs, weighted by size. The
    units of the matrices in ``unread`` are in an order that no other one has: the network is no copy that works.
    """

    axes: Mapping[str, tuple[Axis, Axis]]
    kinds: tuple[str, ...]
    agreement: float
    unread: tuple[str, ...] = ()


def restored(values: Floats, rows: Axis, columns: Axis) -> Floats:
    """A tensor with its rows (first axis) and columns (second axis) restored.

    Examples
    --------
    >>> swapped = Axis(np.array([1, 0]), np.array([1.0, -1.0]))
    >>> restored(np.array([[1.0, 2.0], [3.0, 4.0]]), swapped, Axis.unchanged(2)).tolist()
    [[3.0, 4.0], [-1.0, -2.0]]
    """
    found = shaped(values) if values.ndim > 1 else values.reshape(-1, 1, 1)
    if columns.turn is not None:
        found = np.einsum("mnk,nj->mjk", found, columns.turn, optimize=True)
    if rows.turn is not None:
        found = np.einsum("im,mnk->ink", rows.turn, found, optimize=True)
    if rows.is_permuted or rows.is_scaled:
        found = found[rows.order]
    if rows.is_scaled:
        found = found * rows.factor[:, None, None]
    if values.ndim > 1 and (columns.is_permuted or columns.is_scaled):
        found = found[:, columns.order]
        if columns.is_scaled:
            found = found * columns.factor[None, :, None]
    return found.reshape(values.shape)


def unread(axes: Mapping[str, tuple[Axis, Axis]]) -> tuple[str, ...]:
    """Matrices with units in an order that no other one writes or reads, where some have as many units.

    Silent where groups of units may be behind it, such as the places of a filter or the gates of a cell.
    """
    every = [(name, place, axis.order) for name, pair in axes.items() for place, axis in enumerate(pair)]
    moved = {len(order) for _, _, order in every if (order != np.arange(len(order))).any()}
    found = []
    for name, place, order in every:
        n = len(order)
        if (order == np.arange(n)).all() or any(n != m and (n % m == 0 or m % n == 0) for m in moved):
            continue
        others = [other for key, _, other in every if key != name and len(other) == n]
        facing = [other for key, side, other in every if key != name and side != place and len(other) == n]
        if facing and not any((other == order).mean() >= SAME for other in others):
            found.append(name)
    return tuple(dict.fromkeys(found))


def shaped(values: Floats) -> Floats:
    """``(rows, columns, places)``; a first axis of one, as position tables have, is left out, and places of a single
    input are inputs.
    """
    return values.reshape(shape_of(values.shape))


def shape_of(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape of ``shaped``."""
    kept = shape[1:] if shape[0] == 1 and len(shape) > 2 else shape
    rows, columns, places = kept[0], kept[1], prod(kept[2:])
    return (rows, places, 1) if columns == 1 else (rows, columns, places)
