"""Disguises that keep the function: units in another order, multiplied, with reversed signs, or turned.

Two models of one layout are compared matrix by matrix. Each is scaled to equal lengths of rows and of columns, so that
factors of units do not matter. Rows are assigned by the cosines of what they read, given an order of the inputs: the
stored one, or one that an earlier matrix found for as many units, so that orders spread from what has a fixed order
(pixels, tokens, classes) through the network. An order counts where rows agree on inputs that the assignment has not
seen. A rotation is fitted to half of the rows of a tall matrix (Procrustes) and must hold on the other half.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from neural_phylogeny.relations.assigning import assignment, beyond_chance, cosines, excess
from neural_phylogeny.relations.axes import Axis, Disguise, Floats, Ints, restored, shape_of, shaped, unread
from neural_phylogeny.relations.levels import factors, levelled, precise, square_error
from neural_phylogeny.relations.many_units import MANY, agreement, nearest, paired
from neural_phylogeny.relations.parts import MOST_VALUES, is_compared, of_whole
from neural_phylogeny.relations.rotations import fitted, may_be_turned, refitted

AGREE = 0.6
"""Least mean cosine of rows on inputs that the assignment has not seen, beyond that of rows which do not belong
together."""

FEW_INPUTS, AGREE_OF_FEW = 32, 0.9
"""Rows of fewer inputs agree by chance; they must agree better."""

EXPLAINED = 0.7
"""Share of the weights in matrices that must agree."""

LARGEST_BLOCK, LARGEST_TURN = 256, 4096
"""Most units that are turned among each other, as those of a head, and most that a rotation is looked for of at all."""

SMALL_TURN = 256
"""Units up to which a rotation is fitted at once."""

TURNED = 0.5
"""Share of the squared difference that a rotation may leave, on inputs it was not fitted to: a fine-tune of few units
agrees with itself up to a small rotation too."""

SURE = 0.7
"""Cosine of each row with its like in an order that other matrices have shown, from which on no order is looked for."""

CANDIDATES = 8
"""Orders of one number of units that are tried, the latest first."""

BETTER = 1e-6
"""By how much an order must agree better than one before it; so none is better than one that agrees completely."""

SCREENED, MARGIN = 128, 0.1
"""Rows that show whether an order can hold before all are compared, and by how much they must fail."""

UNEVEN = 0.3
"""Spread of the logarithms of the factors of units from which on they were multiplied on purpose."""

ARITHMETIC = 1e-5
"""Relative error that multiplying and dividing in single precision leaves."""

SWEEPS, FIRST = 3, 6
"""Times that all matrices are gone through; matrices after which a pair that shows nothing is left."""


@dataclass
class _Search:
    """Orders found so far, by number of units, and rotations."""

    orders: dict[int, list[tuple[Ints, Floats]]] = field(default_factory=dict)
    turns: dict[int, list[Floats]] = field(default_factory=dict)

    @property
    def known(self) -> int:
        """Number of orders and rotations; it only grows."""
        return sum(len(some) for kept in (self.orders, self.turns) for some in kept.values())

    def of(self, n: int) -> list[tuple[Ints, Floats]]:
        """Candidates for n units: the stored order, those found, and those of groups of neighbours."""
        found = [(np.arange(n), np.ones(n)), *self.orders.get(n, [])[-CANDIDATES:]]
        for size, orders in self.orders.items():
            if size < n and n % size == 0 and n // size <= 64:
                r = n // size
                found += [((o[:, None] * r + np.arange(r)).ravel(), np.repeat(s, r)) for o, s in orders[-2:]]
        return found

    def add(self, order: Ints, sign: Floats, blocks: bool = True) -> None:
        """One more order of as many units, and of those of the gates of a cell."""
        n = len(order)
        known = self.orders.setdefault(n, [])
        is_new = (order != np.arange(n)).any() or (sign < 0).any()
        if is_new and not any(np.array_equal(order, o) and np.array_equal(sign, s) for o, s in known):
            known.append((order, sign))
            if blocks and n % 4 == 0:
                for k in range(4):
                    part = order[k * n // 4 : (k + 1) * n // 4] - k * n // 4
                    if np.array_equal(np.sort(part), np.arange(n // 4)):
                        self.add(part, sign[k * n // 4 : (k + 1) * n // 4], blocks=False)


def find_disguise(
    first: Mapping[str, Floats], second: Mapping[str, Floats], shapes: Mapping[str, tuple[int, ...]]
) -> Disguise | None:
    """How to read the second model so that it is like the first; None where it is not its relative in disguise.

    Both hold tensors of these names and shapes, output units first; of large matrices the part of ``parts.part_of``.
    Costs a product of all rows of a matrix for each candidate order; where the first and the last ``FIRST`` matrices
    do not agree, nothing else is looked at.
    """
    names = [name for name, shape in shapes.items() if is_compared(shape)]
    search, found, scores = _Search(), dict[str, tuple[Axis, Axis]](), dict[str, float]()
    sizes = {name: prod(shapes[name]) for name in names}
    tried: dict[str, int] = {}
    for sweep in range(SWEEPS):
        before = len(found)
        for place, name in enumerate(names if sweep % 2 == 0 else names[::-1]):
            if place == FIRST and not found:
                break
            if name not in found and tried.get(name) != search.known:  # by the same orders it fails again
                tried[name] = search.known
                match = _matched(shaped(first[name]), shaped(second[name]), search, shape_of(shapes[name]))
                if match is not None:
                    found[name], scores[name] = match
        if len(found) == len(names) or (sweep and len(found) == before):
            break
    explained = sum(sizes[name] for name in found)
    if not names or explained < EXPLAINED * sum(sizes.values()):
        return None
    found = refitted(found, first, second)
    agreement = sum(sizes[name] * scores[name] for name in found) / explained
    restored = {
        name: of_whole(_with_factors(shaped(first[name]), shaped(second[name]), *pair), shape_of(shapes[name]))
        for name, pair in found.items()
    }
    axes = {**restored, **_vectors(first, second, shapes, restored)}
    every = [axis for pair in axes.values() for axis in pair]
    kinds = [
        kind
        for kind, holds in (
            ("rotated", any(axis.turn is not None for axis in every)),
            ("permuted", any(axis.is_permuted for axis in every)),
            ("rescaled", any(axis.is_scaled for axis in every)),
        )
        if holds
    ]
    if "rotated" in kinds and "rescaled" in kinds:
        kinds.remove("rescaled")  # gains of norms, which are folded before a rotation
    return Disguise(axes, tuple(kinds), agreement, unread(found)) if kinds else None


def fits(found: Disguise, first: Mapping[str, Floats], second: Mapping[str, Floats]) -> bool:
    """Whether what restored one model restores another one too: a product of each changed matrix with its like."""
    changed = [name for name, axes in found.axes.items() if any(axis.changes for axis in axes)]
    size = agree = 0.0
    for name in changed:
        a = shaped(first[name]) if first[name].ndim > 1 else None
        if a is not None:
            b = restored(second[name], *of_whole(found.axes[name], a.shape)).reshape(a.shape)
            size, agree = size + a.size, agree + a.size * _cosine(a.reshape(len(a), -1), b.reshape(len(b), -1))
    return size > 0 and agree >= AGREE * size


def _matched(a: Floats, b: Floats, search: _Search, whole: tuple[int, ...]) -> tuple[tuple[Axis, Axis], float] | None:
    """The axes of one matrix, by the best of the known orders; new ones are remembered.

    Where it is a part of the ``whole``, an axis that is longer there has inputs alone, in their stored order.
    """
    is_part = [a.shape[axis] != whole[axis] for axis in (0, 1)]
    if max(a.shape[:2]) > MANY and np.array_equal(a, b):
        return (Axis.unchanged(len(a)), Axis.unchanged(a.shape[1])), 1.0
    if all(is_part):
        return None
    best: tuple[float, bool, Ints, Floats] | None = None
    inputs = min(a.shape[1] * a.shape[2], a.shape[0] * a.shape[2])
    least = AGREE if inputs >= FEW_INPUTS else AGREE_OF_FEW
    x = levelled(a)
    y = x if np.array_equal(a, b) else levelled(b)
    if max(a.shape[:2]) > MANY and (known := _in_known_orders(x, y, search, is_part)) is not None:
        return known
    for is_turned in (False, True):
        if is_part[is_turned]:
            continue
        n = a.shape[1 - is_turned]
        for order, sign in search.of(n)[:1] if is_part[1 - is_turned] else search.of(n):
            if best is not None and best[0] >= 1.0 - BETTER:
                break
            score = _agreement(*_rows_of(x, y, is_turned, order, sign), least)
            if best is None or score > best[0] + BETTER:
                best = score, is_turned, order, sign
    if best is None or best[0] < least:
        return None if any(is_part) else _turned(a, b, search)
    score, is_turned, order, sign = best
    axes = Axis(*_assigned(*_rows_of(x, y, is_turned, order, sign))), Axis(order, sign)
    found = axes[::-1] if is_turned else axes
    for axis in found:
        search.add(axis.order, axis.factor)
    return found, score


def _in_known_orders(
    x: Floats, y: Floats, search: _Search, is_part: list[bool]
) -> tuple[tuple[Axis, Axis], float] | None:
    """The axes of a large matrix by orders of both that were found before, where they fit all of its rows.

    No input was seen by what found them. A few rows choose the orders.
    """
    m, n, _ = x.shape
    some = np.linspace(0, m - 1, min(m, SCREENED // 2)).astype(np.int64)
    best: tuple[float, Ints, Ints, Floats] | None = None
    for rows, _ in search.of(m)[: 1 if is_part[0] else None]:
        part = y[rows[some]]
        for columns, sign in search.of(n)[: 1 if is_part[1] else None]:
            moved = (part[:, columns] * sign.astype(y.dtype)[None, :, None]).reshape(len(some), -1)
            score = float(np.abs(paired(x[some].reshape(len(some), -1), moved)).mean())
            if best is None or score > best[0] + BETTER:
                best = score, rows, columns, sign
    if best is None or best[0] < SURE:
        return None
    _, rows, columns, sign = best
    one, other = _rows_of(x, y[rows], False, columns, sign)
    cosine = paired(one, other)
    score = agreement(one, other)
    if float(np.abs(cosine).min()) < SURE or score < AGREE:
        return None
    return (Axis(rows, np.where(cosine < 0, -1.0, 1.0)), Axis(columns, sign)), score


def _rows_of(x: Floats, y: Floats, is_turned: bool, order: Ints, sign: Floats) -> tuple[Floats, Floats]:
    """Rows of two matrices, or columns, ``(n, inputs)`` each, the inputs of the second one in an order."""
    one, other = (x.swapaxes(0, 1), y.swapaxes(0, 1)) if is_turned else (x, y)
    return one.reshape(len(one), -1), (other[:, order] * sign.astype(other.dtype)[None, :, None]).reshape(
        len(other), -1
    )


def _agreement(x: Floats, y: Floats, least: float) -> float:
    """The mean cosine on one half of the inputs of an assignment by the other, beyond that of rows that do not belong
    together: rows of positive weights are alike in any two models, and constant ones are the same.

    0 where no assignment reaches ``least``: strangers, which the best of each row shows.
    """
    width = x.shape[1]
    if width < 2:
        return 0.0
    half = np.arange(width) % 2 == 0
    if len(x) > 4 * SCREENED:
        some = _sizes(cosines(x[np.linspace(0, len(x) - 1, SCREENED).astype(np.int64)][:, ~half], y[:, ~half]))
        if excess(float(some.max(axis=1).mean()), float(some.mean())) < least - MARGIN:
            return 0.0
    if len(x) > MANY:
        return agreement(x[:, ~half], y[nearest(x[:, half], y[:, half])][:, ~half])
    unseen = _sizes(cosines(x[:, ~half], y[:, ~half]))
    most = min(float(unseen.max(axis=axis).mean()) for axis in (0, 1))
    if _beyond(most, float(unseen.sum()), len(unseen)) < least - 1e-3:
        return 0.0
    return beyond_chance(unseen, assignment(_sizes(cosines(x[:, half], y[:, half]))))


def _assigned(x: Floats, y: Floats) -> tuple[Ints, Floats]:
    """Rows of y for those of x with signs, by their products on all inputs."""
    if len(x) > MANY:
        order = nearest(x, y)
        return order, np.where(paired(x, y[order]) < 0, -1.0, 1.0)
    every = cosines(x, y)
    order = assignment(np.abs(every))
    sign = np.sign(every[np.arange(len(x)), order])
    return order, np.where(sign == 0, 1.0, sign)


def _sizes(found: Floats) -> Floats:
    """Without signs, in place."""
    return np.abs(found, out=found)


def _turned(a: Floats, b: Floats, search: _Search) -> tuple[tuple[Axis, Axis], float] | None:
    """The axes of a matrix whose columns, or rows, were rotated."""
    m, n, places = a.shape
    if places > 1 or max(m, n) > LARGEST_TURN:
        return None
    if max(m, n) > SMALL_TURN and not search.known and not may_be_turned(a[..., 0], b[..., 0]):
        return None
    x, y = a[..., 0].astype(np.float64), b[..., 0].astype(np.float64)
    tall = [(False, x, y)] if m >= n + 8 else []
    if not search.turns.get(n) and tall:
        half = np.arange(m) % 2 == 0
        held, now = x[~half], y[~half] @ fitted(x[half], y[half])
        if _cosine(held, now) >= AGREE and _is_turn(held, y[~half], now):
            turn = fitted(x, y)
            search.turns.setdefault(n, []).append(turn)
            return (Axis.unchanged(m), Axis(np.arange(n), np.ones(n), turn)), _cosine(x, y @ turn)
    best = _blocks_turned(x, y, search)
    for turn in search.turns.get(n, []):
        score = _cosine(x, y @ turn, by_columns=True)
        if best is None or score > best[0]:
            best = score, (Axis.unchanged(m), Axis(np.arange(n), np.ones(n), turn))
    for turn in search.turns.get(m, []):
        score = _cosine(x, turn.T @ y)
        if best is None or score > best[0]:
            best = score, (Axis(np.arange(m), np.ones(m), turn.T), Axis.unchanged(n))
    return None if best is None or best[0] < AGREE else (best[1], best[0])


def _blocks_turned(x: Floats, y: Floats, search: _Search) -> tuple[float, tuple[Axis, Axis]] | None:
    """The axes of a matrix whose rows were turned within blocks, as values are within a head; the smallest that hold.

    A rotation is fitted on half of the inputs and must hold on the other half; what reads the rows tries it too.
    """
    m, n = x.shape
    half = np.arange(n) % 2 == 0
    for order, sign in search.of(n)[: CANDIDATES // 2]:
        z = y[:, order] * sign
        for size in range(2, min(n // 3, LARGEST_BLOCK) + 1):
            if m % size:
                continue
            turn = fitted(x[:size, half].T, z[:size, half].T)
            held, now = x[:size, ~half], turn.T @ z[:size, ~half]
            if _cosine(held, now) < AGREE or not _is_turn(held, z[:size, ~half], now):
                continue
            turn = np.zeros((m, m))
            for at in range(0, m, size):
                own = slice(at, at + size)
                turn[own, own] = fitted(x[own, half].T, z[own, half].T)
            if (score := _cosine(x[:, ~half], turn.T @ z[:, ~half])) >= AGREE:
                for at in range(0, m, size):
                    own = slice(at, at + size)
                    turn[own, own] = fitted(x[own].T, z[own].T)
                search.turns.setdefault(m, []).append(turn)
                return score, (Axis(np.arange(m), np.ones(m), turn.T), Axis(order, sign))
    return None


def _is_turn(x: Floats, y: Floats, turned: Floats) -> bool:
    """Whether a rotation of ``y`` explains most of its difference from ``x``."""
    return square_error(x, turned) < TURNED * square_error(x, y)


def _cosine(x: Floats, y: Floats, by_columns: bool = False) -> float:
    """Agreement of rows, beyond chance; of columns where those may have factors."""
    if max(len(x), x.shape[1]) > MANY:
        return agreement(x.T, y.T) if by_columns else agreement(x, y)
    found = cosines(x.T, y.T) if by_columns else cosines(x, y)
    return beyond_chance(found, np.arange(len(found)))


def _beyond(matched: float, every: float, n: int) -> float:
    """The same of ``n`` positive cosines of this mean, of ``n * n`` with a sum: it grows with the mean."""
    return excess(matched, (every - n * matched) / max(n * n - n, 1))


def _with_factors(a: Floats, b: Floats, rows: Axis, columns: Axis) -> tuple[Axis, Axis]:
    """The axes with the factors of units, where those were multiplied: unevenly, or so that nothing else is left."""
    a, now = precise(a), restored(precise(b), rows, columns)
    if np.array_equal(a, now):
        return rows, columns
    before = square_error(a, now)
    row, column = factors(a, now)
    size = max(float(np.square(a, dtype=np.float64).sum()), 1e-300)
    is_exact = square_error(a, now, row, column) <= (10 * ARITHMETIC) ** 2 * size < before * 1e2
    found = []
    for old, factor in ((rows, row), (columns, column)):
        keep = factor if is_exact or np.log(factor).std() > UNEVEN else np.ones(len(factor))
        keep = np.where(np.abs(keep - 1.0) < ARITHMETIC, 1.0, keep)
        found.append(Axis(old.order, old.factor * keep, old.turn))
    return found[0], found[1]


def _vectors(
    first: Mapping[str, Floats],
    second: Mapping[str, Floats],
    shapes: Mapping[str, tuple[int, ...]],
    known: Mapping[str, tuple[Axis, Axis]],
) -> dict[str, tuple[Axis, Axis]]:
    """The axes of vectors: of all orders and factors that matrices have for as many units, those that fit best."""
    by_size: dict[int, list[Axis]] = {}
    for rows, columns in known.values():
        by_size.setdefault(len(rows.order), []).append(rows)
        back = Axis(columns.order, 1.0 / columns.factor, None if columns.turn is None else columns.turn.T)
        folded = [Axis(back.order, back.factor)] if back.turn is not None else []  # gains that were folded, then turned
        by_size.setdefault(len(columns.order), []).extend([back, *folded])
    found = {}
    for name, shape in shapes.items():
        if name in known or not shape or max(shape) < 2 or prod(shape) != max(shape) or prod(shape) > MOST_VALUES:
            continue
        a = first[name]
        options = [Axis.unchanged(a.size), *by_size.get(a.size, [])]
        options += [Axis(o.order, np.ones(a.size)) for o in by_size.get(a.size, [])]
        x, y = a.reshape(-1), second[name].reshape(-1)
        one = Axis.unchanged(1)
        errors = [float(np.square(x - restored(y, o, one)).sum()) for o in options]
        best = options[int(np.argmin(errors))]
        if best.changes:
            found[name] = best, Axis.unchanged(1)
    return found
