"""Files that are not models are recognised by their content."""

import numpy as np
import pytest

from neural_phylogeny.errors import DamagedFileError, NoModelError
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.sources.contents import refuse_what_is_no_model


def kind(arrays: dict[str, np.ndarray], is_named: bool = False) -> str:
    """What it is, and nothing for a model."""
    try:
        refuse_what_is_no_model(MemoryCheckpoint(arrays), "x", is_named)
    except NoModelError as error:
        return error.kind
    return ""


def covariance(rng: np.random.Generator, n: int = 40) -> np.ndarray:
    return np.cov(rng.normal(size=(500, n)) @ rng.normal(size=(n, n)), rowvar=False)


@pytest.mark.parametrize("names", [("mu", "sigma"), ("mean", "cov"), ("0", "1")])
def test_a_mean_and_a_covariance_are_no_model(rng: np.random.Generator, names: tuple[str, str]) -> None:
    for dtype in (np.float64, np.float32):
        assert kind(dict(zip(names, (np.zeros(40, dtype), covariance(rng).astype(dtype)), strict=True))) == "statistics"


def test_a_square_layer_is_a_model(rng: np.random.Generator) -> None:
    for matrix in (rng.normal(size=(40, 40)), np.eye(40), np.abs(rng.normal(size=(40, 40)))):
        assert kind({"weight": matrix, "bias": np.zeros(40)}) == ""
    symmetric = rng.normal(size=(40, 40))
    assert kind({"weight": symmetric + symmetric.T, "bias": np.zeros(40)}) == ""
    assert kind({"w": covariance(rng)}) == ""


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train"),
        ("features",),
        ("train_returns", "valid_returns"),
        ("images", "labels"),
        ("testLoss", "epoch"),
    ],
)
def test_arrays_that_are_called_like_data_are_no_model_unless_they_are_named(
    rng: np.random.Generator, names: tuple[str, ...]
) -> None:
    arrays = {name: rng.normal(size=(60, 20)) for name in names}
    assert (kind(arrays), kind(arrays, is_named=True)) == ("data", "")
    assert kind({**arrays, "fc.weight": rng.normal(size=(3, 4))}) == ""


@pytest.mark.parametrize("name", ["w", "arr_0", "W1", "0", "layers.0.kernel", "features.0.weight", "embedding"])
def test_arrays_that_may_be_weights_are_a_model(rng: np.random.Generator, name: str) -> None:
    assert kind({name: rng.normal(size=(60, 20))}) == ""


@pytest.mark.parametrize(
    "names",
    [
        ("0.weight.exp_avg", "0.weight.exp_avg_sq"),
        ("exp_avg/0.weight", "exp_avg/0.bias"),
        ("mu/dense/kernel", "nu/dense/kernel"),
        ("optimizer.m.w", "optimizer.v.w"),
        ("w.momentum_buffer",),
    ],
)
def test_moments_are_no_model_and_are_left_out_of_one(rng: np.random.Generator, names: tuple[str, ...]) -> None:
    moments = {name: rng.normal(size=(6, 5)) for name in names} | {"step": np.array(3.0)}
    assert kind(moments, is_named=True) == "training state"
    both = MemoryCheckpoint({**moments, "w": rng.normal(size=(6, 5))})
    notes = refuse_what_is_no_model(both, "x", is_named=False)
    assert list(both.tensors) == ["w"]
    assert notes == (f"{len(moments)} moments of an optimiser are left out",)


def test_weights_called_by_the_letters_of_moments_are_weights(rng: np.random.Generator) -> None:
    for names in (("v.weight", "k.weight"), ("q", "k", "v"), ("m.w", "v.w2")):
        assert kind({name: rng.normal(size=(6, 5)) for name in names}) == ""


def test_empty_tensors_are_named(rng: np.random.Generator) -> None:
    empty = {name: np.zeros(0, np.float32) for name in "ab"}
    with pytest.raises(DamagedFileError) as caught:
        refuse_what_is_no_model(MemoryCheckpoint(empty), "x", is_named=False)
    assert str(caught.value).startswith("x: all tensors are empty: saved without gathering. Save it again")
    notes = refuse_what_is_no_model(MemoryCheckpoint({**empty, "w": rng.normal(size=(6, 5))}), "x", is_named=False)
    assert notes == ("2 of 3 tensors are empty: saved without gathering",)
