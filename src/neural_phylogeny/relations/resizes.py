"""Units or layers that one model has and another lacks: which belong together, and whether the others are doubled.

Two models have tensors of the same names, up to the numbers of layers, and one is nowhere smaller. Layers are paired in
order, by the cosines of their matrices (dynamic programming). Units are paired by the cosines of what they read, as in
``relations.disguises``, with some left over; an order of units is tried wherever as many are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, prod

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.assigning import assignment, beyond_chance, cosines
from neural_phylogeny.relations.disguises import AGREE, AGREE_OF_FEW, EXPLAINED, FEW_INPUTS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shapes = Mapping[str, tuple[int, ...]]

DOUBLED, NEARLY_ALL = 0.999, 0.9
"""Cosine of a unit with one that it doubles, and share of the units beyond that must double one."""

SWEEPS, CANDIDATES = 3, 6
"""Times that all matrices are gone through, and orders of as many units that are tried."""

MOST_ROWS = 2048
"""Rows that are paired at most, and that an agreement in place is looked at: the cosines of all pairs are held."""

MOST_COMPARED = 1 << 18
"""Tensors of one model times layers of the other, up to which layers are paired: their number is squared."""

_NUMBERED = re.compile(r"^(.*?\.|)(\d+)\.(.*)$")


@dataclass(frozen=True)
class Place:
    """Where a tensor of the larger model is in the smaller: its name there, and the rows and columns that it has."""

    name: str
    rows: Ints | None = None
    columns: Ints | None = None


@dataclass(frozen=True)
class Resize:
    """What the smaller model has of the larger: by the larger's names; what it lacks is not there.

    ``is_grown``: what the larger has beyond is doubled. ``is_scattered``: what the smaller has is not the beginning of
    each tensor of the larger. ``agreement`` is the mean cosine of what belongs together.
    """

    places: Mapping[str, Place]
    is_grown: bool
    is_scattered: bool
    agreement: float


def find_resize(
    small: Mapping[str, Floats], large: Mapping[str, Floats], shapes: Shapes, larger: Shapes
) -> Resize | None:
    """The places of a smaller model in a larger one, None where most of it is not there.

    Output units are first. Reads matrices one by one; costs a product of all rows of each for a few orders.
    """
    paired = _layers(small, large, shapes, larger)
    if paired is None:
        return None
    names, doubled = paired
    if any(not _holds(larger[name], shapes[own]) for name, own in names.items()):
        return None
    search = _Units()
    matrices = [name for name, own in names.items() if len(shapes[own]) > 1 and prod(shapes[own]) > 3]
    for sweep in range(SWEEPS):
        before = len(search.found)
        for name in matrices if sweep % 2 == 0 else matrices[::-1]:
            if name not in search.found and _can_match(shapes[names[name]], larger[name]):
                search.match(name, small[names[name]], large[name])
        if len(search.found) in (before, len(matrices)):
            break
    sizes = {name: prod(shapes[names[name]]) for name in matrices}
    explained = sum(sizes[name] for name in search.found)
    if not explained or explained < EXPLAINED * sum(sizes.values()):
        return None
    places = {name: Place(own, *search.found[name][1:]) for name, own in names.items() if name in search.found}
    for name, own in names.items():
        if name not in places:
            rows = search.rows(small[own], large[name])
            if rows is None and shapes[own] != larger[name]:
                return None
            places[name] = Place(own, rows)
    agreement = sum(sizes[name] * score for name, (score, _, _) in search.found.items()) / explained
    beyond = [some for some in (doubled, search.doubled) if some]
    every = [order for place in places.values() for order in (place.rows, place.columns) if order is not None]
    is_scattered = len(names) < len(larger) or any((order != np.arange(len(order))).any() for order in every)
    is_grown = bool(beyond) and all(float(np.mean(some)) >= NEARLY_ALL for some in beyond)
    return Resize(places, is_grown, is_scattered, agreement)


def _can_match(small: tuple[int, ...], large: tuple[int, ...]) -> bool:
    """Whether rows or columns of two matrices can be paired: there are as many, or few enough."""
    return any(m == n or n <= MOST_ROWS for m, n in zip(small[:2], large[:2], strict=True)) or prod(large[2:]) > 1


def _holds(larger: tuple[int, ...], smaller: tuple[int, ...]) -> bool:
    return len(larger) == len(smaller) and all(a >= b for a, b in zip(larger, smaller, strict=True))


def _layers(
    small: Mapping[str, Floats], large: Mapping[str, Floats], shapes: Shapes, larger: Shapes
) -> tuple[dict[str, str], list[float]] | None:
    """The smaller's name of each tensor of the larger, and of each layer beyond whether it doubles one."""
    if set(shapes) == set(larger):
        return {name: name for name in larger}, []
    split = [_numbered(names) for names in (shapes, larger)]
    stacks = [stack for stack in split[1] if len(split[1][stack]) != len(split[0].get(stack, {}))]
    if len(stacks) != 1 or set(split[0]) != set(split[1]) or len(split[0][stacks[0]]) > len(split[1][stacks[0]]):
        return None
    stack = stacks[0]
    if sum(map(len, split[0][stack].values())) * len(split[1][stack]) > MOST_COMPARED:
        return None
    alike = _alike(small, large, stack, split)
    mine, theirs = list(split[0][stack]), list(split[1][stack])
    pairs = in_order(alike)
    if np.mean([alike[i, j] for i, j in pairs]) < AGREE:
        return None
    names: dict[str, str] = {}
    for i, j in pairs:
        names |= {f"{stack}{theirs[j]}.{rest}": f"{stack}{mine[i]}.{rest}" for rest in split[1][stack][theirs[j]]}
    own = {name for layers in split[1][stack].items() for name in (f"{stack}{layers[0]}.{r}" for r in layers[1])}
    names |= {name: name for name in larger if name not in own}
    if set(names.values()) != set(shapes):
        return None
    taken = {j for _, j in pairs}
    return names, [float(alike[:, j].max() >= AGREE) for j in range(len(theirs)) if j not in taken]


