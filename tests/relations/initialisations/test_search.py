"""A draw is found where there is one, at its seed and place, and nowhere else."""

import math

import numpy as np
import pytest

from neural_phylogeny.relations.initialisations.draws import find_draw
from neural_phylogeny.relations.initialisations.generators import TorchGenerator
from neural_phylogeny.relations.initialisations.leading import Leading
from neural_phylogeny.relations.initialisations.search import (
    FALSE_ALARMS,
    FOLDS,
    LONG,
    ROUGH,
    Search,
    _folds,
    threshold,
)
from neural_phylogeny.relations.initialisations.streams import STREAMS

SEEDS = (0, 42, 1, 7, 3407)
PLACES = 1 << 13


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("place", [0, 1235])
def test_every_stream_finds_what_it_drew(name, place):
    rng = np.random.default_rng(5)
    drawn = STREAMS[name].values(42, place, 800)
    hit = Search([drawn + rng.normal(0, 1.5, 800)], [name], PLACES).first(SEEDS)
    assert hit is not None
    assert (hit.stream, hit.seed, hit.place) == (name, 42, place)


def test_a_stream_of_normal_numbers_is_that_of_the_generator():
    generator = TorchGenerator(3, place=37)
    np.testing.assert_allclose(STREAMS["torch-normal"].values(3, 37, 64), generator.normal(64))
    assert generator.place == 37 + STREAMS["torch-normal"].used(64)


def test_nothing_is_found_in_unrelated_values():
    rng = np.random.default_rng(0)
    templates = [rng.standard_t(2, 500) for _ in range(4)]
    search = Search(templates, ["torch-uniform", "torch-normal"], PLACES)
    assert search.first(SEEDS) is None
    assert search.hits(SEEDS)[0].z < threshold(len(templates) * 2 * len(SEEDS) * PLACES)


def test_the_bound_on_false_alarms_holds_where_it_can_be_counted():
    rng = np.random.default_rng(1)
    heavy = rng.standard_t(1.5, 64) ** 3
    z = Search([heavy], ["torch-uniform"], 1 << 16)
    reached = sum(hit.z >= 4.5 for seed in range(8) for hit in z.hits([seed]))
    assert reached <= 8 * (1 << 16) * np.exp(-(4.5**2) / 2)
    assert FALSE_ALARMS <= 1e-6


def layers(seed, place, scheme="default"):
    """A network of three layers as PyTorch constructs it, with standard deviations of its draws."""
    generator = TorchGenerator(seed, place)
    found = []
    for rows, columns in ((24, 40), (16, 24), (5, 16)):
        if scheme == "default":
            found.append(generator.uniform(rows * columns, -(columns**-0.5), columns**-0.5))
            found.append(generator.uniform(rows, -(columns**-0.5), columns**-0.5))
        else:
            found.append(generator.normal(rows * columns, 0.0, (2.0 / columns) ** 0.5))
            found.append(np.zeros(rows))
    return found


def leading(models):
    """Models as lists of tensors, as the search takes them."""
    shapes = ((24, 40), (24,), (16, 24), (16,), (5, 16), (5,))
    fans = ((40, 24), (40, 24), (24, 16), (24, 16), (16, 5), (16, 5))
    return [
        Leading(
            f"t{k}", np.array([model[k] for model in models], dtype=np.float32), int(np.prod(shape)), fan, k % 2 == 0
        )
        for k, (shape, fan) in enumerate(zip(shapes, fans, strict=True))
    ]


def trained(tensors, rng, size):
    """The tensors after a training that moves them by ``size`` times their deviation."""
    return [tensor + rng.normal(0, size * max(tensor.std(), 0.05), tensor.size) for tensor in tensors]


def test_a_family_shares_the_search_and_every_layer_is_where_the_order_of_construction_puts_it():
    rng = np.random.default_rng(2)
    models = [trained(layers(42, 2000), rng, 1.5) for _ in range(4)]
    draw = find_draw(leading(models), SEEDS, places=PLACES)
    assert draw is not None
    assert draw.seed == 42
    assert draw.log_p < np.log(FALSE_ALARMS)
    places = {tensor.name: tensor.place for tensor in draw.tensors}
    assert places["t0"] == 2000
    assert places["t2"] == 2000 + 24 * 40 + 24
    first = draw.first
    assert (first.stream, first.scheme) == ("torch-uniform", "PyTorch's default")
    assert first.kept == pytest.approx(np.ones(4), abs=0.2)


def test_normal_draws_are_found_and_named():
    rng = np.random.default_rng(3)
    models = [trained(layers(7, 0, "normal"), rng, 1.0) for _ in range(3)]
    draw = find_draw(leading(models), SEEDS, places=PLACES)
    assert draw is not None
    assert (draw.seed, draw.first.stream, draw.first.scheme) == (7, "torch-normal", "Kaiming normal")


def test_a_seed_that_is_not_among_those_tried_is_not_found():
    models = [layers(4321, 0)] * 2
    assert find_draw(leading(models), SEEDS, places=PLACES) is None


def test_single_precision_misses_little(rng):
    search = Search([rng.normal(size=500)], ("torch-uniform", "torch-normal"), 4096, (0, 1000))
    for stream in search.streams:
        rough = search._highest(stream, (3, 7, 8, 9, 7), 1, _folds)
        for seed, z in zip((3, 7, 8, 9, 7), rough, strict=True):
            assert abs(z - max(search._in(stream, seed)).z) < ROUGH / 100


@pytest.mark.parametrize("name", ["torch-uniform", "torch-normal"])
def test_a_long_template_is_found_in_a_folded_stream_wherever_it_lies(name, rng):
    for place in (0, 9000, 24000):
        drawn = STREAMS[name].values(42, place, 2 * LONG)
        search = Search([drawn + rng.normal(0, 4.5, 2 * LONG)], [name], 8 * LONG)  # z = 20
        hit = search.first(SEEDS)
        assert hit is not None
        assert (hit.seed, hit.place) == (42, place)
        assert search._highest(STREAMS[name], (42,), FOLDS, _folds)[0] > hit.z - 8.0


def test_few_streams_are_looked_at_unfolded(rng):
    search = Search([rng.normal(size=LONG)], ["torch-uniform"], 8 * LONG)
    looked = search._highest(STREAMS["torch-uniform"], tuple(range(40)), FOLDS, _folds)
    assert np.mean(looked >= math.sqrt(2.0 * FOLDS * math.log(80 * LONG / FOLDS))) < 0.1


def test_the_first_seed_that_fits_is_found_among_those_that_are_tried_together(rng):
    drawn = [STREAMS["torch-uniform"].values(seed, 300, 400) for seed in (5, 3)]
    search = Search([drawn[0] + drawn[1] + rng.normal(0, 0.1, 400)], ["torch-uniform"], 4096)
    for order in ((1, 2, 3, 4, 5, 6, 7, 8, 9), (*range(20, 29), 5, 3)):
        hit = search.first(order)
        assert hit is not None
        assert (hit.seed, hit.place) == (next(seed for seed in order if seed in (3, 5)), 300)
