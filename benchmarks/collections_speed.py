"""Time and memory of whole collections, step by step: how it grows with the number of models.

    python benchmarks/collections_speed.py [--method auto] [--cases 20:2 200:1 2000:200 100:5:300] [--repeat 1]

Each case, MODELS:FAMILIES, is planted as random trees of models of 19,456 float32 parameters in memory and runs in a
process of its own; MODELS:FAMILIES:LAYERS has so many matrices of 16 x 16 instead. Prints the seconds of the pass, of
what the relations say, of the method with the claims, and of writing the result; the seconds of processors in all,
which other work on the machine changes least; the peak resident memory, models included; and how many parents were
found. The best of the repeats.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import subprocess
import sys
import time
from collections.abc import Mapping

import numpy as np

from neural_phylogeny.files.cores import using
from neural_phylogeny.reconstruction.api import METHODS
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.reconstruction.options import Reading
from planted import SHAPES, Model, planted, right_parents

CASES = ("20:2", "200:1", "2000:200", "100:5:300")
ALPHA = 1e-3
STEPS = ("pass", "relations", "method", "writing")


def run(case: str, method: str) -> dict[str, float]:
    """Seconds of each step, peak memory in MiB, share of right parents."""
    n_models, n_families, *layers = map(int, case.split(":"))
    shapes = {f"l{k}.weight": (16, 16) for k in range(layers[0])} if layers else SHAPES
    models, parents = planted(n_models, n_families, shapes)
    with using(Reading().cores):
        return measured(models, parents, method)


def spent() -> float:
    """Seconds of processors of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


def measured(models: Mapping[str, Model], parents: Mapping[str, str | None], method: str) -> dict[str, float]:
    """The same of models whose parents are known."""
    times, started = [time.perf_counter()], spent()
    collection = gather(dict(models), Reading())
    times.append(time.perf_counter())
    examined = examine(collection, ALPHA)
    times.append(time.perf_counter())
    answer = phylogeny(collection, METHODS[method], ALPHA, 0, examined)
    times.append(time.perf_counter())
    answer.to_json()
    answer.to_text()
    times.append(time.perf_counter())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        **dict(zip(STEPS, np.diff(times).tolist(), strict=True)),
        "processors": spent() - started,
        "MiB": peak,
        "right": right_parents(answer, parents),
    }


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--cases", nargs="*", default=list(CASES))
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--profile", action="store_true", help="where the time goes, in this process")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.one, options.method)))
        return
    print(
        f"| models:families:layers | {' | '.join(f'{step} (s)' for step in STEPS)} | all (s) | processors (s) "
        "| peak (MiB) | right |"
    )
    print("|---" * (len(STEPS) + 5) + "|", flush=True)
    for case in options.cases:
        if options.profile:
            profile = cProfile.Profile()
            found = [profile.runcall(run, case, options.method)]
            pstats.Stats(profile).sort_stats("cumulative").print_stats(45)
        else:
            command = [sys.executable, __file__, "--one", case, "--method", options.method]
            done = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(options.repeat)]
            found = [json.loads(each.stdout) for each in done]
        best = min(found, key=lambda one: sum(one[step] for step in STEPS))
        times = [best[step] for step in STEPS]
        shown = " | ".join(f"{seconds:.2f}" for seconds in (*times, sum(times)))
        print(f"| {case} | {shown} | {best['processors']:.2f} | {best['MiB']:.0f} | {best['right']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
