"""The table of explanations: a row is a name and the bits that describe a matrix of the child given the parent's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

import ml_dtypes
import numpy as np

from neural_phylogeny.relations.explanations import low_rank
from neural_phylogeny.relations.explanations.step import COARSEST, STRONGEST, Floats, Step, rms
from neural_phylogeny.relations.explanations.together import AT_ONCE, Mask, Stack
from neural_phylogeny.relations.retained import median
from neural_phylogeny.statistics.moments import FEWEST
from neural_phylogeny.statistics.results import of_one_form

SMALL = (ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, np.float16)
"""Number types with few exponents: their smallest values have fewer bits."""

FINER = 2.0
"""Mantissa bits that a parent has more than its cast."""

NEARLY_ALL = 0.98
"""Share of the values of which an exact statement must hold."""

NUMBER = 24.0
"""Bits of a number that belongs to the transformation: a factor of a unit, an entry of a low-rank factor."""

NAME = 8.0
"""Bits that say which explanation it is, and its parameters."""

FEW = 0.02
"""A smaller share of new zeros was not made on purpose."""

ON_GRID = 1.0
"""Most steps of a grid, root mean square, by which a quantised model lies off its parent."""

ROUNDS = 0.24
"""Least of the same: rounding leaves 0.29 steps on an even grid, a short training from the grid less."""

SLACK = 1e-6
"""By which sums of another order may differ."""

KURTOSIS, EDGE = 6.0, 1.12
"""Standard deviations of the kurtosis, and largest singular value over that of normal noise, that noise may have."""


ALONG = 0.1
"""Least cosine of a step with what is strong in the parent that is growth."""


@dataclass(frozen=True)
class Explanation:
    """A row: the kind, the price of a matrix (infinite where it does not hold), and what it does in a few words.

    ``possible`` says of steps of one form, together, for which it may hold: necessary, at a small part of the price.
    """

    kind: str
    price: Callable[[Step], float]
    statement: str
    possible: Callable[[Stack], Mask] = lambda stack: np.ones(len(stack.steps), dtype=bool)


def same(step: Step) -> float:
    """Nothing to describe."""
    return 0.0 if step.is_equal else np.inf


def may_be_same(stack: Stack) -> Mask:
    """All that is equal; what another way of storing may have rounded is looked at by itself."""
    found: Mask = (stack.length == 0.0) | stack.each("is_relaid")
    return found


def cast(step: Step) -> float:
    """The parent rounded to the mantissa bits that the child needs; values that are not are described alone."""
    if step.is_equal:
        return np.inf
    parent, child = step.bits
    if child > parent - FINER:
        return np.inf
    with np.errstate(all="ignore"):
        mantissas, exponents = np.frexp(step.parent)
        nearest = [np.ldexp(np.rint(np.ldexp(mantissas, int(child) + 1)), exponents - int(child) - 1)]
        nearest += [step.parent.astype(np.float32).astype(dtype).astype(np.float64) for dtype in SMALL]
    wrong = min(np.count_nonzero(values != step.child) for values in nearest)
    if wrong > (1.0 - NEARLY_ALL) * step.child.size + 1:
        return np.inf
    return NAME + wrong * step.scale * NUMBER


def may_be_cast(stack: Stack) -> Mask:
    """Of fewer bits."""
    parent, child = stack.own("bits")
    found: Mask = child <= parent - FINER
    return found


def quantized(step: Step) -> float:
    """The parent on a grid of few levels, which its scales give."""
    if step.is_equal or step.grid is None:
        return np.inf
    differ = step.difference != 0
    off = rms(step.difference[differ] / step.grid[differ])
    if not (ROUNDS if step.code_bits == 0 else 0.0) <= off <= ON_GRID:
        return np.inf
    return NAME + step.size / 64 * NUMBER / 2 + step.code_length(step.difference, step.grid)


def may_be_quantized(stack: Stack) -> Mask:
    """Of codes, or perhaps on a grid."""
    plain = stack.own("is_plain")[1] > 0
    found: Mask = ~plain | (stack.each("code_bits") > 0) | stack.each("is_float_coded")
    return found


def pruned(step: Step) -> float:
    """The parent with zeros put in, by a mask; what is left may have been cast, or trained on."""
    return masked(step)[0]


def may_be_pruned(stack: Stack) -> Mask:
    """With zeros."""
    found: Mask = stack.own("zeros")[1] > FEW
    return found


def masked(step: Step) -> tuple[float, str]:
    """The price of a mask and of what is left, and the kind of that."""
    if step.samples[1].zeros <= FEW:
        return np.inf, ""
    new = (step.child == 0) & (step.parent != 0)
    if new.mean() <= FEW:
        return np.inf, ""
    if not step.child.any():  # as what a layer that was left out is read as
        return NAME, "copy"
    if step.grid is not None:  # a coarse grid has zeros of its own
        new &= np.abs(step.parent) > step.grid
    lost = (step.child != 0) & (step.parent == 0)
    share = float(new.mean())
    if not FEW < share < 1.0 or lost.mean() > FEW * share or new.sum() < min(FEWEST, step.child.size / 8):
        return np.inf, ""
    mask = step.size * entropy(share)
    alive = step.child != 0
    rest = Step(step.name, step.parent[alive], step.child[alive], (1, int(alive.sum() * step.scale)), step.is_relaid)
    inner = {"copy": same(rest), "cast": cast(rest), "finetune": rest.code_length(rest.difference, step.precision)}
    if step.grid is not None:
        inner["quantized"] = rest.code_length(rest.difference, step.grid[alive])
    kind = min(inner, key=inner.__getitem__)
    return NAME + mask + inner[kind], kind


def entropy(share: float) -> float:
    """Bits that say of each value whether it is one of a share.

    Examples
    --------
    >>> entropy(0.5), entropy(0.0)
    (1.0, 0.0)
    """
    parts = np.array([share, 1.0 - share])
    parts = parts[parts > 0]
    return abs(float((parts * np.log2(parts)).sum()))


def adapter(step: Step) -> float:
    """Factors of a low rank, or of a low rank with a length for each row."""
    found = low_rank.rank_of(step)
    lengths = 0
    if found is None and is_trained(step):
        found, lengths = low_rank.rank_with_lengths(step), step.shape[0]
    if found is None:
        return np.inf
    rank, left = found
    return NAME + (rank * sum(step.shape) + lengths) * NUMBER + step.code_length(left)


def rescaled(step: Step) -> float:
    """A factor for each unit and each input; the signs among them."""
    x, y = step.parent, step.child
    if step.is_equal:
        return np.inf
    there = (np.abs(x) > 1e-3 * step.samples[0].rms) & (y != 0)
    units, inputs = there.any(axis=1), there.any(axis=0)
    if not (units.all() and inputs.all()):
        x, y, there = (m[units][:, inputs] for m in (x, y, there))
    if min(x.shape) < 3 or np.count_nonzero(there) < 0.9 * there.size:
        return np.inf
    if any(one.zeros for one in step.samples) and ((step.parent == 0) != (step.child == 0)).any():
        return np.inf
    allowed = 8.0 * max(step.precision, 2.0 ** -step.bits[0] * rms(y))
    if step.length < 10 * allowed or not _may_be_factors(x, y, allowed):
        return np.inf
    with np.errstate(all="ignore"):
        ratio = np.where(there, y / np.where(there, x, 1.0), np.nan)
        rows = median((np.abs(ratio) * np.sign(np.nansum(ratio, axis=1, keepdims=True))).T)
        columns = median(ratio / rows[:, None])
        rows = median((ratio / columns).T)
        columns = median(ratio / rows[:, None])
        left = y - rows[:, None] * x * columns
    if not np.isfinite(left).all() or rms(left) > allowed:
        return np.inf
    return NAME + sum(step.shape) * NUMBER + step.code_length(left)


def may_be_rescaled(stack: Stack) -> Mask:
    """Where some unit or input is next to nothing, or factors could leave no more than roundings."""
    x, y, (of_parent, of_child) = stack.parent, stack.child, stack.own("rms")
    bits = stack.own("bits")
    precision = of_child * 2.0 ** -np.maximum(bits[1], COARSEST)
    allowed = 8.0 * np.maximum(precision, 2.0 ** -bits[0] * of_child)
    there = (np.abs(x) > 1e-3 * of_parent[:, None, None]) & (y != 0)
    whole = there.any(axis=2).all(axis=1) & there.any(axis=1).all(axis=1)
    moved = (stack.length > 0.0) & (stack.length >= 10 * allowed) & (min(stack.form) >= 3)
    found: Mask = moved & ~(whole & ~_may_be_factors(x, y, allowed[:, None, None]))
    return found


def _may_be_factors(x: Floats, y: Floats, allowed: float | Floats) -> Mask:
    """Whether factors of rows and columns could leave a root mean square of ``allowed`` between x and y: necessary.

    Of y = r x c, products along and across the diagonal of two rows and columns are in the ratio of x. Less than a
    sixteenth of the values can be off by four times what is allowed, each in one block of two by two. Of one matrix or
    of many, ``(..., units, inputs)``.
    """
    units, inputs = x.shape[-2:]
    with np.errstate(all="ignore"):
        a, b, c, d = (x[..., i::2, j::2][..., : units // 2, : inputs // 2] for i in (0, 1) for j in (0, 1))
        e, f, g, h = (y[..., i::2, j::2][..., : units // 2, : inputs // 2] for i in (0, 1) for j in (0, 1))
        along, across = np.abs(b * c), np.abs(a * d)
        most = (np.abs(e) + np.abs(h) + 4.0 * allowed) * along + (np.abs(f) + np.abs(g) + 4.0 * allowed) * across
        off = np.abs(e * h * (b * c) - f * g * (a * d)) > 4.0 * allowed * most * (1.0 + 1e-6)
    found: Mask = np.count_nonzero(off, axis=(-2, -1)) <= units * inputs / 16
    return found


def noised(step: Step) -> float:
    """Independent normal noise: no direction is stronger than chance makes it, as no training leaves a step."""
    e = step.difference
    spread, size = step.length, step.samples[0].rms
    if e.size < FEWEST or min(e.shape) < 4 or spread < 16 * step.precision or spread > size:
        return np.inf
    if step.samples[0].zeros > 0.5 or np.count_nonzero(e == 0) > FEW * e.size:
        return np.inf
    squares = np.square(e / spread)
    kurtosis = float(np.vdot(squares, squares)) / e.size
    if abs(kurtosis - 3.0) > KURTOSIS * np.sqrt(24.0 / e.size):
        return np.inf
    along = abs(float(np.vdot(e, step.parent))) / (spread * max(size, 1e-300)) / math.sqrt(e.size)
    if along > KURTOSIS:
        return np.inf
    largest = float(np.sqrt(step.powers[-1])) / (spread * (np.sqrt(e.shape[0]) + np.sqrt(e.shape[1])))
    return np.inf if largest > EDGE else step.code_length(e) - NAME


def may_be_noised(stack: Stack) -> Mask:
    """Of some size, with the kurtosis of normal noise, and not much along the parent."""
    size = stack.child[0].size
    moved = stack.length > 0.0
    if size < FEWEST or min(stack.form) < 4:
        return np.zeros(len(moved), dtype=bool)
    spread = np.where(moved, stack.length, 1.0)
    squares = np.square(stack.difference / spread[:, None, None])
    kurtosis = np.square(squares).sum(axis=(1, 2)) / size
    is_normal: Mask = np.abs(kurtosis - 3.0) <= KURTOSIS * np.sqrt(24.0 / size) + SLACK
    found: Mask = is_normal & moved & (spread <= stack.own("rms")[0])
    return found


def later(step: Step) -> float:
    """The parent's strong directions grew: what trained a model goes on, as another task does not make it."""
    grown, along = step.strong, step.growth
    if not along > ALONG:
        return np.inf
    by = float(np.vdot(step.difference, grown)) / float(np.vdot(grown, grown))
    return NAME + NUMBER + step.code_length(step.difference - by * grown)


