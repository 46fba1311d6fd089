"""Options outside their range are refused with a sentence; filters hold for models in memory too."""

from typing import Any, cast

import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct
from neural_phylogeny.errors import InvalidOptionError
from neural_phylogeny.reconstruction.options import Reading, checked_patterns

NAN = float("nan")

WRONG: dict[str, list[Any]] = {
    "alpha": [0, 1, 2, -1, NAN, float("inf"), "0.1", None, True],
    "sample": [0, -1, 1.01, NAN, "all"],
    "memory": [0, -1, 1.5, None, "1G"],
    "threads": [0, -2, 1.5, True],
    "seed": [-1, 0.5, None],
    "support": [-1, 2.5, True],
    "include": [[1], (None,)],
    "exclude": [[b"x"]],
}


@pytest.fixture
def models(rng):
    return {name: {"w": rng.normal(size=(20, 20)).astype(np.float32)} for name in ("a-old", "a-new", "b-new")}


@pytest.mark.parametrize(("option", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_value_outside_its_range_is_refused(models, option, value):
    with pytest.raises(InvalidOptionError, match=f"^{option} must be ") as caught:
        reconstruct(models, **{option: value})
    assert isinstance(caught.value, ValueError)
    assert caught.value.option == option


@pytest.mark.parametrize("option", ["alpha", "sample", "memory", "threads", "seed"])
def test_compare_refuses_the_same(folder, option):
    path, options = str(folder / "base.npz"), cast(dict[str, Any], {option: -1})
    with pytest.raises(InvalidOptionError, match=f"^{option} must be "):
        compare(path, path, **options)


def test_numbers_of_numpy_are_numbers(models):
    options: dict[str, Any] = {
        "threads": np.int64(2),
        "memory": np.int32(1 << 30),
        "sample": np.float32(0.5),
        "seed": np.uint8(3),
        "alpha": np.float32(0.01),
        "support": np.int64(0),
    }
    assert '"seed": 3' in reconstruct(models, **options).to_json()


def test_one_string_is_one_pattern():
    assert checked_patterns("include", "*.pt") == ("*.pt",)
    assert Reading(include="*.pt", exclude=["a", "b"]).exclude == ("a", "b")


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        ((), (), ["a-old", "a-new", "b-new"]),
        (["a-*"], (), ["a-old", "a-new"]),
        ((), ["*-old"], ["a-new", "b-new"]),
        (["a-*", "b-*"], ["*-old", "b*"], ["a-new"]),
        (["c"], (), []),
    ],
)
def test_filters_choose_among_models_in_memory(models, include, exclude, left):
    assert [model.name for model in reconstruct(models, include=include, exclude=exclude).models] == left


def test_models_in_memory_have_no_components(models):
    with pytest.raises(InvalidOptionError, match="component must be None for models in memory"):
        reconstruct(models, component="ema")
