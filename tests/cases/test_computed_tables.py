"""Reported publicly: models that carry one mask, filter bank or position table. What is computed relates nobody."""

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct

T = 96


def sines(length=T, width=64):
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, width)


def triangles(bins=129, bands=40):
    edges = 700 * (np.exp(np.linspace(0, 2.8, bands + 2)) - 1)
    x = np.linspace(0, edges[-1], bins)[:, None]
    up, down = (x - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - x) / np.diff(edges)[1:]
    return np.clip(np.minimum(up, down), 0, None)


def gabor(n=24, size=21):
    draw = np.random.default_rng(5).uniform(size=(4, n, 1, 1))
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    along = x * np.cos(np.pi * draw[0]) + y * np.sin(np.pi * draw[0])
    return np.exp(-(x**2 + y**2) / (0.2 + draw[1] / 3)) * np.cos(6 * (1 + draw[2]) * along + 6 * draw[3])[:, None][:, 0]


def hadamard(n):
    return np.ones((1, 1)) if n == 1 else np.kron(hadamard(n // 2), [[1, 1], [1, -1]])


CONSTANTS = {
    "att.tril": np.tril(np.ones((T, T))),
    "h.0.bias_mask": np.triu(np.full((T, T), -1e9), 1),
    "m": np.triu(np.full((T, T), -np.inf), 1),
    "stacked": np.tril(np.ones((1, 1, T, T))),
    "anything": sines(),
    "fb": triangles(),
    "real": np.cos(2 * np.pi * np.outer(np.arange(65), np.arange(128)) / 128) * np.hanning(129)[:-1],
    "gabor.weight": gabor()[:, None],
    "log_filters": np.log(triangles() + 1e-5),
    "order": np.eye(64)[np.random.default_rng(3).permutation(64)],
    "signs": hadamard(64) * np.random.default_rng(1).choice([-1, 1], 64),
    "slopes": np.array([0.5, 0.25, 0.125])[:, None, None] * -np.abs(np.subtract.outer(np.arange(T), np.arange(T))),
    "turns": np.cos(np.outer(np.arange(128), 1e4 ** -(np.arange(0, 32, 2) / 32))).repeat(2, 1),
    "dirac": np.eye(32)[:, :, None, None] * np.eye(9)[4].reshape(3, 3),
    "blur": np.tile(np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256, (48, 1, 1, 1)),
    "distance": -np.abs(np.subtract.outer(np.arange(T), np.arange(T))) * 0.25,
}


@pytest.fixture
def collection(trained):
    """Two strangers, a third of another task, and a tune of the first."""
    one = trained()
    return {"one": one, "two": trained(), "three": trained(), "tuned": trained(one)}


def with_constants(model, constants):
    return constants | model


def f32(constants):
    return {name: np.asarray(table, dtype=np.float32) for name, table in constants.items()}


def claims(answer):
    edges = {(e.parent, e.child) for e in answer.edges}
    return edges | {frozenset((p.a, p.b)) for p in answer.undirected} | {frozenset(c) for c in answer.copies}


@pytest.mark.parametrize("name", CONSTANTS)
def test_strangers_with_one_constant_stay_strangers(name, collection):
    answer = reconstruct({k: with_constants(m, f32({name: CONSTANTS[name]})) for k, m in collection.items()})
    assert claims(answer) == {("one", "tuned")}
    families = {m.name: m.family for m in answer.models}
    assert len({families["one"], families["two"], families["three"]}) == 3
    assert None not in families.values()


@pytest.mark.parametrize("where", ["first", "last"])
def test_all_constants_at_once_and_the_note(where, collection):
    order = (lambda m: f32(CONSTANTS) | m) if where == "first" else (lambda m: m | f32(CONSTANTS))
    answer = reconstruct({k: order(m) for k, m in collection.items()})
    assert claims(answer) == {("one", "tuned")}
    assert all(f"not compared: {len(CONSTANTS)} computed tables (" in m.remark for m in answer.models)


def test_a_constant_in_another_precision_or_length(collection):
    kinds = {
        "one": sines(),
        "two": sines().astype(ml_dtypes.bfloat16),
        "three": sines(2 * T),
        "tuned": sines(),
    }
    models = {k: m | f32({"p": kinds[k]}) for k, m in collection.items()}
    assert claims(reconstruct(models)) == {("one", "tuned")}


def test_models_without_anything_trained_in_common():
    """One sentence for a model that has nothing but constants."""
    models = {k: f32(CONSTANTS) for k in ("a", "b")}
    answer = reconstruct(models)
    assert not claims(answer)
    assert all("a formula computes" in m.remark and m.family is None for m in answer.models)


def test_a_large_table_takes_no_longer_than_its_reading(trained):
    mask = np.tril(np.ones((1024, 1024), dtype=np.float32))
    answer = reconstruct({k: trained() | {"mask": mask} for k in ("a", "b")})
    assert not claims(answer)


def test_what_is_trained_still_relates(trained):
    """A frozen first layer that both models hold to the last bit is evidence, whatever its name."""
    base = trained()
    tune = trained(base) | {"encoder.0.weight": base["encoder.0.weight"]}
    assert claims(reconstruct({"base": base, "tune": tune})) == {("base", "tune")}


def test_compare_says_so(collection, tmp_path):
    for name in ("one", "two"):
        np.savez(tmp_path / f"{name}.npz", **(collection[name] | f32({"att.tril": CONSTANTS["att.tril"]})))
    found = compare(tmp_path / "one.npz", tmp_path / "two.npz")
    assert found.verdict == "unrelated"
    assert "computed table" in found.a.remark
    assert all(tensor.name != "att.tril" for tensor in found.tensors)
