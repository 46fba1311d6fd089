from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.relations.existence import bernstein_log_tail, existence
from neural_phylogeny.relations.totals import PARTS, totals


def smooth(rng, units, inputs):
    """Units that are all smooth functions of their inputs, as filters trained on equal images are."""
    waves = np.sin(np.outer(np.arange(1, 6), np.linspace(0, 3, inputs)))
    return (rng.normal(size=(units, 5)) @ waves + 2 * waves[0]).astype(np.float32)


def test_a_fine_tune_is_related(measured, rng):
    parent = rng.normal(size=(64, 64)).astype(np.float32)
    child = parent + 0.5 * rng.normal(size=(64, 64)).astype(np.float32)
    found = existence(measured({"w": parent}, {"w": child}))
    assert found.related[0, 1]
    assert found.log_p[0, 1] < -50


def test_strangers_with_equal_inputs_are_not_related_though_their_cosine_is_large(measured, rng):
    models = [{"w": smooth(rng, 64, 100)} for _ in range(12)]
    found = existence(measured(*models))
    assert found.cosine[np.triu_indices(12, 1)].min() > 0.3
    assert not found.related.any()
    assert found.conclusive[0, 1]


def test_heads_of_equal_classes_are_not_related(measured, rng):
    likeness = np.linalg.cholesky(0.8 * np.ones((10, 10)) + 0.2 * np.eye(10))
    models = [
        {"head.weight": ((1 + np.arange(10)[:, None]) * (likeness @ rng.normal(size=(10, 64)))).astype(np.float32)}
        for _ in range(12)
    ]
    assert not existence(measured(*models)).related.any()


def test_non_negative_strangers_are_not_related(measured, rng):
    models = [{"w": rng.uniform(0, 1, size=(64, 64)).astype(np.float32)} for _ in range(6)]
    found = existence(measured(*models))
    assert found.cosine[0, 1] > 0.7
    assert not found.related.any()


def test_vectors_prove_nothing(measured):
    bias = np.linspace(0, 1, 500, dtype=np.float32)
    found = existence(measured({"b": bias, "w": bias[None]}, {"b": bias, "w": bias[None]}))
    assert not found.related.any()
    assert not found.conclusive.any()


def test_a_model_too_small_to_say_is_not_conclusive(measured, rng):
    small = rng.normal(size=(3, 3)).astype(np.float32)
    found = existence(measured({"w": small}, {"w": small + np.float32(0.01)}))
    assert not found.related.any()
    assert not found.conclusive.any()


def test_one_huge_unit_does_not_relate_models(measured, rng):
    models = []
    for _ in range(8):
        w = rng.normal(size=(40, 40)).astype(np.float32)
        w[0] += 100.0 * np.linspace(-1, 1, 40, dtype=np.float32)
        models.append({"w": w})
    assert not existence(measured(*models)).related.any()


def test_a_new_head_of_two_classes_does_not_outweigh_the_layers_that_match(measured):
    """Two units permute in two ways only: their products can be near zero by chance, which is no precision."""
    shapes = {"0.weight": (64, 64), "2.weight": (48, 64), "4.weight": (10, 48)}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        base = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        child = {name: w + 0.5 * rng.normal(size=w.shape) for name, w in base.items()}
        child["4.weight"] = rng.normal(size=(2, 48))
        pair = ({name: w.astype(np.float32) for name, w in model.items()} for model in (base, child))
        assert existence(measured(*pair)).log_p[0, 1] < -40, seed


def test_an_identical_matrix_proves_relatedness_whatever_the_rest(measured, rng):
    frozen = rng.normal(size=(12, 12)).astype(np.float32)
    models = [{"frozen": frozen, "w": rng.normal(size=(200, 200)).astype(np.float32)} for _ in range(2)]
    assert existence(measured(*models)).identical[0, 1]


def test_equal_constants_prove_nothing(measured, rng):
    models = [{"ones": np.ones((40, 40), np.float32), "w": rng.normal(size=(40, 40)).astype(np.float32)}] * 1
    models.append({"ones": np.ones((40, 40), np.float32), "w": rng.normal(size=(40, 40)).astype(np.float32)})
    assert not existence(measured(*models)).related.any()


def test_the_orientation_of_keras_is_known(rng):
    from neural_phylogeny.formats.memory import MemoryCheckpoint
    from neural_phylogeny.inputs import TensorInfo
    from neural_phylogeny.statistics.one_pass import measure
    from neural_phylogeny.tensors.alignment import align

    models = [{"k": smooth(rng, 64, 100).T.copy()} for _ in range(6)]
    checkpoints = [MemoryCheckpoint(model) for model in models]
    infos = [{"k": TensorInfo(name="k", shape=(100, 64), dtype="float32", output_axis=-1)} for _ in models]
    assert not existence(measure(checkpoints, align(infos, list("abcdef")))).related.any()


def test_the_level_is_for_all_pairs_together(measured, rng):
    parent = rng.normal(size=(16, 16)).astype(np.float32)
    child = (0.55 * parent + rng.normal(size=(16, 16))).astype(np.float32)
    statistics = measured({"w": parent}, {"w": child})
    p = float(np.exp(existence(statistics).log_p[0, 1]))
    assert existence(statistics, alpha=2 * p, n_pairs=1).related[0, 1]
    assert not existence(statistics, alpha=2 * p, n_pairs=1000).related[0, 1]


