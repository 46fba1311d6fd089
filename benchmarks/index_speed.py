"""Time of an index: one more model, a search, and whether relatives are among the ten nearest.

    python benchmarks/index_speed.py [--models 10000] [--sketches 100000]

The first table is of sketches alone: random ones, and families of eleven whose values correlate; milliseconds of one
core, and the share of ten relatives that are among the ten nearest. The second is of an index of small models in
families of ten: seconds of one core for a model that is added, what is asked about its children included, and for a
search with the comparison in full. Large families are in index_families.py.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neural_phylogeny.formats.fingerprint import Fingerprint, Source
from neural_phylogeny.index.coarse import FIRST, MANY, columns, likely
from neural_phylogeny.index.sketches import BITS, WORDS, nearest
from neural_phylogeny.index.store import Index
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.reconstruction.indexed import relatives
from neural_phylogeny.reconstruction.placed import place

FAMILY, SHAPE, LAYERS = 10, (48, 40), 2
CORRELATIONS = (0.08, 0.1, 0.15, 0.2, 0.5, 0.9)
QUERIES = 40


def model(number: int, family: int | None = None) -> Fingerprint:
    """A small model; ten neighbouring numbers are the tunes of one base, where no other is given."""
    base = np.random.default_rng(number // FAMILY if family is None else family)
    own = np.random.default_rng(1_000_000 + number)
    arrays = {
        f"layer.{k}.weight": (base.uniform(-1, 1, SHAPE) + 0.2 * own.normal(size=SHAPE)).astype("f4")
        for k in range(LAYERS)
    }
    infos = {name: TensorInfo(name=name, shape=SHAPE, dtype="float32") for name in arrays}
    return Fingerprint(infos, arrays, Source(f"m{number}", "npz"))


def of_index(count: int, folder: Path) -> str:
    """The row of the second table."""
    with Index(folder, is_new=True) as index:
        started = time.process_time()
        list(index.add((f"m{k}", "", model(k)) for k in range(count)))
        place(index)
        each = (time.process_time() - started) / count
        added, searched, found = [], [], 0
        for k in range(5):
            one = model(count + k, family=7 * k)
            started = time.process_time()
            list(index.add([(f"new{k}", "", one)]))
            place(index)
            added.append(time.process_time() - started)
            started = time.process_time()
            answer = relatives(index, f"new{k}", one, nearest=FAMILY + 1)
            searched.append(time.process_time() - started)
            found += len(answer.relatives)
    return f"| {count:,} | {each:.4f} | {np.median(added):.3f} | {np.median(searched):.2f} | {found / 5:.1f} |"


def correlated(sketch: np.ndarray, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """Another sketch that agrees in as many bits as models of this correlation do."""
    changes = rng.random(BITS) < np.arccos(correlation) / np.pi
    found: np.ndarray = sketch ^ np.packbits(changes).view(np.uint64)
    return found


def of_sketches(count: int) -> Iterator[str]:
    """The rows of the first table."""
    rng = np.random.default_rng(0)
    every = rng.integers(0, 1 << 63, (count, WORDS), dtype=np.uint64) ^ rng.integers(
        0, 1 << 63, (count, WORDS), dtype=np.uint64
    ) << np.uint64(1)
    first = columns(every)
    for correlation in CORRELATIONS:
        hits, times = 0, []
        for query in range(QUERIES):
            own, rows = every[query], rng.choice(np.arange(QUERIES, count), 10, replace=False)
            before = every[rows].copy()
            every[rows] = [correlated(own, correlation, rng) for _ in rows]
            first[:, rows] = every[rows, :FIRST].T
            started = time.process_time()
            looked = likely(every, first, own, 11) if count > MANY else np.arange(count)
            near = nearest(every[looked] if count > MANY else every, own, 11)
            times.append(time.process_time() - started)
            hits += len({int(looked[one.row]) for one in near} & set(rows.tolist()))
            every[rows] = before
            first[:, rows] = before[:, :FIRST].T
        yield f"| {count:,} | {correlation} | {1e3 * np.median(times):.0f} | {hits / (10 * QUERIES):.3f} |"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=10_000)
    parser.add_argument("--sketches", type=int, default=100_000)
    options = parser.parse_args()
    print("| sketches | correlation | search (ms) | recall@10 |\n|---|---|---|---|", flush=True)
    for row in of_sketches(options.sketches):
        print(row, flush=True)
    print("\n| models | each (s) | one more (s) | search and tree (s) | relatives |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        print(of_index(options.models, Path(folder) / "index"))


if __name__ == "__main__":
    main()
