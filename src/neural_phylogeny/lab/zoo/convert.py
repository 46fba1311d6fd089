"""Folders of images, as torchvision's ``ImageFolder`` reads them, to a data set of the zoo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.atomic import replacing

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm"}


def convert(folder: Path, target: Path, *, side: int, colour: bool, test_share: float) -> tuple[int, int, int]:
    """Write ``target`` and return (training images, test images, classes).

    ``folder`` holds ``train/CLASS/*`` and ``test/CLASS/*`` (``val`` will do), or ``CLASS/*`` alone, of which a share
    is held out. Classes are numbered in the order of their names; images are shuffled by a fixed seed.

    Raises
    ------
    SavedFileError
        When there are no images, when an image cannot be read, or when the test has classes that training lacks.
    """
    train_folder = folder / "train"
    test_folder = next((folder / name for name in ("test", "val") if (folder / name).is_dir()), None)
    if train_folder.is_dir() and test_folder is not None:
        classes = _classes(train_folder)
        unknown = sorted(set(_classes(test_folder)) - set(classes))
        if unknown:
            raise SavedFileError(f"{test_folder}: the class {unknown[0]!r} is not in {train_folder}")
        train, test = (_listed(part, classes) for part in (train_folder, test_folder))
    else:
        classes = _classes(folder)
        everything = _listed(folder, classes)
        held_out = max(1, round(test_share * len(everything)))
        train, test = everything[held_out:], everything[:held_out]
    arrays = {}
    for part, listed in (("train", train), ("test", test)):
        arrays[f"x_{part}"] = np.stack([_image(path, side, colour) for path, _ in listed])
        arrays[f"y_{part}"] = np.array([label for _, label in listed], dtype=np.int64)
    with replacing(target) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays, classes=np.array(classes))
    return len(train), len(test), len(classes)


def _classes(folder: Path) -> list[str]:
    found = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not found:
        raise SavedFileError(f"{folder}: expected a folder of images for each class, found none")
    return found


def _listed(folder: Path, classes: list[str]) -> list[tuple[Path, int]]:
    """Images and labels, shuffled by a fixed seed."""
    found = [
        (path, label)
        for label, name in enumerate(classes)
        for path in sorted((folder / name).glob("*") if (folder / name).is_dir() else [])
        if path.suffix.lower() in SUFFIXES
    ]
    if len(found) < 2:
        raise SavedFileError(f"{folder}: expected images ({', '.join(sorted(SUFFIXES))}) in folders of classes")
    return [found[k] for k in np.random.default_rng(0).permutation(len(found))]


def _image(path: Path, side: int, colour: bool) -> NDArray[np.uint8]:
    """(side, side, 3), or (side, side) in grey."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB" if colour else "L").resize((side, side)), dtype=np.uint8)
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        raise SavedFileError(f"{path}: not an image that can be read ({error})") from error
