"""Right parents of trained families that hold models twice: rounded, quantised, or nudged by a thousandth.

    nphylo lab families make hordes --first 25 --every 25 --count 5 --weights weights/ --out batches/
    python benchmarks/twin_families.py weights/ [--parts 4]

Of each family in the folder parts of four to eight connected models are taken, seven models in ten twice. A row for
each kind of copy, judged with and without what ``trees/twins.py`` does: the models whose parent is right, whichever of
its two files is named, and the right ones of the edges of at least 95 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from neural_phylogeny import reconstruct
from neural_phylogeny.lab.families.stored import read_weights
from neural_phylogeny.trees import auto

Model = dict[str, NDArray[np.float32]]
COPY = " again"
RNG = np.random.default_rng(7)


def rounded(model: Model) -> Model:
    """As it is stored in half the bytes."""
    return {name: w.astype(ml_dtypes.bfloat16).astype(np.float32) for name, w in model.items()}


def quantised(model: Model, bits: int) -> Model:
    """Matrices in blocks of 32 values, each a step times a whole number; vectors as they are."""
    return {name: w if w.ndim < 2 else _on_grid(w, bits) for name, w in model.items()}


def _on_grid(weights: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    blocks = np.pad(weights.ravel(), (0, -weights.size % 32)).reshape(-1, 32)
    step = np.maximum(np.abs(blocks).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1), np.finfo(np.float32).tiny)
    found: NDArray[np.float32] = (np.round(blocks / step) * step).astype(np.float32)
    return found.ravel()[: weights.size].reshape(weights.shape)


def nudged(model: Model) -> Model:
    """Every value changed by a thousandth of itself."""
    return {name: (w * (1 + 1e-3 * RNG.standard_normal(w.shape))).astype(np.float32) for name, w in model.items()}


COPIES: dict[str, Callable[[Model], Model] | None] = {
    "none": None,
    "bfloat16": rounded,
    "8 bits": partial(quantised, bits=8),
    "4 bits": partial(quantised, bits=4),
    "nudged": nudged,
}


def part(parents: list[int], n: int) -> list[int]:
    """Up to n connected models: the root of the family or of a part of it, then children of what is taken."""
    children: dict[int, list[int]] = {}
    for child, parent in enumerate(parents):
        children.setdefault(parent, []).append(child)
    inner = [model for model in children if model >= 0 and len(children[model]) > 1]
    taken = [int(RNG.choice(inner)) if inner and RNG.random() < 0.5 else children[-1][0]]
    while len(taken) < n:
        nearby = [c for model in taken for c in children.get(model, ()) if c not in taken]
        if not nearby:
            break
        taken.append(int(RNG.choice(nearby)))
    return taken


def judged(models: dict[str, Model], truth: dict[str, str | None]) -> tuple[int, int, int]:
    """Models whose parent is right; edges of at least 95 %, and right ones of them."""
    above: dict[str, tuple[str, float]] = {}
    for edge in (answer := reconstruct(models)).edges:
        parent, child = edge.parent.removesuffix(COPY), edge.child.removesuffix(COPY)
        if parent != child and edge.parent not in {one.name for one in answer.missing}:
            above[child] = (parent, edge.p_parent or 0.0)
    sure = [child for child, (_, p) in above.items() if p >= 0.95]
    right = [name for name, parent in truth.items() if above.get(name, (None,))[0] == parent]
    return len(right), len(sure), len(set(sure) & set(right))


def parts(folder: Path, count: int) -> Iterator[tuple[dict[str, Model], dict[str, str | None]]]:
    """Parts of each family with their true parents."""
    for path in sorted(folder.glob("weights-*.npz")):
        for family in read_weights(path):
            parents = list(map(int, family.parents))
            for taken in [part(parents, int(RNG.integers(4, 9))) for _ in range(count)]:
                if len(taken) >= 4:
                    above = {k: parents[k] if parents[k] in taken else None for k in taken}
                    models = {
                        str(k): {n: np.asarray(w, np.float32) for n, w in family.models[k].items()} for k in taken
                    }
                    yield models, {str(k): None if p is None else str(p) for k, p in above.items()}


def main() -> None:
    """A row for each kind of copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--parts", type=int, default=4)
    options = parser.parse_args()
    found = {(kind, is_on): np.zeros(4, dtype=int) for kind in COPIES for is_on in (False, True)}
    for models, truth in parts(options.weights, options.parts):
        again = [name for name in models if RNG.random() < 0.7]
        for kind, copied in COPIES.items():
            both = models | ({name + COPY: copied(models[name]) for name in again} if copied else {})
            with patch.object(auto, "among_twins", lambda family, judge: judge(family)):
                found[kind, False] += [len(models), *judged(both, truth)]
            found[kind, True] += [len(models), *judged(both, truth)]
    print("| copies | models | right without | right with | sure without | sure with |\n|---|---|---|---|---|---|")
    for kind in COPIES:
        (n, a, sure_a, ok_a), (_, b, sure_b, ok_b) = found[kind, False], found[kind, True]
        print(f"| {kind} | {n} | {a / n:.3f} | {b / n:.3f} | {ok_a} of {sure_a} | {ok_b} of {sure_b} |")


if __name__ == "__main__":
    main()
