import numpy as np

from neural_phylogeny.relations.copies import copies


def model(rng):
    return {"w": rng.normal(size=(20, 20)).astype(np.float32), "b": rng.normal(size=20).astype(np.float32)}


def test_equal_models_are_grouped(measured, rng):
    one, two = model(rng), model(rng)
    assert copies(measured(one, two, dict(one), dict(two), dict(one))) == [[0, 2, 4], [1, 3]]


def test_another_precision_of_the_same_values_is_a_copy(measured, rng):
    half = {name: values.astype(np.float16) for name, values in model(rng).items()}
    assert copies(measured(half, {name: values.astype(np.float32) for name, values in half.items()})) == [[0, 1]]


def test_a_changed_bias_makes_another_model(measured, rng):
    one = model(rng)
    assert copies(measured(one, one | {"b": one["b"] + 1})) == []


def test_a_new_head_makes_another_model(measured, rng):
    one = model(rng)
    probe = {"head": rng.normal(size=(2, 2)).astype(np.float32)}
    assert copies(measured(one, one | probe)) == []


def test_folded_norm_vectors_do_not(measured, rng):
    one = model(rng)
    assert copies(measured(one, one | {"bn.weight": np.ones(4, np.float32)})) == [[0, 1]]


def test_copies_are_found_however_other_models_cut_the_tensors(measured, rng):
    one = {"w": rng.normal(size=(20, 20)).astype(np.float32)}
    others = [{"w": rng.normal(size=shape).astype(np.float32)} for shape in ((19, 20), (20, 19), (1, 20))]
    assert copies(measured(one, *others, dict(one))) == [[0, 4]]


def test_nan_is_never_a_copy(measured, rng):
    one = model(rng)
    one["w"][0, 0] = np.nan
    assert copies(measured(one, dict(one))) == []
