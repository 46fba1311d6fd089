"""Time of the detector after the pass: features and network, in NumPy. ``python benchmarks/detector_speed.py``"""

from __future__ import annotations

import time

from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.options import Reading
from planted import planted

CASES = ((10, 20), (50, 100), (200, 20), (200, 100))


def family(n_models: int, n_matrices: int) -> Measurements:
    """What the detector measures of one family of small matrices."""
    models, _ = planted(n_models, 1, {f"l{k}.weight": (16, 16) for k in range(n_matrices)})
    return Measurements.of(gather(models, Reading()).groups[0].statistics)


def main() -> None:
    """Print a row for each case."""
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
