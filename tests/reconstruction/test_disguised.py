"""Permuted, rescaled and rotated models are found and named; strangers stay strangers."""

from itertools import pairwise

import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct


@pytest.fixture
def model(rng):
    sizes = (40, 64, 64, 48, 10)
    found = {}
    for k, (n, m) in enumerate(pairwise(sizes)):
        found[f"{k}.weight"] = (rng.normal(size=(m, n)) / n**0.5).astype(np.float32)
        found[f"{k}.bias"] = (0.1 * rng.normal(size=m)).astype(np.float32)
    return found


def tuned(model, rng, moved=0.02):
    return {name: (w + moved * rng.standard_t(4, size=w.shape)).astype(np.float32) for name, w in model.items()}


def in_disguise(model, rng, *, scaled=False):
    """Hidden units in another order; with ``scaled`` multiplied, and their readers divided."""
    found = dict(model)
    for k in range(3):
        n = len(found[f"{k}.bias"])
        order = np.arange(n) if scaled else rng.permutation(n)
        factor = np.exp2(rng.integers(-2, 3, n)).astype(np.float32) if scaled else np.ones(n, dtype=np.float32)
        found[f"{k}.weight"] = found[f"{k}.weight"][order] * factor[:, None]
        found[f"{k}.bias"] = found[f"{k}.bias"][order] * factor
        found[f"{k + 1}.weight"] = found[f"{k + 1}.weight"][:, order] / factor
    return found


def test_a_permuted_copy_is_a_pair_without_direction(model, rng):
    answer = reconstruct({"base": model, "other": in_disguise(model, rng), "tuned": tuned(model, rng)})
    assert [(pair.a, pair.b, pair.kind) for pair in answer.undirected] == [("base", "other", "permuted")]
    assert not answer.copies
    assert {edge.child for edge in answer.edges} <= {"base", "tuned"}
    assert any(note.startswith("other: its units are permuted against base") for note in answer.provenance["notes"])


def test_a_child_in_disguise_has_the_disguise_beside_its_kind(model, rng):
    answer = reconstruct({"base": model, "child": in_disguise(tuned(model, rng), rng)})
    claim = (answer.edges or answer.undirected)[0]
    assert (claim.kind, claim.also) == ("finetune", ("permuted",))


def test_a_comparison_names_the_disguise(model, rng):
    assert compare(model, in_disguise(model, rng)).verdict == "related"


def test_factors_of_units_are_a_rescaling(model, rng):
    answer = reconstruct({"base": model, "other": in_disguise(model, rng, scaled=True)})
    claim = (answer.edges or answer.undirected)[0]
    assert claim.kind == "rescaled"


def test_strangers_stay_strangers(model, rng):
    others = {f"other-{k}": {n: rng.permuted(w, axis=w.ndim - 1) for n, w in model.items()} for k in range(3)}
    answer = reconstruct({"base": model} | others)
    assert not answer.edges
    assert not answer.undirected


def test_a_rotated_stream_is_found_from_the_embedding(rng):
    d = 24
    model = {"embed.weight": rng.normal(size=(200, d)).astype(np.float32)}
    for k in range(3):
        model[f"{k}.up.weight"] = rng.normal(size=(64, d)).astype(np.float32)
        model[f"{k}.down.weight"] = rng.normal(size=(d, 64)).astype(np.float32)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    turned = {name: (turn.T @ w if "down" in name else w @ turn).astype(np.float32) for name, w in model.items()}
    [claim] = reconstruct({"base": model, "turned": turned}).undirected
    assert claim.kind == "rotated"


def attention(rng, width=32):
    found = {}
    for k in range(3):
        for name in ("q", "k", "v", "o"):
            found[f"layers.{k}.{name}.weight"] = (rng.normal(size=(width, width)) / width**0.5).astype(np.float32)
        found[f"layers.{k}.v.bias"] = rng.normal(size=width).astype(np.float32)
        found[f"layers.{k}.fc.weight"] = (rng.normal(size=(width, width)) / width**0.5).astype(np.float32)
    return found


def with_turned_heads(model, rng, heads=4):
    found = dict(model)
    for k in range(3):
        n = len(found[f"layers.{k}.v.bias"])
        whole = np.zeros((n, n))
        for at in range(0, n, n // heads):
            own = slice(at, at + n // heads)
            whole[own, own] = np.linalg.qr(rng.normal(size=(n // heads,) * 2))[0]
        for part in ("weight", "bias"):
            found[f"layers.{k}.v.{part}"] = (whole.T @ found[f"layers.{k}.v.{part}"]).astype(np.float32)
        found[f"layers.{k}.o.weight"] = (found[f"layers.{k}.o.weight"] @ whole).astype(np.float32)
    return found


def test_turned_heads_are_a_rotation_of_a_relative(rng):
    base = attention(rng)
    answer = reconstruct({"base": base, "turned": with_turned_heads(base, rng), "stranger": attention(rng)})
    assert [(pair.a, pair.b, pair.kind) for pair in answer.undirected] == [("base", "turned", "rotated")]
    assert not answer.edges


def test_members_of_a_group_may_be_in_disguises_of_their_own(model, rng):
    models = {"base": model, "one": in_disguise(model, rng), "other": in_disguise(tuned(model, rng), rng)}
    answer = reconstruct(models | {"tuned": tuned(model, rng)})
    assert len({one.family for one in answer.models}) == 1


def test_filters_of_one_channel_are_restored(rng):
    base = {"first.weight": rng.normal(size=(20, 1, 3, 3)), "second.weight": rng.normal(size=(24, 20, 3, 3))}
    base = {name: w.astype(np.float32) for name, w in base.items()}
    order = rng.permutation(20)
    other = {"first.weight": base["first.weight"][order], "second.weight": base["second.weight"][:, order]}
    answer = reconstruct({"base": base, "other": other})
    assert [pair.kind for pair in answer.undirected] == ["permuted"]


def test_a_fine_tune_of_few_units_with_a_new_head_is_not_rotated(rng):
    lengths = np.exp(rng.normal(size=64))
    base = {"0.weight": rng.normal(size=(16, 64)) * lengths, "2.weight": rng.normal(size=(10, 16))}
    step = 0.5 * rng.normal(size=(16, 64)) * lengths
    child = {"0.weight": base["0.weight"] + step, "2.weight": rng.normal(size=(10, 16))}
    models = {
        name: {key: w.astype(np.float32) for key, w in one.items()} for name, one in {"a": base, "b": child}.items()
    }
    answer = reconstruct(models)
    kinds = [(edge.kind, *edge.also) for edge in answer.edges]
    kinds += [(pair.kind, *pair.also) for pair in answer.undirected]
    assert len(kinds) == 1
    assert "rotated" not in kinds[0]