def _numbered(names: Shapes) -> dict[str, dict[int, list[str]]]:
    """By what stands before the number of a layer: the layers, and the rests of their names; the rest under ''."""
    found: dict[str, dict[int, list[str]]] = {}
    for name in names:
        if parts := _NUMBERED.match(name):
            found.setdefault(parts[1], {}).setdefault(int(parts[2]), []).append(parts[3])
    return {stack: dict(sorted(layers.items())) for stack, layers in found.items()}


def _alike(
    small: Mapping[str, Floats], large: Mapping[str, Floats], stack: str, split: list[dict[str, dict[int, list[str]]]]
) -> Floats:
    """Cosine of each layer of the smaller with each of the larger, over the matrices of equal shapes."""
    mine, theirs = split[0][stack], split[1][stack]
    found = np.zeros((len(mine), len(theirs)))
    for i, own in enumerate(mine):
        for j, other in enumerate(theirs):
            product = lengths = 0.0
            for rest in mine[own]:
                a, b = small[f"{stack}{own}.{rest}"], large.get(f"{stack}{other}.{rest}")
                if b is not None and a.shape == b.shape and a.ndim > 1:
                    product += abs(float(np.vdot(a, b)))
                    lengths += float(np.linalg.norm(a) * np.linalg.norm(b))
            cosine = product / lengths if lengths else 0.0
            found[i, j] = cosine if isfinite(cosine) else 0.0  # the lengths of huge weights are infinite
    return found


def in_order(alike: Floats) -> list[tuple[int, int]]:
    """A column of its own for each row, in order, with the largest sum: ``(m, n)``, m at most n; O(m n).

    Examples
    --------
    >>> in_order(np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]]))
    [(0, 0), (1, 2)]
    """
    m, n = alike.shape
    best = np.full((m + 1, n + 1), -np.inf)
    best[0] = 0.0
    for i in range(1, m + 1):
        for j in range(i, n + 1):
            best[i, j] = max(best[i, j - 1], best[i - 1, j - 1] + alike[i - 1, j - 1])
    pairs, i, j = [], m, n
    while i:
        if best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


