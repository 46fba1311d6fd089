"""Two writers that add the same models, killed at random moments: run by ``test_kills.py`` in a process of its own.

Arguments: folder of the index, number of kills. Each writer notes in a file the models that ``add`` reported.
"""

import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from neural_phylogeny.formats.fingerprint import Fingerprint, Source
from neural_phylogeny.index import store
from neural_phylogeny.inputs import TensorInfo

MODELS = 120


def model(number: int) -> Fingerprint:
    values = np.random.default_rng(number).normal(size=(24, 24)).astype("f4")
    return Fingerprint(
        {"w": TensorInfo(name="w", shape=values.shape, dtype="float32")}, {"w": values}, Source(f"m{number}", "npz")
    )


def write(folder: Path, numbers: list[int], safe: Path) -> None:
    store.TOGETHER = 3
    with safe.open("a", encoding="ascii") as notes, store.Index(folder, is_new=True) as index:
        for name, _ in index.add((f"m{k}", "", model(k)) for k in numbers):
            notes.write(f"{name}\n")
            notes.flush()


def fork(folder: Path, numbers: list[int], safe: Path) -> int:
    child = os.fork()
    if child == 0:
        write(folder, numbers, safe)
        os._exit(0)
    return child


def main(folder: Path, kills: int) -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    draw = random.Random(0)
    numbers = list(range(MODELS))
    safe = [folder.parent / f"safe{writer}" for writer in range(2)]
    running = [fork(folder, numbers[:: 1 - 2 * writer], safe[writer]) for writer in range(2)]
    for _ in range(kills):
        time.sleep(draw.uniform(0.0, 0.06))
        writer = draw.randrange(2)
        os.kill(running[writer], signal.SIGKILL)
        os.waitpid(running[writer], 0)
        draw.shuffle(numbers)
        running[writer] = fork(folder, list(numbers), safe[writer])
    for child in running:
        assert os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
