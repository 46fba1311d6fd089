"""Merges by layers and by values are found with all of their parts; what training makes is none."""

import numpy as np
import pytest

from neural_phylogeny.relations.merging.found import LAYERS, PARTLY, merges


def tuned(model, rng, moved=0.1):
    return {name: (w + moved * rng.normal(size=w.shape)).astype(np.float32) for name, w in model.items()}


@pytest.fixture
def root(rng):
    return {n: rng.normal(size=(24, 40)).astype(np.float32) for n in "abcd"}


def test_a_stack_has_both_of_its_parents(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    stack = {n: (one if n < "b" else other)[n] for n in root}
    found = merges(measured(root, one, other, stack), range(4))
    assert found.how == {3: LAYERS}
    assert found.weights[:, 3].tolist() == [0.0, 0.25, 0.75, 0.0]


def test_a_model_whose_children_trained_one_layer_each_is_no_stack(measured, root, rng):
    base = tuned(root, rng)
    children = [{n: tuned(base, rng)[n] if n in layers else base[n] for n in root} for layers in ("a", "bcd")]
    assert not merges(measured(root, base, *children), range(4)).how
    assert not merges(measured(base, *children), range(3)).how


def test_shares_of_each_layer(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    shares = dict(zip("abcd", (0.2, 0.4, 0.6, 0.8), strict=True))
    made = {n: (shares[n] * one[n] + 1.01 * (1 - shares[n]) * other[n]).astype(np.float32) for n in root}
    found = merges(measured(root, one, other, made), range(4))
    assert found.how == {3: LAYERS}
    np.testing.assert_allclose(found.weights[:, 3], [0, 0.5, 0.505, 0], atol=1e-3)


def test_steps_that_were_dropped_and_enlarged(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    made = {}
    for n, w in root.items():
        kept = [(rng.random(w.shape) < 0.5) * (part[n] - w) for part in (one, other)]
        made[n] = (w + 0.9 * kept[0] + 1.2 * kept[1]).astype(np.float32)
    found = merges(measured(root, one, other, tuned(root, rng), made), range(5))
    assert found.how == {4: PARTLY}
    np.testing.assert_allclose(found.weights[:, 4], [-1.1, 0.9, 1.2, 0, 0], atol=1e-3)


def test_largest_steps_with_the_sign_of_most(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    made = {}
    for n, w in root.items():
        steps = np.stack([part[n] - w for part in (one, other)])
        kept = np.where(np.abs(steps) > 0.08, steps, 0.0)
        agree = kept * np.sign(kept.sum(axis=0)) > 0
        made[n] = (w + 0.7 * (kept * agree).sum(axis=0) / np.maximum(agree.sum(axis=0), 1)).astype(np.float32)
    found = merges(measured(other, made, one, root), range(4))
    assert found.how == {1: PARTLY}
    np.testing.assert_allclose(found.weights[:, 1], [0.7, 0, 0.7, -0.4], atol=1e-3)


def test_sparse_trainings_and_prunings_are_no_merges(measured, root, rng):
    few = {n: np.where(rng.random(w.shape) < 0.3, w + 0.1 * rng.normal(size=w.shape), w) for n, w in root.items()}
    pruned = [{n: np.where(np.abs(w) > least, w, 0.0) for n, w in root.items()} for least in (0.2, 0.5, 1.0)]
    models = [{n: w.astype(np.float32) for n, w in model.items()} for model in (root, few, tuned(root, rng), *pruned)]
    assert not merges(measured(*models), range(6)).how


def test_three_roundings_of_one_model_are_no_merges(measured, root):
    def rounded(step):
        return {n: (np.round(w / step) * step).astype(np.float32) for n, w in root.items()}

    def mantissa(bits):
        return {
            n: (np.round(np.frexp(w)[0] * 2**bits) * 2.0 ** (np.frexp(w)[1] - bits)).astype(np.float32)
            for n, w in root.items()
        }

    assert not merges(measured(root, rounded(0.2), rounded(0.3), mantissa(4)), range(4)).how


def test_a_model_is_no_merge_of_what_was_made_from_it(measured, root, rng):
    one, other = tuned(root, rng), tuned(root, rng)
    stack = {n: (one if n < "b" else other)[n] for n in root}
    found = merges(measured(root, one, other, stack), range(4))
    later = np.zeros((4, 4), dtype=bool)
    assert found.without(later).how == found.how
    later[2, 3] = True
    assert found.without(later).how == {}
    assert not found.without(later).weights.any()


def test_a_model_without_kept_values_is_put_together_of_nothing():
    from neural_phylogeny.relations.merging.partial import partial
    from neural_phylogeny.relations.merging.values import Values

    assert partial(Values([], 3), 0, [1, 2]) is None
