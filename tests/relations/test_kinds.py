"""Exact facts prove how a model was made, and training on top of it takes the proof away."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.relations.exact import STRONG, exact_marks
from neural_phylogeny.relations.explanations.whole import explanation


@pytest.fixture
def root(rng):
    return {"a": rng.normal(size=(60, 50)).astype(np.float32), "b": rng.normal(size=(40, 60)).astype(np.float32)}


def trained(model, rng, moved=0.05):
    """A step with strong directions and long tails, as training leaves; normal noise would be another kind."""
    return {
        name: (
            w + moved * rng.standard_t(3, size=w.shape) + moved * np.outer(rng.normal(size=len(w)), w.mean(axis=0))
        ).astype(np.float32)
        for name, w in model.items()
    }


def pruned(model, share=0.5):
    return {name: np.where(np.abs(w) < np.quantile(np.abs(w), share), 0, w) for name, w in model.items()}


def in_eight_bits(model):
    steps = {name: np.abs(w).max() / 127 for name, w in model.items()}
    return {name: (np.round(w / steps[name]) * steps[name]).astype(np.float32) for name, w in model.items()}


def cast(model, dtype):
    return {name: w.astype(dtype).astype(np.float32) for name, w in model.items()}


def narrowed(model, units=30):
    return {"a": model["a"][:units], "b": model["b"][:, :units]}


MADE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "copy": dict,
    "pruned": pruned,
    "cast": lambda model: cast(model, ml_dtypes.bfloat16),
    "quantized": in_eight_bits,
}


def kinds(statistics, i, j):
    """All that arithmetic shows of j as made from i; a step of normal weights looks like noise."""
    found = explanation(statistics, i, j)
    return [kind for kind in (found.kind, *found.also) if kind not in ("finetune", "noised")] if found else []


@pytest.mark.parametrize("kind", MADE)
def test_what_was_only_made_has_its_kind_and_no_other(measured, root, kind):
    statistics = measured(root, MADE[kind](root))
    assert kinds(statistics, 0, 1) == [kind]
    assert kinds(statistics, 1, 0) == ([kind] if kind == "copy" else [])


@pytest.mark.parametrize("kind", MADE)
def test_what_was_trained_afterwards_has_no_kind(measured, root, rng, kind):
    statistics = measured(root, trained(MADE[kind](root), rng))
    assert kinds(statistics, 0, 1) == [] == kinds(statistics, 1, 0)


@pytest.mark.parametrize("kind", MADE)
def test_unrelated_models_have_no_kind(measured, root, rng, kind):
    other = {name: rng.normal(size=w.shape).astype(np.float32) for name, w in root.items()}
    statistics = measured(root, MADE[kind](other))
    assert kinds(statistics, 0, 1) == [] == kinds(statistics, 1, 0)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn])
def test_a_cast_to_any_floating_point_type_is_a_cast(measured, root, dtype):
    assert kinds(measured(root, cast(root, dtype)), 0, 1) == ["cast"]


def test_a_pruned_copy_with_a_trained_head_was_trained_too(measured, rng):
    body = {f"{k}": rng.normal(size=(60, 60)).astype(np.float32) for k in range(4)}
    root = body | {"head": rng.normal(size=(4, 60)).astype(np.float32)}
    child = pruned(root)
    child["head"] = trained(child, rng)["head"]
    found = explanation(measured(root, child), 0, 1)
    assert found is not None
    assert (found.kind, found.shares["pruned"] < 1.0) == ("pruned", True)


def on_grid(model, factor=1.0):
    """On a grid of the given multiple of the spacing that 8 bits have: 160 levels or so at 1.6."""
    steps = {name: factor * np.abs(w).max() / 127 for name, w in model.items()}
    return {name: (np.round(w / steps[name]) * steps[name]).astype(np.float32) for name, w in model.items()}


@pytest.mark.parametrize("factor", [1.0, 1.6, 4.0, 16.0])
def test_a_grid_need_not_end_at_the_largest_value(measured, root, factor):
    statistics = measured(root, on_grid(root, factor))
    assert kinds(statistics, 0, 1) == ["quantized"]
    assert kinds(statistics, 1, 0) == []


@pytest.mark.parametrize("factor", [1.0, 1.6, 4.0])
@pytest.mark.parametrize("moved", [0.02, 0.1, 0.15])
def test_a_short_training_of_a_quantised_model_is_not_the_model_that_was_quantised(measured, root, rng, factor, moved):
    quantised = on_grid(root, factor)
    tuned = {
        name: (w + moved * factor * np.abs(root[name]).max() / 127 * rng.standard_t(5, size=w.shape)).astype(np.float32)
        for name, w in quantised.items()
    }
    statistics = measured(tuned, quantised)
    assert kinds(statistics, 0, 1) == [] == kinds(statistics, 1, 0)
    assert exact_marks(statistics)["off-grid"].tolist() == [[0.0, -STRONG], [STRONG, 0.0]]


def test_a_relative_of_the_float_model_was_not_quantised(measured, root, rng):
    statistics = measured(trained(root, rng), on_grid(root, 1.6))
    assert kinds(statistics, 0, 1) == [] == kinds(statistics, 1, 0)
    assert not exact_marks(statistics)["off-grid"].any()


@pytest.mark.parametrize("outlier", [20.0, 300.0, 5000.0])
def test_outliers_that_widen_the_grid_make_nobody_a_child(measured, root, outlier):
    root["a"][0, 0] = root["b"][0, 0] = outlier
    statistics = measured(root, on_grid(root))
    assert kinds(statistics, 1, 0) == []
    assert not exact_marks(statistics)["off-grid"].any()


def test_a_pruned_model_that_was_quantised_is_quantised(measured, root):
    statistics = measured(pruned(root, 0.8), on_grid(pruned(root, 0.8), 1.6))
    assert kinds(statistics, 0, 1) == ["quantized"]
    assert not exact_marks(statistics)["off-grid"].any()


def test_values_that_are_not_finite_prove_nothing(measured, root):
    broken = {name: np.full_like(w, np.nan) for name, w in root.items()}
    statistics = measured(root, broken)
    assert kinds(statistics, 0, 1) == [] == kinds(statistics, 1, 0)
