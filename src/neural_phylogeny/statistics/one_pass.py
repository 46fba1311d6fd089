"""The one pass: every byte that is compared is read once, block by block across the models.

Workers read and measure blocks; partial results come back in reading order, are put together as soon as a
tensor is complete, and are then forgotten, so that memory does not grow with the size of the models.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, groupby

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from neural_phylogeny.files.activity import announce
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.statistics.ahead import read_ahead
from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.beyond import rows_beyond
from neural_phylogeny.statistics.blocks import BLOCK, Block, blocks_of, blocks_together, read_block
from neural_phylogeny.statistics.counters import counts_of
from neural_phylogeny.statistics.cross import Cross
from neural_phylogeny.statistics.kept import Kept
from neural_phylogeny.statistics.matching import UnitMatching
from neural_phylogeny.statistics.moments import Moments
from neural_phylogeny.statistics.plan import SamplingPlan
from neural_phylogeny.statistics.products import Equality, Gram
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.statistics.rows import Rows
from neural_phylogeny.statistics.sampling import Coarse, Grid, Part, part_of, shares
from neural_phylogeny.statistics.sketch import Sketch
from neural_phylogeny.statistics.tables import computed_tables
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment

Partial = Sequence[list[Arrays]]
"""The partial results of a run of blocks, by statistic."""

Progress = Callable[[int, int], None]
"""Called with (values read, values in all)."""

SMALL, AT_ONCE = 1 << 12, 1 << 17
"""Values up to which a tensor is measured together with others of its form; values, or pairs, of all of them."""

AHEAD = 2
"""Runs of blocks that may wait for each worker."""


def standard_statistics(seed: int = 0) -> tuple[Statistic, ...]:
    """What is measured unless the caller registers something else."""
    kinds = (Gram, Equality, Moments, UnitMatching, Rows, Cross, Sketch, Kept)
    return tuple(kind(SamplingPlan(seed)) for kind in kinds)


def measure(
    checkpoints: Sequence[Checkpoint],
    alignment: Alignment,
    statistics: Sequence[Statistic] = standard_statistics(),
    *,
    threads: int = 2,
    memory: int = 1 << 30,
    sample: float | None = 1.0,
    progress: Progress | None = None,
) -> Statistics:
    """Read every compared value, or a sample of them, once and compute all registered statistics.

    Parameters
    ----------
    checkpoints : sequence of Checkpoint, (n_models,)
        Opened, in the order of the alignment.
    alignment : Alignment
        What is compared with what.
    statistics : sequence of Statistic
        What to compute.
    threads : int
        Workers; each uses one core. Results do not depend on it.
    memory : int
        Bytes the block buffers may take; fewer workers are used when they would take more.
    sample : float, optional
        Share of the values to read, see ``statistics.sampling``; None reads about ``sampling.VALUES`` of each model.
        Tensors read in part have a result ``sample.read``, the number of values seen in each member.

    Returns
    -------
    Statistics
        A dict of arrays per aligned tensor.

    Notes
    -----
    Time is linear in the bytes until the products dominate, n_models multiplications a value.
    """
    widths = {len(tensor.members) for tensor in alignment.tensors}
    room = max((n * blocks_together(n) * BLOCK for n in widths), default=BLOCK)
    threads = max(1, min(threads, memory // (3 * room * 4)))
    tensors = [Reach.of(*pair) for pair in zip(alignment.tensors, shares(alignment, sample), strict=True)]
    read_ahead(checkpoints, [(reach.whole, reach.part) for reach in tensors])
    total = sum(reach.tensor.size * len(reach.tensor.members) for reach in tensors)
    worker = _Worker(checkpoints, statistics, room)
    pending: list[tuple[Sequence[int], Future[list[dict[str, Arrays]]]]] = []
    done = 0
    # One BLAS thread each: the workers are the parallelism, and the bits must not depend on their number.
    with threadpool_limits(limits=1), ThreadPoolExecutor(threads) as pool:
        stream = _in_order(pool, worker, tensors, threads * AHEAD)
        for together, group in groupby(stream, key=lambda item: item[0]):
            tensor = tensors[together[0]].tensor
            announce("reading", f"{tensor.name} of {len(tensor.members)} models", done, total)
            partials = []
            for _, run, parts in group:
                partials.append(parts)
                done += run.size * len(tensor.members) * len(together)
                if progress:
                    progress(done, total)
            reaches = [tensors[index] for index in together]
            combine = _combined_together if len(together) > 1 else _combined
            pending.append((together, pool.submit(combine, statistics, reaches, partials, checkpoints)))
    results: list[dict[str, Arrays]] = [{}] * len(tensors)
    for together, combined in pending:
        for index, found in zip(together, combined.result(), strict=True):
            results[index] = found
    return Statistics.from_results(alignment, statistics, results, worker.failures, counts_of(checkpoints))


@dataclass(frozen=True, slots=True)
class Reach:
    """What is read of a tensor: all of it, or a part as a tensor of its own; ``scale`` is size over values seen."""

    tensor: AlignedTensor
    whole: AlignedTensor
    part: Part | Grid | None

    @classmethod
    def of(cls, tensor: AlignedTensor, share: float | Coarse) -> Reach:
        """Plan the reading of a share of a tensor."""
        part = part_of(tensor, share)
        return cls(tensor if part is None else part.tensor, tensor, part)

    @property
    def scale(self) -> float:
        """Values of the tensor for each one seen."""
        return self.whole.size / self.tensor.size


def _combined(
    statistics: Sequence[Statistic],
    reaches: Sequence[Reach],
    partials: Sequence[Partial],
    checkpoints: Sequence[Checkpoint],
) -> list[dict[str, Arrays]]:
    """The results of a tensor; those of a part are scaled to the whole, so that tensors keep their weights."""
    (reach,) = reaches
    with np.errstate(all="ignore"):
        results = {
            s.name: s.combine(reach.tensor, list(chain.from_iterable(parts[k] for parts in partials)))
            for k, s in enumerate(statistics)
        }
    if reach.part is not None:
        for s in statistics:
            results[s.name] |= {key: results[s.name][key] * reach.scale for key in s.sums}
        seen = np.full(len(reach.tensor.members), reach.tensor.size, dtype=np.int64)
        results["sample"] = {"read": seen}
    return [results | _read_again(reach, results, checkpoints)]


def _combined_together(
    statistics: Sequence[Statistic],
    reaches: Sequence[Reach],
    partials: Sequence[Partial],
    checkpoints: Sequence[Checkpoint],
) -> list[dict[str, Arrays]]:
    """The results of several tensors that were measured together."""
    found = []
    for t, reach in enumerate(reaches):
        results = {
            s.name: {key: array[t] for key, array in arrays.items()}
            for s, (arrays,) in zip(statistics, partials[0], strict=True)
        }
        found.append(results | _read_again(reach, results, checkpoints))
    return found


def _read_again(reach: Reach, results: dict[str, Arrays], checkpoints: Sequence[Checkpoint]) -> dict[str, Arrays]:
    """What needs another read of a few values of a tensor, and what was measured of it."""
    found = {
        "beyond": rows_beyond(reach.whole, checkpoints),
        "tables": computed_tables(reach.whole, results, checkpoints, reach.part),
    }
    return {name: arrays for name, arrays in found.items() if arrays}


class _Worker:
    """Reads and measures one run of blocks in a buffer of its thread's own, of ``room`` values."""

    def __init__(self, checkpoints: Sequence[Checkpoint], statistics: Sequence[Statistic], room: int) -> None:
        self._checkpoints = checkpoints
        self._statistics = statistics
        self._room = room
        self._local = threading.local()
        self._lock = threading.Lock()
        self._first: dict[int, tuple[int, int, str]] = {}

    @property
    def failures(self) -> dict[int, str]:
        """Why a model could not be read, at the first place in reading order, whichever thread came there first."""
        return {model: reason for model, (_, _, reason) in self._first.items()}

    def __call__(self, index: int, reach: Reach, run: Block) -> Partial:
        values = self._read(index, reach, run, self._buffer())
        with np.errstate(all="ignore"):  # values that are not finite show in the results
            return [statistic.measured(reach.tensor, run, values) for statistic in self._statistics]

    def together(self, indices: Sequence[int], reaches: Sequence[Reach]) -> Partial:
        """The results of several tensors of one form, with an axis for them in front; see ``Statistic.together``."""
        tensor, buffer = reaches[0].tensor, self._buffer()
        run, size = Block(0, 0, tensor.size), tensor.size * len(tensor.members)
        for t, (index, reach) in enumerate(zip(indices, reaches, strict=True)):
            self._read(index, reach, run, buffer[t * size :])
        values = buffer[: len(reaches) * size].reshape(len(reaches), len(tensor.members), tensor.size)
        with np.errstate(all="ignore"):
            return [[statistic.together(tensor, values)] for statistic in self._statistics]

    def _buffer(self) -> NDArray[np.float32]:
        if not hasattr(self._local, "buffer"):
            self._local.buffer = np.empty(self._room, dtype=np.float32)
        buffer: NDArray[np.float32] = self._local.buffer
        return buffer

    def _read(self, index: int, reach: Reach, run: Block, buffer: NDArray[np.float32]) -> NDArray[np.float32]:
        failures: dict[int, str] = {}
        values = read_block(reach.whole, run, self._checkpoints, buffer, failures, reach.part)
        if failures:
            with self._lock:
                for model, reason in failures.items():
                    found = (index, run.index, reason)
                    self._first[model] = min(self._first.get(model, found), found)
        return values


