"""How long each method takes once the pass is done.

    python benchmarks/methods_speed.py [--models 200] [--families 10] [--methods NAME ...]

Makes random trees of models of three matrices in memory, measures them once, and prints the seconds of every method and
how many parents it found.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

import numpy as np

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.graphs import components
from neural_phylogeny.reconstruction.api import METHODS
from neural_phylogeny.reconstruction.family_data import families_of
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.statistics.one_pass import measure, standard_statistics
from neural_phylogeny.tensors.alignment import align
from neural_phylogeny.trees.family import Families

SHAPES = {"a": (64, 96), "b": (64, 64), "c": (32, 64)}


def make_models(
    n_models: int, n_families: int, seed: int = 0, shapes: Mapping[str, tuple[int, int]] = SHAPES
) -> tuple[list[dict[str, np.ndarray]], np.ndarray]:
    """Random trees: every model is an earlier one of its family and independent noise; weights and parents."""
    rng = np.random.default_rng(seed)
    models: list[dict[str, np.ndarray]] = []
    parents = np.full(n_models, -1)
    for k in range(n_models):
        if k < n_families:
            models.append({name: rng.uniform(-1, 1, shape) / np.sqrt(shape[1]) for name, shape in shapes.items()})
            continue
        parents[k] = rng.choice(np.arange(k % n_families, k, n_families))
        step = rng.uniform(0.02, 0.05)
        models.append({name: w + rng.normal(0, step, w.shape) for name, w in models[parents[k]].items()})
    order = rng.permutation(n_models)
    place = np.argsort(order)
    return [models[k] for k in order], np.where(parents[order] >= 0, place[parents[order]], -1)


def make_families(n_models: int, n_families: int) -> tuple[Families, np.ndarray]:
    """What the pass and the relations say of such models, and their parents."""
    models, parents = make_models(n_models, n_families)
    checkpoints = [MemoryCheckpoint(model) for model in models]
    alignment = align([c.tensors for c in checkpoints], [str(k) for k in range(n_models)])
    found = Findings.of(measure(checkpoints, alignment, standard_statistics()), 1e-3, n_models * (n_models - 1) // 2)
    return families_of(found, list(range(n_models)), components(found.kin), seed=0), parents


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--families", type=int, default=10)
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    options = parser.parse_args()
    families, parents = make_families(options.models, options.families)
    print(f"{options.models} models, {len(np.unique(families.labels))} families by the existence test")
    total = 0.0
    for name in options.methods:
        start = time.perf_counter()
        forest = METHODS[name].solve(families)
        seconds = time.perf_counter() - start
        total += seconds
        print(f"{name:24s} {seconds:8.3f} s   overall accuracy {np.mean(forest.parents == parents):.2f}")
    print(f"{'all':24s} {total:8.3f} s")


if __name__ == "__main__":
    main()
