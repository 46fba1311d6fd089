"""``nphylo tree`` of a folder of models against loops over all pairs that load both models for each, as other tools do.

    python benchmarks/pairwise_speed.py [--models 24] [--parameters 4000000] [--pairs 12]

Two loops, written here from what such tools publish of themselves. *Distances*: of every pair both models are loaded
and the squared distance of all weights is summed. *Signals*: of every tensor of a pair norms, cosine, histograms of 256
bins and the sorted values of a sample, as provenance kits compare them. Only ``--pairs`` pairs are timed, in one
process; the time of all pairs is extrapolated from them, with the start of Python and NumPy counted once. Ours is timed
whole, on all weights (``--sample all``) and as it reads by default. The goal, for 100 models of 33 M parameters: 100
times the first and 50 times the second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from speed import run, write_models

LOAD = """
import json, sys, numpy as np
def load(path):
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    found = {}
    for name, entry in header.items():
        start, stop = entry["data_offsets"]
        found[name] = np.fromfile(path, dtype=np.float32, offset=8 + length + start, count=(stop - start) // 4)
    return found
"""

DISTANCES = (
    LOAD
    + """
def compare(a, b):
    return sum(float(np.square(a[name] - b[name]).sum()) for name in a)
"""
)

SIGNALS = (
    LOAD
    + """
def compare(a, b):
    found = []
    for name in a:
        x, y = a[name], b[name]
        histograms = [np.histogram(w, bins=256, range=(-0.2, 0.2))[0] for w in (x, y)]
        ordered = [np.sort(w[:: max(1, w.size // 65536)]) for w in (x, y)]
        norms = np.linalg.norm(x), np.linalg.norm(y)
        found += [x @ y / (norms[0] * norms[1]), np.minimum(*histograms).sum(), np.abs(ordered[0] - ordered[1]).mean()]
    return found
"""
)

LOOP = """
pairs = int(sys.argv[1])
paths = sys.argv[2:]
every = [(i, j) for i in range(len(paths)) for j in range(i)]
for k in range(pairs):
    i, j = every[k * len(every) // pairs]
    a, b = load(paths[i]), load(paths[j])
    compare(a, b)
"""


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=24)
    parser.add_argument("--parameters", type=int, default=4_000_000)
    parser.add_argument("--pairs", type=int, default=12)
    asked = parser.parse_args()
    every = asked.models * (asked.models - 1) // 2
    timed = min(asked.pairs, every)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(path) for path in write_models(Path(folder), asked.models, asked.parameters, "float32")]
        nphylo = str(Path(sys.executable).with_name("nphylo"))
        ours = {}
        for name, options in (("all weights", ("--sample", "all")), ("as it reads by default", ())):
            command = [nphylo, "tree", "--threads", "2", *options, *paths]
            run(command)
            ours[name] = run(command)[:2]
        print(f"{asked.models} models of {asked.parameters / 1e6:.0f} M, {every} pairs, of which {timed} are timed")
        print("| way | processors (s) | wall (s) | over ours, all weights | over ours, by default |")
        print("|---|---:|---:|---:|---:|")
        for name, (wall, spent) in ours.items():
            print(f"| nphylo tree, {name} | {spent:.1f} | {wall:.1f} | | |")
        start = run([sys.executable, "-c", "import numpy"])[:2]
        for name, code in (("distances", DISTANCES), ("signals", SIGNALS)):
            found = run([sys.executable, "-c", code + LOOP, str(timed), *paths])[:2]
            wall, spent = (s + (f - s) * every / timed for f, s in zip(found, start, strict=True))
            ratios = " | ".join(f"{spent / own[1]:.1f}" for own in ours.values())
            print(f"| loop over pairs, {name} (extrapolated) | {spent:.1f} | {wall:.1f} | {ratios} |")


if __name__ == "__main__":
    main()
