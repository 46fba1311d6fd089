"""The images of the tasks, small and grey, and the variants that make many tasks of a few data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families.prior import PictureViews, draw
from neural_phylogeny.lab.zoo.tasks import DIGITS, VARIANTS, Task, load_task

SIDES = (8, 10, 14, 20, 28)

MOST = 4000
"""Images of a data set that are used."""

TRAINING_SETS = ("mnist", "fmnist", "kannada_mnist", "ahcd_arabic_letters", "cifar10")

TEST_SETS = ("emnist_letters", "notmnist_letters", "tinyimagenet100_32")
"""Left out of the training by default, so that a detector can be tested on tasks it never saw."""

Pictures = Mapping[str, "DataSet"]


@dataclass(frozen=True)
class DataSet:
    """Images (n, side * side) float32 in [0, 1] for each side, and their labels (n,)."""

    images: dict[int, NDArray[np.float32]]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """One task of a batch: its name, its images (n, pixels) as a network gets them, its labels (n,).

    Labels may also be tokens (n, places), or what is to be found for each value (n, values). ``lacks`` are beginnings
    of the names of tensors that a model of this task does not have.
    """

    name: str
    x: NDArray[np.float32]
    y: NDArray[Any]
    lacks: tuple[str, ...] = ()


def load_pictures(folder: Path | None, datasets: Sequence[str] = TRAINING_SETS) -> dict[str, DataSet]:
    """The data sets of a folder; without one, the digits of scikit-learn and their variants."""
    if folder is None:
        names = [DIGITS, *(f"{DIGITS}~{variant}" for variant in VARIANTS if variant != "relabelled")]
        return {name: small(load_task(name, None)) for name in names}
    return {name: small(load_task(name, folder)) for name in datasets}


def small(task: Task) -> DataSet:
    """The training images of a task, mean over colours and areas."""
    grey = task.x_train[:MOST].mean(axis=3, dtype=np.float32) / np.float32(255.0)
    images = {}
    for side in SIDES:
        rows, columns = (_areas(length, side) for length in grey.shape[1:])
        images[side] = np.ascontiguousarray((rows @ grey @ columns.T).reshape(len(grey), -1), dtype=np.float32)
    return DataSet(images, task.y_train[:MOST])


def draw_views(
    pictures: Pictures, side: int, classes: int, number: int, prior: PictureViews, rng: np.random.Generator
) -> list[View]:
    """Tasks: data sets as they are, inverted, with pixels in another order, with classes renamed."""
    names = list(pictures)
    scaling = draw(rng, prior.scalings)
    views = []
    for _ in range(number):
        name = draw(rng, names)
        data, variant = pictures[name], draw(rng, prior.variants)
        names_of_classes = rng.permutation(int(data.labels.max()) + 1) if variant == "relabelled" else None
        y = data.labels if names_of_classes is None else names_of_classes[data.labels]
        kept = y < classes
        x, y = data.images[side][kept], y[kept]
        if variant == "inverted":
            x = 1.0 - x
        elif variant == "permuted":
            x = x[:, rng.permutation(x.shape[1])]
        views.append(View(f"{name}~{variant}" if variant else name, _scaled(x, scaling), y))
    return views


def _scaled(x: NDArray[np.float32], scaling: str) -> NDArray[np.float32]:
    if scaling == "unit":
        return x
    middle, spread = (0.5, 0.5) if scaling == "signed" else (float(x.mean()), float(x.std()) + 1e-6)
    return np.asarray((x - middle) / spread, dtype=np.float32)


def _areas(length: int, side: int) -> NDArray[np.float32]:
    """Matrix (side, length) that takes means over equal parts of a line, splitting pixels where it must."""
    edges = np.linspace(0.0, length, side + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1.0) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(overlap, 0.0, None) * (side / length), dtype=np.float32)
