"""Which units and layers of two models belong together."""

import tracemalloc
from itertools import combinations
from typing import Any

import numpy as np

from neural_phylogeny.relations import resizes
from neural_phylogeny.relations.resizes import find_resize, in_order

_RESTS = ("a.weight", "b.weight")


def test_the_places_of_kept_units(rng):
    large = {"a": rng.normal(size=(12, 40)), "bias": rng.normal(size=12), "b": rng.normal(size=(16, 12))}
    kept = np.array([1, 2, 5, 7, 8, 9, 11])
    small = {"a": large["a"][kept], "bias": large["bias"][kept], "b": large["b"][:, kept]}
    shapes = [{name: values.shape for name, values in model.items()} for model in (small, large)]
    found = find_resize(small, large, *shapes)
    assert found is not None
    assert found.is_scattered
    assert not found.is_grown
    for axis in (found.places["a"].rows, found.places["bias"].rows, found.places["b"].columns):
        assert axis is not None
        assert axis.tolist() == kept.tolist()


def test_strangers_have_no_places(rng):
    shapes = [{"a": (7, 40), "b": (16, 7)}, {"a": (12, 40), "b": (16, 12)}]
    models = [{name: rng.normal(size=shape) for name, shape in one.items()} for one in shapes]
    assert find_resize(*models, *shapes) is None


def test_matrices_of_many_rows_are_looked_at_in_part(rng):
    large = {"a": rng.normal(size=(12, 40)), "b": rng.normal(size=(6000, 12))}
    kept = np.arange(1, 8)
    small = {"a": large["a"][kept], "b": large["b"][:, kept]}
    tracemalloc.start()
    found = find_resize(small, large, *({name: values.shape for name, values in m.items()} for m in (small, large)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is not None
    assert peak < 150e6, "the cosines of all rows would be 288 MB"


def test_a_vocabulary_that_grew_is_compared_in_little_memory(rng):
    """The cosines of all new words with all old ones would take 300 MB."""
    words = rng.normal(size=(20_000, 16)).astype(np.float32)
    small, large = {"w.weight": words[:6_000]}, {"w.weight": words}
    tracemalloc.start()
    found = find_resize(small, large, {"w.weight": (6_000, 16)}, {"w.weight": (20_000, 16)})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found is not None
    assert not found.is_grown
    assert peak < 64 << 20


def test_layers_of_huge_weights_belong_nowhere():
    """Their squares are infinite in single precision, and infinity over itself is no number."""
    huge: Any = np.full((4, 8), 3e38, dtype=np.float32)
    small, large = ({f"l.{k}.w": huge for k in range(n)} for n in (3, 5))
    shapes, larger = (dict.fromkeys(model, (4, 8)) for model in (small, large))
    with np.errstate(over="ignore", invalid="ignore"):
        assert find_resize(small, large, shapes, larger) is None


def test_layers_of_thousands_are_not_paired():
    shapes, larger = ({f"l.{k}.w": (4, 8) for k in range(n)} for n in (1_000, 2_000))
    assert find_resize({}, {}, shapes, larger) is None  # nothing is read


def test_layers_are_paired_the_same_however_few_are_held(rng, monkeypatch):
    large = {f"h.{k}.{rest}": rng.normal(size=(8, 8)) for k in range(7) for rest in _RESTS}
    small = {f"h.{k}.{rest}": large[f"h.{own}.{rest}"] for k, own in enumerate((0, 2, 3, 6)) for rest in _RESTS}
    shapes = [dict.fromkeys(model, (8, 8)) for model in (small, large)]
    places = []
    for held in (1 << 22, 100):
        monkeypatch.setattr(resizes, "HELD", held)
        found = find_resize(small, large, *shapes)
        assert found is not None
        places.append({name: place.name for name, place in found.places.items()})
    assert (
        places[0] == places[1] == {f"h.{own}.{r}": f"h.{k}.{r}" for k, own in enumerate((0, 2, 3, 6)) for r in _RESTS}
    )


def test_columns_in_order_have_the_largest_sum_of_all(rng):
    alike = rng.normal(size=(4, 7))
    best = max((sum(alike[i, j] for i, j in enumerate(chosen)), chosen) for chosen in combinations(range(7), 4))
    assert [j for _, j in in_order(alike)] == list(best[1])
