"""Models whose tensors have very many shapes: what is compared, and what is said of the rest."""

import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct
from neural_phylogeny.reconstruction import forms
from neural_phylogeny.reconstruction.forms import of_many_shapes


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    """A bound that small models reach."""
    monkeypatch.setattr(forms, "MOST_SHAPES", 8)
    monkeypatch.setattr("neural_phylogeny.reconstruction.relate.MOST_SHAPES", 8)


def model(seed: int, n: int, size: int = 24, prefix: str = "layer") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"{prefix}.{k}.weight": rng.normal(size=(size + k, 30)).astype("f4") for k in range(n)}


def tuned(base: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: w + rng.normal(size=w.shape).astype("f4") * np.float32(0.05) for name, w in base.items()}


def test_the_shapes_that_hold_most_values_are_compared_and_the_remark_says_so():
    base = model(0, 20)
    found = compare(base, tuned(base, 1))
    assert found.verdict in ("parent", "child", "related")
    assert {tensor.name for tensor in found.tensors} == {f"layer.{k}.weight" for k in range(12, 20)}
    assert found.a.remark == "has tensors of 20 shapes; those of the 8 that hold most of its values are compared"
    assert found.coverage is not None
    assert found.coverage < 0.7


def test_as_many_shapes_as_allowed_are_all_compared():
    base = model(0, 8)
    found = compare(base, tuned(base, 1))
    assert len(found.tensors) == 8
    assert found.a.remark == ""
    assert of_many_shapes({}) == ""


def test_equal_models_are_no_copies_where_a_part_of_them_was_not_compared():
    base = model(0, 20)
    other = dict(base)
    other["layer.0.weight"] = -other["layer.0.weight"]
    assert compare(base, other).verdict != "copies"
    assert compare(base, dict(base)).verdict != "copies"


def test_junk_of_many_shapes_hides_no_descent():
    """Small tensors of a hundred further shapes, in one of the two: what both have holds more values."""
    base = model(0, 4)
    child = tuned(base, 1) | model(2, 100, size=2, prefix="junk")
    child |= {f"junk.{k}.weight": w[:, : 2 + k % 7] for k, w in enumerate(model(2, 100, size=2).values())}
    found = compare(base, child)
    assert found.verdict in ("parent", "child", "related")
    assert len(found.tensors) == 4


def test_what_two_models_are_compared_on_does_not_depend_on_a_third():
    base = model(0, 20)
    child = tuned(base, 1)
    alone = reconstruct({"base": base, "child": child})
    beside = reconstruct({"base": base, "child": child, "other": model(5, 30, prefix="other")})
    assert alone.edges[0].similarity == beside.edges[0].similarity
    assert alone.edges[0].coverage == beside.edges[0].coverage
