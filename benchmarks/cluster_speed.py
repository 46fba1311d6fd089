"""Time of fingerprints on a Dask cluster of this machine: one worker, then two.

    python benchmarks/cluster_speed.py [--models 500] [--width 512] [--folder FOLDER]

The cluster is started beforehand and has made a few fingerprints, the files are in the system's cache, and an index is
written. Seconds by the clock, and of the processor here (client, scheduler and index) and in the workers. Two cores
that are free allow a ratio of 2 w / (w + h), with w seconds in the workers and h here.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import dask
import numpy as np
import psutil
from distributed import LocalCluster
from safetensors.numpy import save_file

from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.index.store import Index
from neural_phylogeny.reconstruction.cluster import OWN
from neural_phylogeny.reconstruction.fingerprints import fingerprints

LAYERS, FAMILY = 8, 10


def make(folder: Path, count: int, width: int) -> None:
    """Small models in families of ten; those that are there already are left."""
    for first in range(0, count, FAMILY):
        base = np.random.default_rng(first).normal(0, 0.05, (LAYERS, width, width)).astype("f4")
        for number in range(first, min(count, first + FAMILY)):
            path = folder / f"m{number}.safetensors"
            if not path.exists():
                moved = base + np.random.default_rng(number).normal(0, 0.005, base.shape).astype("f4")
                save_file({f"layers.{k}.weight": values for k, values in enumerate(moved)}, path)


def run(folder: Path, workers: int) -> tuple[int, float, float, float]:
    """Models in the index, and seconds by the clock, of the processor here and in the workers."""
    with ExitStack() as stack:
        index = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(dask.config.set(OWN))
        options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
        address = stack.enter_context(LocalCluster(**options)).scheduler_address
        paths = sorted(folder.glob("*.safetensors"))
        list(fingerprints(paths[: 4 * workers], cluster=address))  # everything is imported
        started, here, there = time.perf_counter(), time.process_time(), _of_workers()
        with Index(index, is_new=True) as opened:
            made = fingerprints(paths, cluster=address)
            list(opened.add((name, path, found) for name, path, found in made if isinstance(found, Fingerprint)))
            count = len(opened)
        return count, time.perf_counter() - started, time.process_time() - here, _of_workers() - there


def _of_workers() -> float:
    used = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return float(sum(one.user + one.system for one in used))


def main() -> None:
    """Print a row for each number of workers, and the ratio of their times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--folder", help="Where the models are kept for another run.")
    parser.add_argument("--repeat", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(options.folder or stack.enter_context(tempfile.TemporaryDirectory()))
        make(folder, options.models, options.width)
        print("| workers | models | seconds | processor here | in workers |\n|---|---|---|---|---|", flush=True)
        best: dict[int, float] = {}
        for workers in (1, 2) * options.repeat:
            count, clock, here, there = run(folder, workers)
            best[workers] = min(clock, best.get(workers, clock))
            print(f"| {workers} | {count:,} | {clock:.1f} | {here:.1f} | {there:.1f} |", flush=True)
    print(f"\nallowed by two free cores: {2 * there / (there + here):.2f}")
    print(f"two workers against one: {best[1] / best[2]:.2f}")


if __name__ == "__main__":
    main()
