"""What each step of the pass costs, against a plain read and sum of the same bytes: seconds of one processor.

    python benchmarks/pass_speed.py [--parameters 25000000] [--models 8] [--rounds 5]

The steps are those of ``nphylo tree --sample all`` on checkpoints of ``speed.py``, made one after another by one thread
on all blocks; of each the least of some rounds counts, since what other processes take can only slow a step down.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.statistics.base import Arrays, Statistic
from neural_phylogeny.statistics.blocks import BLOCK, blocks_of, blocks_together, read_block
from neural_phylogeny.statistics.one_pass import standard_statistics
from neural_phylogeny.tensors.alignment import align
from speed import write_models

STORED: dict[str, type[np.generic]] = {"float32": np.float32, "bfloat16": np.uint16}


class Meter(defaultdict[str, float]):
    """Seconds of this thread by step."""

    def __init__(self) -> None:
        super().__init__(float)

    def timed(self, step: str, job: Callable[[], Any]) -> Any:
        """The result of a job, its time added to a step."""
        start = time.thread_time()
        result = job()
        self[step] += time.thread_time() - start
        return result


def plain(paths: list[Path], kind: type[np.generic]) -> None:
    """Read and sum all values, each file at once."""
    for path in paths:
        with path.open("rb") as file:
            offset = 8 + int.from_bytes(file.read(8), "little")
        np.fromfile(path, dtype=kind, offset=offset).sum()


def in_blocks(paths: list[Path], room: NDArray[np.uint8]) -> None:
    """Read all bytes into one small buffer."""
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while file.readinto(room.data):
                pass


def one_round(paths: list[Path], dtype: str) -> Meter:
    """Seconds of each step."""
    found = Meter()
    found.timed("plain read and sum", partial(plain, paths, STORED[dtype]))
    room = np.empty(BLOCK * np.dtype(STORED[dtype]).itemsize, dtype=np.uint8)
    found.timed("bytes into a buffer", partial(in_blocks, paths, room))
    statistics: tuple[Statistic, ...] = standard_statistics()
    together = blocks_together(len(paths))
    buffer = np.empty(len(paths) * together * BLOCK, dtype=np.float32)
    with ExitStack() as stack:
        opened = [stack.enter_context(open_checkpoint(path)) for path in paths]
        alignment = align([checkpoint.tensors for checkpoint in opened], [path.stem for path in paths])
        for tensor in alignment.tensors:
            parts: dict[str, list[Arrays]] = {statistic.name: [] for statistic in statistics}
            for run in blocks_of(tensor, None, together):
                values = found.timed("reading and widening", partial(read_block, tensor, run, opened, buffer, {}))
                for one in statistics:
                    parts[one.name] += found.timed(one.name, partial(one.measured, tensor, run, values))
            for one in statistics:
                found.timed(f"{one.name}, combined", partial(one.combine, tensor, parts[one.name]))
    return found


def main() -> None:
    """Print a table for each number type."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parameters", type=int, default=25_000_000)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for dtype in STORED:
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(limits=1), np.errstate(all="ignore"):
            paths = write_models(Path(folder), options.models, options.parameters, dtype)
            rounds = [one_round(paths, dtype) for _ in range(options.rounds)]
        least = {step: min(one[step] for one in rounds) for step in rounds[0]}
        print(f"{options.models} x {options.parameters / 1e6:.0f} M {dtype}: seconds, and times the plain read")
        for step, seconds in least.items():
            if seconds >= 5e-4:
                print(f"  {step:24s} {seconds:7.3f}  {seconds / least['plain read and sum']:5.2f}")
        steps = sum(list(least.values())[2:])
        print(f"  {'all of the pass':24s} {steps:7.3f}  {steps / least['plain read and sum']:5.2f}")


if __name__ == "__main__":
    main()
