"""Models with units or layers removed or doubled hang below what they were made from; strangers do not."""

import numpy as np
import pytest

from neural_phylogeny import reconstruct


def network(rng, layers=3, inner=64):
    found = {"embed.weight": rng.normal(size=(40, 32))}
    for k in range(layers):
        found[f"layers.{k}.up.weight"] = rng.normal(size=(inner, 32)) / 6
        found[f"layers.{k}.up.bias"] = rng.normal(size=inner)
        found[f"layers.{k}.down.weight"] = rng.normal(size=(32, inner)) / 8
    found["head.weight"] = rng.normal(size=(40, 32)) / 6
    return {name: values.astype(np.float32) for name, values in found.items()}


@pytest.fixture
def base(rng):
    return network(rng)


def with_layers(model, order):
    found = {name: values for name, values in model.items() if not name.startswith("layers")}
    for k, old in enumerate(order):
        at = f"layers.{old}."
        found |= {f"layers.{k}.{n.removeprefix(at)}": v for n, v in model.items() if n.startswith(at)}
    return found


def with_units(model, order, halved=()):
    found = dict(model)
    for name in ("layers.1.up.weight", "layers.1.up.bias"):
        found[name] = model[name][order]
    down = model["layers.1.down.weight"][:, order].copy()
    down[:, list(halved)] /= 2
    return found | {"layers.1.down.weight": down}


def claim(answer):
    return [(edge.parent, edge.child, edge.kind) for edge in answer.edges]


def test_units_that_were_removed(base, rng):
    kept = np.sort(rng.permutation(64)[:40])
    models = {"part": with_units(base, kept), "base": base, "stranger": network(rng)}
    assert claim(reconstruct(models)) == [("base", "part", "pruned")]


def test_units_that_were_doubled(base, rng):
    more = rng.permutation(64)[:20]
    wide = with_units(base, np.append(np.arange(64), more), [*more, *range(64, 84)])
    assert claim(reconstruct({"wide": wide, "base": base, "stranger": network(rng)})) == [("base", "wide", "grown")]


@pytest.mark.parametrize(
    ("order", "kind"), [((0, 2), "pruned"), ((0, 1, 1, 2), "grown"), ((0, 1, 2, 0, 1, 2), "grown")]
)
def test_layers_that_were_dropped_or_doubled(base, rng, order, kind):
    models = {"other": with_layers(base, order), "base": base, "stranger": network(rng)}
    assert claim(reconstruct(models)) == [("base", "other", kind)]


def test_strangers_of_other_sizes_stay_strangers(base, rng):
    answer = reconstruct({"base": base, "small": network(rng, inner=48), "deep": network(rng, layers=5)})
    assert not answer.edges
    assert not answer.undirected


def test_a_tune_of_what_was_pruned_stays_below_it(base, rng):
    kept = np.sort(rng.permutation(64)[:40])
    part = with_units(base, kept)
    tuned = {name: (w + 0.02 * rng.normal(size=w.shape)).astype(np.float32) for name, w in part.items()}
    answer = reconstruct({"part": part, "base": base, "tuned": tuned})
    assert answer.parent_of("tuned") == "part"


def test_what_has_a_copy_under_other_names_stays_a_copy(base, rng):
    part = with_units(base, np.sort(rng.permutation(64)[:40]))
    answer = reconstruct({"part": part, "base": base, "ported": {f"model.{name}": w for name, w in part.items()}})
    assert [set(group) for group in answer.copies] == [{"part", "ported"}]
