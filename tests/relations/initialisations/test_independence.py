"""Strangers of one seed and relatives differ: by their large weights, and by what is left of a known draw."""

import numpy as np
import pytest

from neural_phylogeny.relations.initialisations.draws import Draw, DrawnTensor, find_draw
from neural_phylogeny.relations.initialisations.generators import TorchGenerator
from neural_phylogeny.relations.initialisations.independence import (
    INDEPENDENT,
    descent,
    distances,
    features,
    inherited,
)
from neural_phylogeny.relations.initialisations.leading import Leading

ROWS, COLUMNS = 40, 60


def learnt(rng, size):
    """Heavy-tailed, as what training adds."""
    return rng.laplace(0, size, ROWS * COLUMNS)


def leading(models):
    """Models as lists of equal matrices."""
    return [
        Leading(f"t{k}", np.array([model[k] for model in models], dtype=np.float32), ROWS * COLUMNS, (COLUMNS, ROWS))
        for k in range(len(models[0]))
    ]


@pytest.fixture
def family():
    """A base, its child, and a stranger of the same seed; three matrices each, drawn under seed 42."""
    rng = np.random.default_rng(0)
    generator = TorchGenerator(42)
    bound = COLUMNS**-0.5
    draws = [generator.uniform(ROWS * COLUMNS, -bound, bound) for _ in range(3)]
    base = [draw + learnt(rng, 0.05) for draw in draws]
    child = [weights + learnt(rng, 0.02) for weights in base]
    stranger = [draw + learnt(rng, 0.06) for draw in draws]
    return leading([base, child, stranger])


def test_large_weights_are_inherited_by_a_child_alone(family):
    found = inherited(family)
    assert found[0, 1] > 0.2
    assert found[0, 2] < 0.0
    assert np.allclose(found, found.T)


def test_a_stranger_is_distinguished_without_and_with_its_draw(family):
    draw = find_draw(family, (0, 42), places=1 << 14)
    assert draw is not None
    assert "PyTorch's default under seed 42, at place 0" in str(draw)
    for known in (None, draw):
        found = descent(family, known)
        assert found[0, 1] > 0.0
        assert max(found[0, 2], found[2, 0], found[1, 2]) < INDEPENDENT


def test_a_child_keeps_all_that_its_parent_learnt_and_a_stranger_of_one_task_does_not():
    rng = np.random.default_rng(2)
    generator = TorchGenerator(42)
    draws = [generator.uniform(ROWS * COLUMNS, -0.1, 0.1) for _ in range(3)]
    common = [learnt(rng, 0.05) for _ in draws]
    base, stranger = ([z + c + learnt(rng, 0.03) for z, c in zip(draws, common, strict=True)] for _ in range(2))
    further = [weights + 0.4 * c + learnt(rng, 0.01) for weights, c in zip(base, common, strict=True)]
    models = leading([base, further, stranger])
    found = descent(models, find_draw(models, (42,), places=1 << 14))
    assert found[0, 1] > 1.0  # the child went on with the same task: a slope above one is no reason against it
    assert max(found[0, 2], found[2, 0], found[1, 2]) < -0.5


def test_nothing_is_said_against_a_model_that_forgot_much_of_the_draw():
    rng = np.random.default_rng(3)
    generator = TorchGenerator(42)
    draws = [generator.uniform(ROWS * COLUMNS, -0.1, 0.1) for _ in range(3)]
    base = [z + learnt(rng, 0.05) for z in draws]
    far = [0.5 * z + 0.2 * (weights - z) + learnt(rng, 0.05) for z, weights in zip(draws, base, strict=True)]
    models = leading([base, far])
    found = descent(models, find_draw(models, (42,), places=1 << 14))
    assert found[0, 1] == 0.0
    assert found[1, 0] < INDEPENDENT  # the other way the draw would have come back


def test_units_that_were_not_inherited_tell_independent_trainings_that_correlate_as_a_whole():
    """Half of the units learn alike from one draw and go on; the other half each on their own."""
    rng = np.random.default_rng(4)
    generator = TorchGenerator(42)
    draws = [generator.uniform(ROWS * COLUMNS, -0.1, 0.1) for _ in range(3)]
    half = ROWS * COLUMNS // 2
    base, other = ([z + learnt(rng, 0.02) for z in draws] for _ in range(2))
    for mine, its, z in zip(base, other, draws, strict=True):
        its[:half] = z[:half] + 2.0 * (mine[:half] - z[:half])
    models = leading([base, other, [weights + learnt(rng, 0.02) for weights in base]])
    known = features(models, find_draw(models, (42,), places=1 << 14))
    assert known["forgotten"][0, 2] < 0.1 < 0.3 < known["forgotten"][0, 1]
    assert known["residual"][0, 1] > 0.3


def test_the_base_is_nearest_to_its_true_initialisation(family):
    draw = find_draw(family, (42,), places=1 << 14)
    assert draw is not None
    found = distances(family, draw)
    assert found[0] < found[1]


def test_nothing_is_known_of_small_or_broken_matrices():
    tensors = [Leading("w", np.ones((2, 8), dtype=np.float32), 8, (4, 2))]
    assert not descent(tensors).any()
    broken = np.ones((2, 200), dtype=np.float32)
    broken[1] = np.nan
    assert np.isfinite(descent([Leading("w", broken, 200, (20, 10))])).all()


def test_a_draw_in_words_names_library_and_distribution_where_no_scheme_is_near():
    tensor = DrawnTensor(
        name="w",
        stream="torch7-normal",
        distribution="normal",
        place=952_861,
        z=70.0,
        scheme="",
        deviation=0.1,
        kept=np.ones(1),
        standard=np.ones(1),
    )
    assert str(Draw(11, (tensor,), -2000.0)) == (
        "drawn by Torch7's normal numbers under seed 11, at place 952,861 of its stream"
    )


def test_the_initialisation_itself_may_be_the_parent_of_all():
    rng = np.random.default_rng(1)
    generator = TorchGenerator(42)
    draws = [generator.uniform(ROWS * COLUMNS, -(COLUMNS**-0.5), COLUMNS**-0.5) for _ in range(3)]
    models = leading([draws, [draw + learnt(rng, 0.03) for draw in draws]])
    draw = find_draw(models, (42,), places=1 << 14)
    assert draw is not None
    assert not descent(models, draw).any()


def test_a_network_drawn_again_after_its_construction_is_found_behind_it():
    generator = TorchGenerator(7, place=3 * ROWS * COLUMNS)
    rng = np.random.default_rng(2)
    models = [[generator.normal(ROWS * COLUMNS) * 0.1 for _ in range(3)]]
    models.append([weights + learnt(rng, 0.05) for weights in models[0]])
    draw = find_draw(leading(models), (0, 7), places=1 << 13)
    assert draw is not None
    assert (draw.seed, draw.first.stream, draw.first.place) == (7, "torch-normal", 3 * ROWS * COLUMNS)


def test_values_that_are_not_finite_tell_nothing(family):
    values = family[0].values.copy()
    values[1, 3] = np.inf
    broken = [Leading("t0", values, ROWS * COLUMNS, (COLUMNS, ROWS)), *family[1:]]
    draw = find_draw(broken, (42,), places=1 << 14)
    assert draw is not None
    assert np.isfinite(descent(broken, draw)).all()
