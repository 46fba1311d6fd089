"""Image tasks: from a folder of ``.npz`` files, or from the digits of scikit-learn where there is none."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.zoo.recipes import Recipe

ARRAYS = ("x_train", "y_train", "x_test", "y_test")

VARIANTS = ("inverted", "mirrored", "turned", "relabelled")
"""What a task may be altered by: dark for light, left for right, a quarter turn, each class called the next."""

DIGITS = "digits"
"""The task that needs no data folder."""


@dataclass(frozen=True)
class Task:
    """Images ``(n, height, width, channels)`` uint8 and labels ``(n,)`` from 0, for training and for testing."""

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.y_train.max()) + 1

    @property
    def chance(self) -> float:
        """Accuracy of always naming the commonest class of the test."""
        return float(np.bincount(self.y_test).max() / len(self.y_test))


def load_task(name: str, folder: Path | None) -> Task:
    """A task by name: ``DATASET[/low|/high][~VARIANT]``, the halves being of its classes.

    Raises
    ------
    SavedFileError
        When the file is missing or an array is wrong: which file, what was expected.
    """
    base, _, variant = name.partition("~")
    dataset, _, half = base.partition("/")
    task = _digits() if dataset == DIGITS else _from_file(dataset, folder)
    if half:
        task = _half(task, half)
    return _altered(task, variant) if variant else task


def substitutes(recipe: Recipe) -> dict[str, str]:
    """For each data set that a recipe names, what stands in for it without a data folder: a variant of the digits."""
    trainings = [recipe.pretraining, *(cell.training for cell in recipe.cells)]
    names = dict.fromkeys(task.partition("~")[0].partition("/")[0] for t in trainings for task in t.task)
    variants = ["", *(f"~{variant}" for variant in VARIANTS)]
    return {name: DIGITS + variants[k % len(variants)] for k, name in enumerate(names)}


def substituted(name: str, stands_in: dict[str, str]) -> str:
    """A task with its data set replaced; its own variant wins over the substitute's."""
    base, _, variant = name.partition("~")
    dataset, slash, half = base.partition("/")
    digits, _, other = stands_in[dataset].partition("~")
    altered = variant or other
    return f"{digits}{slash}{half}" + (f"~{altered}" if altered else "")


def _from_file(dataset: str, folder: Path | None) -> Task:
    if folder is None:
        raise SavedFileError(
            f"the task {dataset!r} needs a data folder: --data FOLDER, or NPHYLO_DATA in the environment"
        )
    path = folder / f"{dataset}.npz"
    expected = f"an .npz file with {', '.join(ARRAYS)}"
    try:
        with np.load(path, allow_pickle=False) as data:
            missing = [key for key in ARRAYS if key not in data.files]
            if missing:
                raise SavedFileError(f"{path}: lacks the array {missing[0]!r}; expected {expected}")
            arrays = {key: data[key] for key in ARRAYS}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, SavedFileError):
            raise
        raise SavedFileError(f"{path}: no data here; expected {expected} ({error})") from error
    return _checked(path, arrays)


def _checked(path: Path, arrays: dict[str, NDArray[np.generic]]) -> Task:
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.dtype != np.uint8 or x.ndim not in (3, 4) or (x.ndim == 4 and x.shape[3] not in (1, 3)):
            expected = "uint8 (n, height, width) or (n, height, width, 3)"
            raise SavedFileError(f"{path}: x_{part} is {x.dtype} {x.shape}; expected {expected}")
        if y.dtype.kind not in "iu" or y.shape != (len(x),) or not len(y) or int(y.min()) < 0:
            raise SavedFileError(
                f"{path}: y_{part} is {y.dtype} {y.shape}; expected {len(x)} labels from 0, one an image"
            )
    if int(arrays["y_test"].max()) > int(arrays["y_train"].max()):
        raise SavedFileError(f"{path}: y_test has classes that y_train lacks")
    images = {
        key: (arrays[key] if arrays[key].ndim == 4 else arrays[key][..., None]).astype(np.uint8, copy=False)
        for key in ("x_train", "x_test")
    }
    return Task(
        images["x_train"], arrays["y_train"].astype(np.int64), images["x_test"], arrays["y_test"].astype(np.int64)
    )


def _digits() -> Task:
    """The 1,797 digits of 8 x 8 pixels, one in four of them for testing."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = (data.images * (255 / 16)).astype(np.uint8)[..., None]
    order = np.random.default_rng(0).permutation(len(images))
    test, train = np.split(order, [len(order) // 4])
    labels = data.target.astype(np.int64)
    return Task(images[train], labels[train], images[test], labels[test])


def _half(task: Task, which: str) -> Task:
    if which not in ("low", "high"):
        raise SavedFileError(f"half {which!r} of a task's classes is neither 'low' nor 'high'")
    middle = task.n_classes // 2
    low, high = (0, middle) if which == "low" else (middle, task.n_classes)
    train, test = ((y >= low) & (y < high) for y in (task.y_train, task.y_test))
    return Task(task.x_train[train], task.y_train[train] - low, task.x_test[test], task.y_test[test] - low)


def _altered(task: Task, variant: str) -> Task:
    if variant not in VARIANTS:
        raise SavedFileError(f"variant {variant!r} of a task is none of {', '.join(VARIANTS)}")
    x, y = (task.x_train, task.x_test), (task.y_train, task.y_test)
    if variant == "inverted":
        x = (255 - x[0], 255 - x[1])
    elif variant == "mirrored":
        x = (x[0][:, :, ::-1], x[1][:, :, ::-1])
    elif variant == "turned":
        x = (np.rot90(x[0], axes=(1, 2)), np.rot90(x[1], axes=(1, 2)))
    else:
        y = ((y[0] + 1) % task.n_classes, (y[1] + 1) % task.n_classes)
    return Task(x[0], y[0], x[1], y[1])