def _together(tensors: Sequence[Reach]) -> Iterator[list[int]]:
    """Places of the tensors in reading order; small ones of one form and equal members follow the first of them."""
    small: dict[object, list[int]] = {}
    for index, reach in enumerate(tensors):
        tensor = reach.tensor
        n, form = len(tensor.members), (tensor.shape, tensor.start, tensor.output_axis, tensor.role, tensor.members)
        if reach.part is not None or tensor.size > SMALL:
            yield [index]
            continue
        waiting = small.setdefault(form, [])
        waiting.append(index)
        if (len(waiting) + 1) * n * max(tensor.size, n) > AT_ONCE:
            yield small.pop(form)
    yield from small.values()


def _in_order(
    pool: ThreadPoolExecutor, worker: _Worker, tensors: Sequence[Reach], window: int
) -> Iterator[tuple[list[int], Block, Partial]]:
    """(places of tensors, run of blocks, partial results) in reading order, at most ``window`` runs in flight."""
    waiting: deque[tuple[list[int], Block, Future[Partial]]] = deque()
    try:
        for indices in _together(tensors):
            if len(waiting) >= window:
                yield _result(waiting.popleft())
            reach = tensors[indices[0]]
            if len(indices) > 1:
                run = Block(0, 0, reach.tensor.size)
                waiting.append((indices, run, pool.submit(worker.together, indices, [tensors[t] for t in indices])))
                continue
            together = blocks_together(len(reach.tensor.members))
            for run in blocks_of(reach.whole, reach.part, together):
                if len(waiting) >= window:
                    yield _result(waiting.popleft())
                waiting.append((indices, run, pool.submit(worker, indices[0], reach, run)))
        while waiting:
            yield _result(waiting.popleft())
    finally:
        for _, _, future in waiting:
            future.cancel()


def _result(item: tuple[list[int], Block, Future[Partial]]) -> tuple[list[int], Block, Partial]:
    indices, run, future = item
    return indices, run, future.result()
