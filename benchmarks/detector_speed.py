"""Time of the detector after the pass: features and network, in NumPy. ``python benchmarks/detector_speed.py``"""

from __future__ import annotations

import time

import numpy as np

from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.lab.families.measured import statistics_of

CASES = ((10, 20), (50, 100), (200, 20), (200, 100))


def family(n_models: int, n_matrices: int) -> Measurements:
    """A star of small matrices."""
    rng = np.random.default_rng(0)
    root = [rng.normal(size=(16, 16)).astype(np.float32) for _ in range(n_matrices)]
    models = [root] + [
        [w + 0.2 * rng.normal(size=w.shape).astype(np.float32) for w in root] for _ in range(n_models - 1)
    ]
    return Measurements.of(statistics_of([{f"l{k}.weight": w for k, w in enumerate(model)} for model in models]))


def main() -> None:
    chosen = detector()
    print("| models | matrices | features (s) | network (s) | together |\n|---|---|---|---|---|")
    for n_models, n_matrices in CASES:
        measured = family(n_models, n_matrices)
        started = time.perf_counter()
        inputs = Inputs.of(measured)
        between = time.perf_counter()
        chosen.probabilities(inputs)
        done = time.perf_counter()
        print(
            f"| {n_models} | {n_matrices} | {between - started:.2f} | {done - between:.2f} | {done - started:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
