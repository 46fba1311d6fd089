"""Data sets from a folder, and the digits that stand in for them."""

import numpy as np
import pytest

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.zoo.recipes import known_recipes, read_recipe
from neural_phylogeny.lab.zoo.tasks import DIGITS, VARIANTS, load_task, substituted, substitutes


def arrays(n=20, shape=(8, 8), classes=4):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n, *shape), dtype=np.uint8)
    y = np.arange(n) % classes
    return {"x_train": x, "y_train": y, "x_test": x, "y_test": y}


def test_a_folder_of_arrays_is_read(tmp_path):
    np.savez(tmp_path / "own.npz", **arrays())
    task = load_task("own", tmp_path)
    assert task.x_train.shape == (20, 8, 8, 1)
    assert (task.n_classes, task.chance) == (4, 0.25)


def test_halves_have_different_classes_numbered_from_zero(tmp_path):
    np.savez(tmp_path / "own.npz", **arrays())
    low, high = load_task("own/low", tmp_path), load_task("own/high", tmp_path)
    assert (low.n_classes, high.n_classes) == (2, 2)
    assert len(low.x_train) + len(high.x_train) == 20
    assert not np.array_equal(low.x_train, high.x_train)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_another_task_of_the_same_size(variant):
    plain, altered = load_task(DIGITS, None), load_task(f"{DIGITS}~{variant}", None)
    assert plain.x_train.shape == altered.x_train.shape
    assert not (np.array_equal(plain.x_train, altered.x_train) and np.array_equal(plain.y_train, altered.y_train))


def test_train_and_test_of_the_digits_share_no_image():
    task = load_task(DIGITS, None)
    assert len(task.x_train) + len(task.x_test) == 1797
    assert task.chance < 0.15


@pytest.mark.parametrize("name", known_recipes())
def test_digits_stand_in_for_every_task_of_every_recipe(name):
    recipe = read_recipe(name)
    stands_in = substitutes(recipe)
    pretrained = substituted(recipe.pretraining.task[0], stands_in)
    load_task(pretrained, None)
    for cell in recipe.cells:
        for task in cell.training.task:
            assert load_task(substituted(task, stands_in), None).n_classes in (5, 10)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"y_test": None}, "lacks the array 'y_test'"),
        ({"x_train": np.zeros((20, 8, 8))}, "x_train is float64"),
        ({"x_test": np.zeros((20, 8, 8, 2), np.uint8)}, "x_test is uint8"),
        ({"y_train": np.zeros(3, int)}, "expected 20 labels"),
        ({"y_train": np.full(20, -1)}, "labels from 0"),
        ({"y_test": np.full(20, 9)}, "classes that y_train lacks"),
    ],
)
def test_wrong_arrays_are_named(tmp_path, change, complaint):
    content = {key: value for key, value in (arrays() | change).items() if value is not None}
    np.savez(tmp_path / "own.npz", **content)
    with pytest.raises(SavedFileError, match=complaint) as caught:
        load_task("own", tmp_path)
    assert "own.npz" in str(caught.value)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(SavedFileError, match=r"own\.npz: no data here; expected an \.npz file"):
        load_task("own", tmp_path)
    (tmp_path / "own.npz").write_bytes(b"PK nothing")
    with pytest.raises(SavedFileError, match="no data here"):
        load_task("own", tmp_path)
    with pytest.raises(SavedFileError, match="NPHYLO_DATA"):
        load_task("own", None)
    with pytest.raises(SavedFileError, match="half 'middle'"):
        load_task("digits/middle", None)
    with pytest.raises(SavedFileError, match="variant 'upside'"):
        load_task("digits~upside", None)