@given(st.floats(0, 50), st.floats(0.1, 10), st.floats(0, 10))
def test_the_tail_is_never_thinner_than_a_normal_one(total, variance, bound):
    log_p = bernstein_log_tail(*map(np.array, (total, variance, bound)))
    assert -(total**2) / (2 * variance) - 1e-9 <= log_p <= 0


def test_nothing_is_claimed_of_the_other_direction():
    assert bernstein_log_tail(np.array(-5.0), np.array(1.0), np.array(1.0)) == pytest.approx(0.0)


def test_the_p_value_is_that_of_the_test_and_zero_where_a_matrix_is_identical(measured, rng):
    parent, stranger = rng.normal(size=(2, 64, 64)).astype(np.float32)
    child = (parent + 0.5 * rng.normal(size=(64, 64))).astype(np.float32)
    found = existence(measured({"w": parent}, {"w": child}, {"w": stranger}, {"w": parent}))
    assert 0.0 < found.p_value[0, 1] == np.exp(found.log_p[0, 1]) < 1e-20
    assert 0.001 < found.p_value[0, 2] <= 1.0
    assert found.p_value[0, 3] == 0.0


def several(rng, n=4):
    return {f"{k}.weight": rng.normal(size=(48, 48)).astype(np.float32) for k in range(n)}


@pytest.mark.parametrize("negated", [[0, 1, 2, 3], [1], [0, 2]])
def test_a_copy_with_negated_matrices_is_related(measured, rng, negated):
    model = several(rng)
    disguised = {name: -w if k in negated else w for k, (name, w) in enumerate(model.items())}
    disguised = {name: (w + 0.3 * rng.normal(size=w.shape)).astype(np.float32) for name, w in disguised.items()}
    found = existence(measured(model, disguised, several(rng)))
    assert found.related[0, 1]
    assert not found.related[:, 2].any()


def test_with_free_signs_the_level_still_holds(measured, rng):
    models = [{name: 0.01 * w**3 for name, w in several(rng, 12).items()} for _ in range(40)]
    pairs = np.triu_indices(40, 1)
    p = existence(measured(*models)).p_value[pairs]
    assert (p < 0.05).mean() < 0.05


def test_a_copy_would_have_to_be_found_on_what_both_have(measured, rng):
    small, large = rng.normal(size=(3, 3)).astype(np.float32), rng.normal(size=(64, 64)).astype(np.float32)
    near = {"s": small + np.float32(0.1), "v": np.ones((5, 90), np.float32)}
    found = existence(measured({"s": small, "w": large}, near, {"w": 2 * large}))
    assert found.large_enough.tolist() == [True, False, True]
    assert not found.conclusive[0, 1]
    assert found.conclusive[0, 2]


def test_a_sound_model_beside_a_broken_one_is_large_enough(measured, rng):
    sound = rng.normal(size=(64, 64)).astype(np.float32)
    found = existence(measured({"w": sound}, {"w": np.full_like(sound, np.nan)}))
    assert found.large_enough.tolist() == [True, False]
    assert not found.conclusive.any()


def network(rng, hidden=16, inputs=6, outputs=3):
    """A network too small for the sum over its units to say much."""
    return {
        "hidden.weight": rng.normal(size=(hidden, inputs)).astype(np.float32),
        "out.weight": rng.normal(size=(outputs, hidden)).astype(np.float32),
    }


def test_a_fine_tune_of_sixteen_units_is_related_among_forty_models(measured, rng):
    models = [network(rng) for _ in range(40)]
    models[1] = {name: w + 0.1 * rng.normal(size=w.shape).astype(np.float32) for name, w in models[0].items()}
    found = existence(measured(*models))
    assert found.related[0, 1]
    assert found.related.sum() == 2
    assert found.large_enough.all()


def cell(rng):
    """A recurrent cell of eight units, four gates each, whose forget gates differ from the others in every model."""
    gates = rng.normal(size=(4, 8, 5)) + 3 * np.eye(4, 5)[:, None]
    return {
        "cell.weight_ih": gates.reshape(32, 5).astype(np.float32),
        "cell.weight_hh": rng.normal(size=(32, 8)).astype(np.float32),
        "out.weight": rng.normal(size=(3, 8)).astype(np.float32),
    }


def test_units_in_the_order_of_their_gates_are_not_counted(measured, rng):
    statistics = measured(*(cell(rng) for _ in range(4)))
    assert any("matching.places" in arrays for _, arrays in statistics)
    assert not totals(statistics, PARTS)["places"].any()


def test_statistics_without_the_count_of_units_are_still_read(measured, rng):
    statistics = measured(network(rng), network(rng))
    earlier = replace(
        statistics,
        arrays=tuple({k: v for k, v in found.items() if k != "matching.places"} for found in statistics.arrays),
    )
    assert np.all(existence(earlier).log_p >= existence(statistics).log_p)
