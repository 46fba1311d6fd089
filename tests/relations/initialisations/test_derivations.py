"""Draws under keys, found in what the libraries themselves drew.

``keyed_draws.json`` has matrices of small networks as Flax 0.12.8 on JAX 0.10.2 (``jax_threefry_partitionable`` on, and
off for those named *old*; ``Module.init(split(key(seed))[1])``, ``nnx.Rngs(seed)``) and Keras 3.15.1 on JAX and on
TensorFlow 2.21 (``set_random_seed(seed)``) initialise them.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.relations.initialisations.derivations import DERIVATIONS
from neural_phylogeny.relations.initialisations.draws import Draw, find_draw
from neural_phylogeny.relations.initialisations.independence import distances
from neural_phylogeny.relations.initialisations.leading import Leading
from neural_phylogeny.relations.initialisations.search import FALSE_ALARMS

DRAWN = json.loads(Path(__file__).with_name("keyed_draws.json").read_text())
SEEDS = (0, 42, 1, 2, 3, 7)


def found(models, seeds=SEEDS) -> Draw:
    """Their draw, searched under keys alone."""
    draw = find_draw(models, seeds, (), 1 << 10)
    assert draw is not None
    return draw


def leading(tensors, moved=()):
    """The tensors of models that moved from one initialisation by so many of its deviations."""
    tried, rng = [], np.random.default_rng(1)
    for name, tensor in tensors.items():
        z = np.array(tensor["values"])
        models = [z + rng.normal(0, size * z.std(), z.size) for size in moved]
        fans = tuple(tensor["shape"])
        tried.append(Leading(name, np.array(models, dtype=np.float32), z.size, fans))
    return tried


@pytest.mark.parametrize("name", DRAWN)
def test_what_a_library_drew_is_found_under_its_seed(name):
    seed, tensors = DRAWN[name]["seed"], DRAWN[name]["tensors"]
    models = leading(tensors, (0.3, 0.5, 0.4))
    draw = found(models)
    assert (draw.seed, draw.first.stream) == (seed, name)
    assert {tensor.name for tensor in draw.tensors} == set(tensors)
    assert draw.log_p < np.log(FALSE_ALARMS)
    exact = leading(tensors, (0.0, 0.0))
    assert distances(exact, found(exact)) == pytest.approx(np.zeros(2), abs=2e-3)


def test_schemes_of_flax_and_keras_are_named():
    flax, keras = (found(leading(DRAWN[name]["tensors"], (0.1,))) for name in ("flax", "keras-tensorflow"))
    assert str(flax) == "drawn by LeCun normal of Flax under seed 42, with the key of its path"
    assert str(keras) == "drawn by Xavier uniform of Keras on TensorFlow under seed 42, with initialiser 0 of the seed"
    schemes = {tensor.name: tensor.scheme for tensor in flax.tensors}
    assert schemes["params.block.Dense_0.kernel"] == "normal of deviation 0.02"
    assert schemes["params.block.Dense_1.kernel"] == "Xavier uniform"


def test_a_seed_that_is_not_tried_is_not_found():
    for one in DRAWN.values():
        seeds = [seed for seed in SEEDS[:3] if seed != one["seed"]]
        assert find_draw(leading(one["tensors"], (0.3,)), seeds, (), 1 << 10) is None


def test_draws_of_pytorch_on_a_gpu_are_those_that_it_prints():
    one, calls = DERIVATIONS["cuda"], np.arange(2)
    uniform = one.values(0, "", calls, 8, 4, "uniform") / 12**0.5 + 0.5
    normal = one.values(0, "", calls, 8, 8, "normal")
    assert uniform[0] == pytest.approx([0.3990, 0.5167, 0.0249, 0.9401], abs=1e-4)  # torch.rand after manual_seed(0)
    assert uniform[1] == pytest.approx([0.9722, 0.7910, 0.4690, 0.3300], abs=1e-4)  # and once more
    printed = [-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284]
    assert normal[0] == pytest.approx(printed, abs=1e-4)
    other = one.values(42, "", calls, 8, 3, "normal")
    assert other[0] == pytest.approx([0.1940, 2.1614, -0.1721], abs=1e-4)


def test_a_network_that_a_gpu_drew_is_found():
    one, rng = DERIVATIONS["cuda"], np.random.default_rng(0)
    models = []
    for call, name in ((0, "a.weight"), (2, "b.weight")):
        z = one.values(42, name, np.array([call]), 500, 500, "normal")[0]
        models.append(Leading(name, (z + rng.normal(0, 1, (2, 500))).astype(np.float32), 500, (25, 20)))
    draw = found(models)
    assert {tensor.name: tensor.place for tensor in draw.tensors} == {"a.weight": 0, "b.weight": 2}
    assert "under seed 42, in call 0 of its generator" in str(draw)


@pytest.mark.parametrize("name", DERIVATIONS)
def test_draws_have_mean_0_and_variance_1(name):
    one = DERIVATIONS[name]
    for distribution in one.distributions:
        values = one.values(5, "a.kernel", np.arange(4), 2000, 2000, distribution)
        assert values.shape == (4, 2000)
        assert values.mean(axis=1) == pytest.approx(np.zeros(4), abs=0.1)
        assert values.std(axis=1) == pytest.approx(np.ones(4), abs=0.08)


def test_nothing_is_found_in_unrelated_values():
    rng = np.random.default_rng(3)
    for names in (("a.kernel", "b.kernel"), ("a.weight", "b.weight")):
        values = [rng.standard_t(2, (2, 600)).astype(np.float32) for _ in names]
        models = [Leading(name, value, 600, (20, 30)) for name, value in zip(names, values, strict=True)]
        assert find_draw(models, range(6), (), 1 << 10) is None
