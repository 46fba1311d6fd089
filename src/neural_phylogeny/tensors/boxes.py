"""What is compared: a tensor or a part of one, held by several models, and for which pairs of them it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.roles import Role, matrix_shape

Pairs = NDArray[np.bool_]
"""``(n_members, n_members)``, symmetric: whether a box counts for two members; true on the diagonal."""


@dataclass(frozen=True, slots=True)
class AlignedTensor:
    """One box ``start:stop`` (per axis) of a tensor, held by several models.

    ``members`` are model indices, ascending, and ``sources`` what each of them calls the tensor. ``output_axis`` is
    None where the members disagree on it. The box counts for two members whose ``sides`` are among the ``links``, for
    all where there are none. ``matched_by`` says what pairs the tensors: ``"name"``, ``"role"``, ``"order"`` or
    ``"values"``. ``shape`` is the extent of the box and ``size`` the number of values in it. ``is_matrix`` says whether
    the box can prove relatedness: a matrix of at least two units and two inputs.
    """

    name: str
    role: Role
    start: tuple[int, ...]
    stop: tuple[int, ...]
    output_axis: int | None
    members: tuple[int, ...]
    sources: tuple[TensorInfo, ...]
    sides: tuple[int, ...] = ()
    links: tuple[tuple[int, int], ...] = ()
    matched_by: str = "name"
    shape: tuple[int, ...] = field(init=False, repr=False, compare=False)
    size: int = field(init=False, repr=False, compare=False)
    is_matrix: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        shape = tuple(stop - start for start, stop in zip(self.start, self.stop, strict=True))
        object.__setattr__(self, "shape", shape)  # all three are needed many times for each tensor
        object.__setattr__(self, "size", math.prod(shape))
        has_units = self.role in (Role.KERNEL, Role.BOUNDARY)
        object.__setattr__(self, "is_matrix", has_units and min(matrix_shape(shape, self.output_axis or 0)) >= 2)

    @property
    def layout(self) -> str:
        """How members are read to compare with others; empty where all are as stored."""
        views = {source.view for source in self.sources}
        return " and ".join(sorted({view.layout for view in views if view is not None}))

    @property
    def pieces(self) -> NDArray[np.int64]:
        """For how many stored tensors each member's one stands: that of a mixture may be the mean of all experts."""
        return np.array([max(1, len(source.pieces)) for source in self.sources], dtype=np.int64)

    @property
    def pairs(self) -> Pairs:
        """For which two members the box counts, ``(n_members, n_members)``; every member is compared with itself."""
        if not self.links:
            return np.ones((len(self.members),) * 2, dtype=bool)
        sides = np.array(self.sides)
        linked = np.zeros((sides.max() + 1,) * 2, dtype=bool)
        for a, b in self.links:
            linked[a, b] = linked[b, a] = True
        found: Pairs = linked[sides[:, None], sides[None, :]]
        np.fill_diagonal(found, True)
        return found

    def compares(self, a: int, b: int) -> bool:
        """Whether the box counts for two members, given by their rows: an entry of ``pairs``."""
        if not self.links or a == b:
            return True
        first, second = self.sides[a], self.sides[b]
        return (first, second) in self.links or (second, first) in self.links

    def of(self, rows: Sequence[int]) -> tuple[AlignedTensor, list[int]] | None:
        """The box for some of its members and those of the rows it counts for; None where no two of them are compared.

        As the box of an alignment of those models alone.
        """
        if not self.links and len(rows) > 1:
            members = tuple(self.members[row] for row in rows)
            sources = tuple(self.sources[row] for row in rows)
            return replace(self, members=members, sources=sources, sides=(), links=()), list(rows)
        pairs = self.pairs[np.ix_(rows, rows)]
        kept = np.flatnonzero(pairs.sum(axis=1) > 1)
        if not kept.size:
            return None
        chosen = [rows[k] for k in kept.tolist()]
        sides, links = sides_of(pairs[np.ix_(kept, kept)])
        members = tuple(self.members[row] for row in chosen)
        sources = tuple(self.sources[row] for row in chosen)
        return replace(self, members=members, sources=sources, sides=sides, links=links), chosen


def sides_of(pairs: Pairs) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Members that are compared with the same others share a side: ``sides (n_members,)``, and which sides are linked.

    Both empty where all are compared with all.

    Examples
    --------
    >>> sides_of(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=bool))
    ((0, 0, 1), ((0, 0),))
    """
    if pairs.all():
        return (), ()
    with_self, without = pairs | np.eye(len(pairs), dtype=bool), pairs & ~np.eye(len(pairs), dtype=bool)
    labels: dict[bytes, int] = {}
    sides: list[int] = []
    for closed, apart in zip(with_self, without, strict=True):
        keys = (b"1" + closed.tobytes(), b"0" + apart.tobytes())
        side = next((labels[key] for key in keys if key in labels), max(sides, default=-1) + 1)
        labels |= dict.fromkeys(keys, side)
        sides.append(side)
    links = {(a, b) for i, a in enumerate(sides) for j, b in enumerate(sides) if a <= b and without[i, j]}
    return tuple(sides), tuple(sorted(links))