@dataclass
class _Units:
    """Orders of units found so far, by how many there are in the smaller and the larger model; and the matrices."""

    orders: dict[tuple[int, int], list[Ints]] = field(default_factory=dict)
    found: dict[str, tuple[float, Ints | None, Ints | None]] = field(default_factory=dict)
    doubled: list[float] = field(default_factory=list)

    def of(self, few: int, many: int) -> list[Ints | None]:
        """Orders that may hold."""
        if few == many:
            return [None]
        return [np.arange(few), *self.orders.get((few, many), [])[-CANDIDATES:]]

    def add(self, order: Ints | None, many: int, blocks: bool = True) -> None:
        """One more, and those of the gates of a cell."""
        if order is None:
            return
        known = self.orders.setdefault((len(order), many), [])
        if not any(np.array_equal(order, other) for other in known):
            known.append(order)
        if blocks and len(order) % 4 == 0 and many % 4 == 0:
            n, m = len(order) // 4, many // 4
            for k in range(4):
                part = order[k * n : (k + 1) * n] - k * m
                if part.size and part.min() >= 0 and part.max() < m:
                    self.add(part, m, blocks=False)

    def match(self, name: str, small: Floats, large: Floats) -> None:
        """Look for a matrix of the smaller in one of the larger, by the best of the known orders."""
        x, y = _shaped(small), _shaped(large)
        best: tuple[float, Ints | None, Ints | None] | None = None
        for is_turned in (False, True):
            a, b = (x, y) if not is_turned else (x.swapaxes(0, 1), y.swapaxes(0, 1))
            for order in self.of(a.shape[1], b.shape[1]):
                score, rows = _rows(a, b, order)
                if best is None or score > best[0] + 1e-6:
                    best = (score, order, rows) if is_turned else (score, rows, order)
        inputs = min(x.shape[1] * x.shape[2], x.shape[0] * x.shape[2])
        if best is None or best[0] < (AGREE if inputs >= FEW_INPUTS else AGREE_OF_FEW):
            return
        _, rows, columns = best
        self.found[name] = best
        self.add(rows, len(y))
        self.add(columns, y.shape[1])
        if rows is not None and x.shape[1] == y.shape[1]:
            beyond = np.setdiff1d(np.arange(len(y)), rows)
            some = max(1, MOST_ROWS**2 // len(rows))
            beyond = beyond[np.linspace(0, len(beyond) - 1, min(len(beyond), some)).astype(np.int64)]
            flat = y.reshape(len(y), -1)
            alike = np.abs(cosines(flat[beyond], flat[rows])).max(axis=1)
            self.doubled += (alike >= DOUBLED).astype(np.float64).tolist()

    def rows(self, small: Floats, large: Floats) -> Ints | None:
        """The order of a vector: the one that fits best."""
        if small.shape == large.shape or small.ndim == 0 or prod(small.shape) != max(small.shape):
            return None
        options = [order for order in self.of(small.size, large.size) if order is not None]
        errors = [float(np.square(large.reshape(-1)[order] - small.reshape(-1)).sum()) for order in options]
        return options[int(np.argmin(errors))]


def _shaped(values: Floats) -> Floats:
    kept = values.reshape(values.shape[0], values.shape[1], -1)
    return kept.swapaxes(1, 2) if kept.shape[1] == 1 else kept


def _rows(x: Floats, y: Floats, columns: Ints | None) -> tuple[float, Ints | None]:
    """For each row of x one of y, None where all are in place; scored on inputs that the pairing has not seen."""
    m, n = len(x), len(y)
    if m != n and n > MOST_ROWS:
        return 0.0, None
    if m == n:
        some = np.linspace(0, m - 1, min(m, MOST_ROWS)).astype(np.int64)
        x, y = x[some], y[some]
    y = y if columns is None else y[:, columns]
    x, y = (one.reshape(len(one), -1).astype(np.float64) for one in (x, y))
    if x.shape[1] < 2 or x.shape[1] != y.shape[1]:
        return 0.0, None
    if m == n:
        return beyond_chance(cosines(x, y), np.arange(len(x))), None
    half = np.arange(x.shape[1]) % 2 == 0
    score = beyond_chance(cosines(x[:, ~half], y[:, ~half]), assignment(cosines(x[:, half], y[:, half])))
    return score, assignment(cosines(x, y))
