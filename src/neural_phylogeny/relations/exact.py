"""Exact marks: what rounding, pruning and untouched values leave behind, which chance does not.

Each function gives log-odds ``[i, j]`` that i rather than any other model is the parent of j, or that j is not the
parent of i; zero where it says nothing. They rest on the ``Overlap`` of the models: one sample of values, compared in
all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.clock import Clock
from neural_phylogeny.relations.copies import ALMOST_ALL
from neural_phylogeny.relations.explanations.shapes import GROWN, read_as
from neural_phylogeny.relations.explanations.shapes import PRUNED as SHRUNK
from neural_phylogeny.relations.gridded import gridded
from neural_phylogeny.relations.overlap import NEARLY_ALL, Overlap
from neural_phylogeny.relations.sampled import Matrix
from neural_phylogeny.relations.upcycled import joined, upcycled
from neural_phylogeny.relations.vocabulary import longer
from neural_phylogeny.statistics.counters import BATCHES, EMPTY, NORMS, OBSERVERS, PRETRAINING, TASKS
from neural_phylogeny.statistics.results import Statistics

CERTAIN, STRONG, GOOD = 8.0, 4.0, 2.0
"""Log-odds of a copy that was only pruned or rounded; of a pattern with one usual cause; of weak evidence."""

FEW = 0.01
"""A smaller proportion of zeros or of equal values is chance: dead units, values that were never touched."""

MANY = 0.1
"""A larger proportion of zeros was made on purpose."""


def pruned_copy(overlap: Overlap) -> Matrix:
    """Whether j has i's zeros and more, and its other values are i's: equal - zeros >= NEARLY_ALL (1 - j's zeros).

    Where i has been pruned the same way from a model that j may come from too, nothing but zeros was added twice, and
    the first of the three is taken for the parent of both: i is no more likely than by all else.
    """
    same = overlap.equal - overlap.zeros >= NEARLY_ALL * (1.0 - overlap.own_zeros.T)
    made = _has_more_zeros(overlap) & same
    made &= ~made.T
    between = made.astype(np.float64).T @ made.astype(np.float64) > 0  # [i, j]: some k made both
    found: Matrix = np.where(made & ~between, CERTAIN, 0.0) - np.where(made.T, CERTAIN, 0.0)
    return found


def pruned(overlap: Overlap) -> Matrix:
    """Whether i has many zeros that j lacks, and so did not come before j.

    A few zeros of j among many of i say nothing: they may be what is left in j of a pruned parent that was trained on.
    """
    of_i, of_j = overlap.own_zeros, overlap.own_zeros.T
    clear = _has_more_zeros(overlap) & (of_j > MANY) & ((of_i < FEW) | (of_i > MANY))
    found: Matrix = np.where(clear.T, -GOOD, 0.0)
    return found


def _has_more_zeros(overlap: Overlap) -> NDArray[np.bool_]:
    """Whether j has i's zeros and more."""
    found: NDArray[np.bool_] = (overlap.own_zeros.T > overlap.own_zeros + FEW) & (
        overlap.zeros >= NEARLY_ALL * overlap.own_zeros
    )
    return found


def rounded(overlap: Overlap) -> Matrix:
    """Whether j is i up to an error that fits j's coarser mantissas.

    The relative squared error of rounding to b bits after the leading one is at most 2^(-2 b) / 12; a fifth more is
    allowed.
    """
    coarser = overlap.bits[None, :] < overlap.bits[:, None] - 2.0
    error = 2.0 ** (-2.0 * overlap.bits[None, :]) / 12.0
    return _directed(np.where(coarser & (overlap.error <= 1.2 * error) & (overlap.error > 0.0), CERTAIN, 0.0))


def partly_rounded(overlap: Overlap) -> Matrix:
    """Whether a matrix of i is that of j, rounded: the lost bits do not come back, so i is not the parent of j.

    It does not show that j is the parent of i: a sibling has the same matrix where neither was trained.
    """
    found: Matrix = np.where(overlap.partly_rounded.T, -CERTAIN, 0.0)
    return found


def quantized(overlap: Overlap) -> Matrix:
    """Whether j is i on an even grid of at most 256 levels a matrix, such as int8."""
    return _directed(np.where(overlap.on_grid & ~overlap.on_grid.T, CERTAIN, 0.0))


def off_grid(overlap: Overlap) -> Matrix:
    """Whether j lies around the levels of i's grid, nearer than rounding leaves values: i was quantised and trained on.

    Fooled by trainings that draw the weights of a float model towards the levels before they are rounded.
    """
    return _directed(np.where(overlap.around_levels, STRONG, 0.0))


def shrunk(overlap: Overlap) -> Matrix:
    """Whether j has fewer units than i somewhere and more nowhere, and most values are i's: units were removed.

    Units are counted where they are inputs of the next matrix, so that another number of classes is not a sign.
    """
    part = overlap.narrower & ~overlap.narrower.T
    return _directed(np.where(part & (overlap.equal - overlap.zeros > 0.5), STRONG, 0.0))


def reshaped(overlap: Overlap) -> Matrix:
    """Whether i has another number of units than j; says nothing of direction.

    Removing or adding units is a step of its own: the nearest relatives of a model have as many as it.
    """
    found: Matrix = np.where(overlap.narrower | overlap.narrower.T, -STRONG, 0.0)
    return found


def untouched(overlap: Overlap) -> Matrix:
    """Whether i is among the models that share most values with j, to the last bit or rounded; not who came first."""
    share = np.where(overlap.kept < 1.0, overlap.kept, 0.0)  # a copy, like the model itself, says nothing
    most = share.max(axis=0, initial=0.0)
    behind = 1.0 - share / np.maximum(most, FEW)[None, :]
    found: Matrix = np.where(most[None, :] > FEW, -GOOD * np.clip(behind, 0.0, 1.0), 0.0)
    np.fill_diagonal(found, 0.0)
    return found


def counted(statistics: Statistics) -> Matrix:
    """Whether j cannot be the parent of i, having seen more batches in training.

    A child continues its parent's counter. Says that it is not the other way round, not that i is the parent.
    """
    seen = _counts(statistics, BATCHES)
    seen[seen == 0] = np.nan
    found: Matrix = np.where(seen[:, None] > seen[None, :], -STRONG, 0.0)
    return found


def observed(statistics: Statistics) -> Matrix:
    """Whether i has observers of quantisation-aware training that j lacks, and so came later.

    Says nothing of models that are compared in part: what one of them has beyond the other may have its own history.
    """
    observers = _counts(statistics, OBSERVERS)
    later = (observers[:, None] > 0) & (observers[None, :] == 0)
    found: Matrix = np.where(later & _whole(statistics), -STRONG, 0.0)
    return found


def folded(statistics: Statistics) -> Matrix:
    """Whether j has batch normalisations where i has none, so that i's were folded into its weights or replaced.

    Folding does not go back. Says nothing of models that are compared in part.
    """
    norms = _counts(statistics, NORMS)
    later = (norms[:, None] == 0) & (norms[None, :] > 0)
    found: Matrix = np.where(later & _whole(statistics), -STRONG, 0.0)
    return found


def emptied(statistics: Statistics) -> Matrix:
    """Whether i lost tensors when it was saved that j has: a broken copy is nobody's parent."""
    empty = _counts(statistics, EMPTY)
    found: Matrix = np.where((empty[:, None] > 0) & (empty[None, :] == 0), -STRONG, 0.0)
    return found


def headed(statistics: Statistics) -> Matrix:
    """Whether i has the head of a task where j has that of pre-training, and so came later.

    Heads of tasks are put on a pre-trained model; a model without its head is rarely pre-trained further.
    Known by names (``tensors/roles.toml``), not by values.
    """
    pretraining, tasks = _counts(statistics, PRETRAINING) > 0, _counts(statistics, TASKS) > 0
    later = (tasks & ~pretraining)[:, None] & (pretraining & ~tasks)[None, :]
    found: Matrix = np.where(later, -STRONG, 0.0)
    return found


def resized(statistics: Statistics) -> Matrix:
    """Whether i has units or layers twice that j has once, or lacks some of j's, and so came later: units do not part.

    By what the reading found, see ``reconstruction.resized``. What was grown is not the parent of what was grown or
    shrunk in another way either.
    """
    grown, shrunk_ = (read_as(statistics, kind) for kind in (GROWN, SHRUNK))
    later = grown | shrunk_
    found = np.where(
        later[:, None] & ~later[None, :], -CERTAIN, np.where(~later[:, None] & later[None, :], STRONG, 0.0)
    )
    apart = (grown[:, None] & later[None, :]) | (shrunk_[:, None] & grown[None, :])
    result: Matrix = np.where(apart & ~np.eye(len(grown), dtype=bool), -STRONG, found)
    return result


def pruned_besides(made: Matrix, on_grid: NDArray[np.bool_]) -> Matrix:
    """Whether j on a grid is i rounded and just as well what i was pruned from: the grid has the zeros of its own.

    ``made`` are the odds of ``pruned_copy``, ``on_grid`` whether j is i rounded. Of the two, the first is taken.
    """
    first = ((made > 0).astype(np.float64).T @ on_grid.astype(np.float64)) > 0
    found: Matrix = np.where(on_grid & first, -CERTAIN, 0.0)
    return found


def _counts(statistics: Statistics, name: str) -> NDArray[np.float64]:
    """What is counted of each model, zero where there is none."""
    found = statistics.counts.get(name, {})
    return np.array([float(found.get(model, 0)) for model in range(statistics.alignment.n_models)])


def _whole(statistics: Statistics) -> NDArray[np.bool_]:
    """Whether nearly all matrices of the larger model are compared."""
    found: NDArray[np.bool_] = statistics.alignment.matrix_coverage() >= ALMOST_ALL
    return found


JOINED = "joined-experts"
"""The mark of a mixture whose experts are the feed-forward networks of several models, unchanged."""

DIRECTED = {
    "pruned-copy": pruned_copy,
    "rounded": rounded,
    "quantized": quantized,
    "off-grid": off_grid,
    "shrunk": shrunk,
}
"""By name, marks which show that one of two models was made from the other."""

PRUNED, ROUNDED, COUNTED, LONGER = "pruned", "rounded-layer", "batches-seen", "new-rows"
OBSERVED, FOLDED, EMPTIED, UPCYCLED = "observers", "folded-norms", "empty-tensors", "upcycled-experts"
DECAYED, RESIZED = "decayed-rows", "resized"
HEADED, GRIDDED = "task-head", "grid-of-blocks"
ORDERED = (PRUNED, ROUNDED, COUNTED, LONGER, OBSERVED, FOLDED, EMPTIED, UPCYCLED, DECAYED, HEADED, RESIZED, GRIDDED)
"""Marks which show that one of two models did not come first; they count against it as a parent only."""

UNTOUCHED, RESHAPED = "untouched-values", "other-sizes"
BESIDE = (UNTOUCHED, RESHAPED)
"""Marks which show who is nearest to whom, not which came first."""


def decayed(clock: Clock, others: dict[str, Matrix]) -> Matrix:
    """Whether j cannot be made from i, whose rows without a gradient decayed longer; silent where another mark speaks.

    A cast, a pruning or a quantisation moves rows too, and shows its direction better.
    """
    others = {name: np.abs(others[name]) for name in (*DIRECTED, ROUNDED)}
    other = sum((table + table.T for table in others.values()), np.zeros_like(clock.later))
    found: Matrix = np.where((clock.later < 0) & (other == 0), -CERTAIN, 0.0)
    return found


def exact_marks(statistics: Statistics) -> dict[str, Matrix]:
    """Log-odds that i is the parent of j, by the name of each mark: ``(n, n)`` each. O(n^2) a matrix."""
    return marks_and_clock(statistics)[0]


def marks_and_clock(statistics: Statistics) -> tuple[dict[str, Matrix], Clock]:
    """The same, and the clock that one of them is read from."""
    overlap = Overlap.of(statistics)
    clock = Clock.of_statistics(statistics, overlap)
    found = {name: mark(overlap) for name, mark in DIRECTED.items()}
    on_grid = gridded(statistics)
    found |= {
        PRUNED: pruned(overlap),
        ROUNDED: partly_rounded(overlap),
        COUNTED: counted(statistics),
        OBSERVED: observed(statistics),
        FOLDED: folded(statistics),
        EMPTIED: emptied(statistics),
        HEADED: headed(statistics),
        RESIZED: resized(statistics),
        UPCYCLED: np.where(upcycled(statistics).T, -STRONG, 0.0),
        JOINED: _directed(np.where(joined(statistics), CERTAIN, 0.0)),
        LONGER: np.where(longer(statistics).T, -GOOD, 0.0),
        GRIDDED: np.where(on_grid.T, -CERTAIN, 0.0),
    }
    found[DECAYED] = decayed(clock, found)
    known = (found[RESIZED] + found[RESIZED].T) != 0
    found["shrunk"] = np.where(known, 0.0, found["shrunk"])
    sizes, is_later = statistics.alignment.in_matrices, read_as(statistics, GROWN) | read_as(statistics, SHRUNK)
    other = (sizes[:, None] != sizes[None, :]) & read_as(statistics, SHRUNK)[None, :] & ~is_later[:, None]
    shapes = np.where(known, np.where(other, -GOOD, 0.0), reshaped(overlap))
    nearest = untouched(overlap) + pruned_besides(found["pruned-copy"], on_grid)
    return found | {UNTOUCHED: nearest, RESHAPED: shapes}, clock


def _directed(odds: Matrix) -> Matrix:
    """For i as the parent of j, and against the reverse."""
    found: Matrix = odds - odds.T
    return found
