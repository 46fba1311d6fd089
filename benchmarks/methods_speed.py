"""Time of every method on planted families after the pass, and whether each answers sensibly.

    python benchmarks/methods_speed.py [--models 200] [--families 10] [--methods auto mother ...]

The statistics of the pass are cached once; the seconds are those of a method, the relations that it starts from and the
records of its answer, the better of two runs. "relations" is the time of a method that does nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny import Phylogeny, reconstruct
from neural_phylogeny.reconstruction.api import METHODS
from neural_phylogeny.trees.family import Family
from planted import Model, planted, right_parents


def no_parents(family: Family) -> NDArray[np.int64]:
    """Every model of a family is a root."""
    return np.full(len(family), -1)


def timed(models: dict[str, Model], stats: Path, name: str) -> tuple[float, Phylogeny]:
    """Seconds of one method on cached statistics, and its answer."""
    method = METHODS[name] if name in METHODS else no_parents
    seconds = float("inf")
    for _ in range(2):
        start = time.perf_counter()
        answer = reconstruct(models, method=method, stats=stats)
        seconds = min(seconds, time.perf_counter() - start)
    return seconds, answer


def main() -> None:
    """Print a line for each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--families", type=int, default=10)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    options = parser.parse_args()
    models, parents = planted(options.models, options.families)
    with tempfile.TemporaryDirectory() as folder:
        stats = Path(folder, "stats.npz")
        reconstruct(models, method=no_parents, save_stats=stats)
        base, _ = timed(models, stats, "relations")
        print(f"{'relations':24s} {base:8.3f} s")
        total = 0.0
        for name in options.methods:
            seconds, answer = timed(models, stats, name)
            total += seconds - base
            print(
                f"{name:24s} {seconds - base:8.3f} s   right parents {right_parents(answer, parents):.2f}", flush=True
            )
        print(f"{'all methods':24s} {total:8.3f} s")


if __name__ == "__main__":
    main()