def may_be_later(stack: Stack) -> Mask:
    """Of some size."""
    return np.full(len(stack.steps), stack.child[0].size >= FEWEST and min(stack.form) >= STRONGEST)


def finetune(step: Step) -> float:
    """The step that training left, at the spread that it has."""
    return NAME + step.code_length_of(step.length, step.child.size)


def alone(step: Step) -> float:
    """Nothing of the parent: all values at the spread that they have."""
    whole, zeros = step.code_length_of(step.samples[1].rms, step.child.size), step.samples[1].zeros
    if not zeros:
        return whole
    return min(whole, step.size * entropy(zeros) + step.code_length(step.child[step.child != 0]))


def is_trained(step: Step) -> bool:
    """Whether no exact explanation holds."""
    return all(price(step) == np.inf for price in (same, cast, quantized, pruned))


TABLE: tuple[Explanation, ...] = (
    Explanation("copy", same, "no value differs", may_be_same),
    Explanation("cast", cast, "the values are rounded to the bits of another number type", may_be_cast),
    Explanation("quantized", quantized, "the values lie on a grid of few levels", may_be_quantized),
    Explanation("pruned", pruned, "zeros were put in", may_be_pruned),
    Explanation("adapter", adapter, "the step has a low rank, as a merged adapter adds", low_rank.may_have_rank),
    Explanation(
        "rescaled", rescaled, "units are multiplied by a number each, and divided where they are read", may_be_rescaled
    ),
    Explanation("noised", noised, "the step is independent normal noise", may_be_noised),
    Explanation(
        "later-checkpoint", later, "the strong directions grow, as they do where one run goes on", may_be_later
    ),
    Explanation("finetune", finetune, "the step is what training leaves"),
)
"""All explanations of one matrix. To add a kind, add a row; see CONTRIBUTING.md."""


def candidates(steps: Sequence[Step], table: Sequence[Explanation]) -> list[Sequence[Explanation]]:
    """The rows that may hold of each step: of many of one form, those whose condition holds; of a single one all."""
    found = [table] * len(steps)
    for places in of_one_form([step.child.shape for step in steps], AT_ONCE):
        if len(places) > 1:
            stack = Stack.of([steps[place] for place in places])
            possible = np.array([row.possible(stack) for row in table]).T.tolist()
            for place, rows in zip(places, possible, strict=True):
                found[place] = list(compress(table, rows))
    return found


NEW = "new"
"""Name of a matrix that is cheaper to describe without the parent: it was initialised again."""
