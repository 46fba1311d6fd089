"""Units or layers that one model has and another lacks: which belong together, and whether the others are doubled.

Two models have tensors of the same names, up to the numbers of layers, and one is nowhere smaller. Layers are paired in
order, by the cosines of their matrices (dynamic programming). Units are paired by the cosines of what they read, as in
``relations.disguises``, with some left over; an order of units is tried wherever as many are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.assigning import assignment, beyond_chance, cosines, excess
from neural_phylogeny.relations.disguises import AGREE, AGREE_OF_FEW, BETTER, EXPLAINED, FEW_INPUTS, MARGIN, SCREENED

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

HELD = 1 << 22
"""Values of the layers of a model that are compared at a time."""

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
    """Cosine of each layer of the smaller with each of the larger, over the matrices of equal shapes.

    A few layers of each are held at a time; each is read once for as many of the other as are held together.
    """
    mine, theirs = split[0][stack], split[1][stack]
    products, lengths = np.zeros((2, len(mine), len(theirs)))
    for rest in dict.fromkeys(rest for own in mine.values() for rest in own):
        for rows, a in _held(small, [f"{stack}{own}.{rest}" for own in mine]):
            for columns, b in _held(large, [f"{stack}{other}.{rest}" for other in theirs]):
                if a.shape[1:] == b.shape[1:] and a.ndim > 2:
                    x, y = a.reshape(len(a), -1), b.reshape(len(b), -1)
                    where = np.ix_(rows, columns)
                    with np.errstate(all="ignore"):
                        products[where] += np.abs(x @ y.T)
                        lengths[where] += np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
    with np.errstate(all="ignore"):
        found = np.divide(products, lengths, out=np.zeros(products.shape), where=lengths > 0)
    return np.where(np.isfinite(found), found, 0.0)  # the lengths of huge weights are infinite


def _held(model: Mapping[str, Floats], names: list[str]) -> Iterator[tuple[list[int], Floats]]:
    """Places of tensors that follow each other in one shape, and these tensors; names that are not there are passed."""
    places, values = list[int](), list[Floats]()
    for place, name in enumerate(names):
        found = model.get(name)
        if found is None:
            continue
        if values and (values[0].shape != found.shape or (len(values) + 1) * found.size > HELD):
            yield places, np.stack(values)
            places, values = [], []
        places.append(place)
        values.append(found)
    if values:
        yield places, np.stack(values)


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
        best[i, i:] = np.maximum.accumulate(best[i - 1, i - 1 : n] + alike[i - 1, i - 1 :])
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
        least = AGREE if min(x.shape[1] * x.shape[2], x.shape[0] * x.shape[2]) >= FEW_INPUTS else AGREE_OF_FEW
        best: tuple[float, bool, Ints | None] | None = None
        for is_turned in (False, True):
            a, b = _turned(x, is_turned), _turned(y, is_turned)
            for order in self.of(a.shape[1], b.shape[1]):
                if best is not None and best[0] >= 1.0 - BETTER:
                    break
                score = _agreement(a, b, order, least)
                if best is None or score > best[0] + BETTER:
                    best = score, is_turned, order
        if best is None or best[0] < least:
            return
        score, is_turned, order = best
        assigned = _assigned(_turned(x, is_turned), _turned(y, is_turned), order)
        rows, columns = (order, assigned) if is_turned else (assigned, order)
        self.found[name] = score, rows, columns
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


def _turned(x: Floats, is_turned: bool) -> Floats:
    return x.swapaxes(0, 1) if is_turned else x


def _flat(x: Floats, y: Floats, columns: Ints | None) -> tuple[Floats, Floats]:
    """Rows of inputs, ``(m, inputs)`` and ``(n, inputs)``, those of y in an order."""
    y = y if columns is None else y[:, columns]
    return x.reshape(len(x), -1).astype(np.float64), y.reshape(len(y), -1).astype(np.float64)


def _agreement(x: Floats, y: Floats, columns: Ints | None, least: float) -> float:
    """How well rows of x agree with rows of y, on inputs that the pairing has not seen; 0 where it is below ``least``.

    Rows are in place where there are as many. No pairing is looked for where the best of each row shows that none can
    reach ``least``: strangers.
    """
    m, n = len(x), len(y)
    if m != n and n > MOST_ROWS:
        return 0.0
    if m == n:
        some = np.linspace(0, m - 1, min(m, MOST_ROWS)).astype(np.int64)
        x, y = x[some], y[some]
    x, y = _flat(x, y, columns)
    if x.shape[1] < 2 or x.shape[1] != y.shape[1]:
        return 0.0
    if m == n:
        return beyond_chance(cosines(x, y), np.arange(len(x)))
    half = np.arange(x.shape[1]) % 2 == 0
    some = np.linspace(0, m - 1, min(m, SCREENED)).astype(np.int64)
    if m > 4 * SCREENED and _most(cosines(x[some][:, ~half], y[:, ~half])) < least - MARGIN:
        return 0.0
    unseen = cosines(x[:, ~half], y[:, ~half])
    if _most(unseen) < least - 1e-3:
        return 0.0
    return beyond_chance(unseen, assignment(cosines(x[:, half], y[:, half])))


def _most(found: Floats) -> float:
    """The largest agreement that a pairing of the rows can have, from the cosines of all."""
    matched = float(found.max(axis=1).mean())
    others = float(np.abs(found).sum()) - len(found) * matched
    return excess(matched, max(others, 0.0) / max(found.size - len(found), 1))


def _assigned(x: Floats, y: Floats, columns: Ints | None) -> Ints | None:
    """For each row of x one of y, by all inputs; None where there are as many, which are in place."""
    return None if len(x) == len(y) else assignment(cosines(*_flat(x, y, columns)))
