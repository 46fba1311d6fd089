"""Exact marks are present where something was pruned, rounded or left unchanged, and absent elsewhere."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.relations.exact import (
    CERTAIN,
    GOOD,
    STRONG,
    counted,
    emptied,
    exact_marks,
    folded,
    headed,
    observed,
    partly_rounded,
    pruned,
    pruned_copy,
    quantized,
    reshaped,
    rounded,
    shrunk,
)
from neural_phylogeny.relations.overlap import Overlap
from neural_phylogeny.statistics.one_pass import measure, standard_statistics
from neural_phylogeny.tensors.alignment import align


@pytest.fixture
def root(rng):
    return {"a": rng.normal(size=(40, 30)).astype(np.float32), "b": rng.normal(size=(20, 40)).astype(np.float32)}


def trained(model, rng, moved=0.1, mask=None):
    found = {name: (w + moved * rng.normal(size=w.shape)).astype(np.float32) for name, w in model.items()}
    return found if mask is None else {name: np.where(mask[name], w, 0).astype(np.float32) for name, w in found.items()}


def zeroed(model, share=0.5):
    return {
        name: np.where(np.abs(w) < np.quantile(np.abs(w), share), 0, w).astype(w.dtype) for name, w in model.items()
    }


def test_prunings_of_one_model_are_its_own_copies_and_not_each_others(measured, root):
    levels = [
        {n: np.where(np.abs(w) > least, w, 0).astype(w.dtype) for n, w in root.items()} for least in (0.3, 0.6, 1)
    ]
    odds = pruned_copy(Overlap.of(measured(root, *levels)))
    assert odds[0, 1:].tolist() == [CERTAIN] * 3
    assert odds[1, 2] == odds[2, 3] == 0.0
    assert odds[2, 1] == odds[3, 2] == -CERTAIN


def test_a_pruned_copy_is_certain(measured, root, rng):
    overlap = Overlap.of(measured(root, zeroed(root), trained(root, rng)))
    odds = pruned_copy(overlap)
    assert odds[0, 1] == CERTAIN == -odds[1, 0]
    assert not odds[2].any()
    assert pruned(overlap).tolist() == [[0.0] * 3, [-GOOD, 0.0, -GOOD], [0.0] * 3]  # a dense relative came before, too


def test_a_pruned_and_trained_child_is_weak_evidence(measured, root, rng):
    mask = {name: w != 0 for name, w in zeroed(root).items()}
    odds = pruned(Overlap.of(measured(root, trained(root, rng, mask=mask))))
    assert odds.tolist() == [[0.0, 0.0], [-GOOD, 0.0]]


def test_a_few_zeros_left_in_a_model_say_nothing(measured, root, rng):
    child = zeroed(root)
    grown = trained(child, rng)
    for name, w in grown.items():
        w[:1][child[name][:1] == 0] = 0
    odds = pruned(Overlap.of(measured(child, grown)))
    assert not odds.any()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_a_rounded_copy_is_certain(measured, root, rng, name):
    import ml_dtypes

    dtype = np.float16 if name == "float16" else ml_dtypes.bfloat16
    copy = {key: w.astype(dtype).astype(np.float32) for key, w in root.items()}
    child = {key: w.astype(dtype).astype(np.float32) for key, w in trained(root, rng).items()}
    odds = rounded(Overlap.of(measured(root, copy, child)))
    assert odds[0, 1] == CERTAIN == -odds[1, 0]
    assert odds[0, 2] == 0 == odds[1, 2]


def test_untouched_values_tell_who_is_next(measured, root, rng):
    child = trained(root, rng)
    kept = rng.random(child["a"].shape) < 0.3
    grandchild = trained(child, rng)
    grandchild["a"][kept] = child["a"][kept]
    found = exact_marks(measured(root, child, grandchild))
    next_to = found.pop("untouched-values")
    assert not any(directed.any() for directed in found.values())
    assert next_to[1, 2] == 0.0
    assert next_to[0, 2] == -GOOD


def test_values_that_are_not_finite_prove_nothing(measured, root, rng):
    broken = trained(root, rng)
    broken["a"][0, 0] = np.nan
    found = exact_marks(measured(root, broken, zeroed(root)))
    assert all(np.isfinite(odds).all() for odds in found.values())
    assert found["pruned-copy"][0, 2] == CERTAIN


def narrowed(model, units=20):
    """The first units of the hidden layer alone."""
    return {"a": model["a"][:units], "b": model["b"][:, :units]}


def test_removed_units_tell_the_larger_model_from_the_smaller(measured, root):
    odds = shrunk(Overlap.of(measured(root, narrowed(root))))
    assert odds.tolist() == [[0.0, STRONG], [-STRONG, 0.0]]


def test_another_number_of_classes_is_no_sign(measured, root):
    fewer = {"a": root["a"], "b": root["b"][:10]}
    overlap = Overlap.of(measured(root, fewer))
    assert not shrunk(overlap).any()
    assert not reshaped(overlap).any()


def test_models_of_other_sizes_are_farther_relatives(measured, root, rng):
    small = narrowed(root)
    odds = reshaped(Overlap.of(measured(root, small, trained(small, rng))))
    assert odds.tolist() == [[0.0, -STRONG, -STRONG], [-STRONG, 0.0, 0.0], [-STRONG, 0.0, 0.0]]


def with_counter(model, seen):
    return model | {"bn.num_batches_tracked": np.array(seen)}


def test_who_counted_more_batches_is_not_the_parent(measured, root):
    odds = counted(measured(with_counter(root, 100), root, with_counter(root, 250)))
    assert odds.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [-STRONG, 0.0, 0.0]]


def test_equal_counters_say_nothing(measured, root):
    assert not counted(measured(with_counter(root, 100), with_counter(root, 100))).any()


OBSERVER, NORM, EMPTY = {"a_fake_quant.scale": np.ones(1)}, {"bn.running_var": np.ones(40)}, {"c": np.ones((0,))}


@pytest.mark.parametrize(
    ("mark", "earlier", "later"), [(observed, {}, OBSERVER), (folded, NORM, {}), (emptied, {}, EMPTY)]
)
def test_what_is_done_once_excludes_the_reverse_direction(measured, root, rng, mark, earlier, later):
    assert mark(measured(root | earlier, trained(root, rng) | later)).tolist() == [[0.0, 0.0], [-STRONG, 0.0]]
    assert not mark(measured(root | later, trained(root, rng) | later)).any()


@pytest.mark.parametrize(("mark", "more"), [(observed, OBSERVER), (folded, NORM)])
def test_a_part_of_a_larger_model_has_a_history_of_its_own(measured, root, rng, mark, more):
    larger = trained(root, rng) | {"vision": rng.normal(size=(60, 60)).astype(np.float32)}
    assert not mark(measured(root, larger | more)).any()
    assert not mark(measured(root | more, larger)).any()


def in_eight_bits(model):
    steps = {name: np.abs(w).max() / 127 for name, w in model.items()}
    return {name: (np.round(w / steps[name]) * steps[name]).astype(np.float32) for name, w in model.items()}


def test_a_model_in_eight_bits_was_made_from_the_other(measured, rng):
    root = {"a": rng.normal(size=(60, 50)).astype(np.float32), "b": rng.normal(size=(40, 60)).astype(np.float32)}
    child = trained(root, rng, moved=0.02)
    odds = quantized(Overlap.of(measured(root, in_eight_bits(root), child)))
    assert odds.tolist() == [[0.0, CERTAIN, 0.0], [-CERTAIN, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_eight_bits_in_one_matrix_alone_are_no_sign(measured, rng):
    root = {"a": rng.normal(size=(60, 50)).astype(np.float32), "b": rng.normal(size=(40, 60)).astype(np.float32)}
    child = trained(root, rng) | {"a": in_eight_bits(root)["a"]}
    whole = in_eight_bits(root)
    assert quantized(Overlap.of(measured(root, child, whole)))[0].tolist() == [0.0, 0.0, CERTAIN]


def test_small_matrices_have_few_values_anyway(measured, rng):
    root = {"a": rng.normal(size=(8, 6)).astype(np.float32)}
    assert not quantized(Overlap.of(measured(root, in_eight_bits(root)))).any()


def bfloat16(model):
    return {name: w.astype(ml_dtypes.bfloat16).astype(np.float32) for name, w in model.items()}


def test_a_layer_that_was_only_rounded_excludes_the_reverse_direction(measured, root, rng):
    tuned = bfloat16({"a": trained(root, rng)["a"], "b": root["b"]})
    odds = partly_rounded(Overlap.of(measured(root, tuned)))
    assert odds.tolist() == [[0.0, 0.0], [-CERTAIN, 0.0]]


def test_a_layer_that_was_rounded_says_nothing_for_a_sibling(measured, root, rng):
    sibling = {"a": trained(root, rng)["a"], "b": root["b"]}
    tuned = bfloat16({"a": trained(root, rng)["a"], "b": root["b"]})
    odds = partly_rounded(Overlap.of(measured(sibling, tuned)))
    assert odds[0, 1] == 0.0


def test_layers_rounded_both_ways_say_nothing(measured, root):
    one, other = root | {"a": bfloat16(root)["a"]}, root | {"b": bfloat16(root)["b"]}
    assert not partly_rounded(Overlap.of(measured(one, other))).any()


@pytest.mark.parametrize("step", [1e-5, 1e-4, 1e-3, 3e-3])
@pytest.mark.parametrize("kind", ["sign", "normal", "relative"])
def test_a_short_step_away_from_a_rounded_parent_is_not_its_rounding(measured, root, rng, step, kind):
    parent = bfloat16(root)
    steps = {
        "sign": lambda w: step * rng.choice([-1.0, 1.0], w.shape),
        "normal": lambda w: step * rng.normal(size=w.shape),
        "relative": lambda w: step * w * rng.normal(size=w.shape),
    }
    child = {name: (w + steps[kind](w)).astype(np.float32) for name, w in parent.items()}
    assert not partly_rounded(Overlap.of(measured(parent, child))).any()


def test_an_embedding_that_another_framework_stores_with_units_last_has_the_same_size(root, rng):
    """Keras counts the columns of every matrix as units, PyTorch the rows: an embedding lies the same way in both."""
    keras = MemoryCheckpoint(trained(root, rng))
    keras.tensors = {name: replace(tensor, output_axis=-1) for name, tensor in keras.tensors.items()}
    checkpoints = [MemoryCheckpoint(root), keras]
    alignment = align([one.tensors for one in checkpoints], ["0", "1"])
    overlap = Overlap.of(measure(checkpoints, alignment, standard_statistics(), threads=1))
    assert not reshaped(overlap).any()
    assert not shrunk(overlap).any()


BODY = {
    "encoder.layer.0.attention.self.query.weight": (12, 12),
    "encoder.layer.0.attention.output.dense.weight": (12, 12),
}


def with_head(rng, name):
    body = {key: rng.normal(size=shape).astype(np.float32) for key, shape in BODY.items()}
    return body | {name: rng.normal(size=(4, 12)).astype(np.float32)}


def test_a_head_of_a_task_came_after_that_of_pre_training(measured, rng):
    language, tagger, other = (
        with_head(rng, name)
        for name in ("cls.predictions.transform.dense.weight", "classifier.weight", "pooler.weight")
    )
    odds = headed(measured(language, tagger, other))
    assert odds.tolist() == [[0.0, 0.0, 0.0], [-STRONG, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_heads_of_unknown_architectures_say_nothing(measured, root, rng):
    assert not headed(measured(root | {"classifier.weight": root["b"]}, trained(root, rng))).any()
