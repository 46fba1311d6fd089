"""An answer depends on the family alone: unrelated models beside it change no edge, direction or probability."""

import itertools

import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct

SHAPES = {"fc1.weight": (40, 24), "fc2.weight": (32, 40), "head.weight": (10, 32), "fc1.bias": (40,)}


def trained(start, rng, step=0.3, **shapes):
    """A model whose matrices went on from those of another, or begin anew in another shape."""
    return {
        name: (
            start[name] + rng.laplace(0, step, start[name].shape)
            if shapes.get(name, start[name].shape) == start[name].shape
            else rng.uniform(-1, 1, shapes[name])
        ).astype(np.float32)
        for name in start
    }


def begun(rng, shapes):
    return {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def family(rng, shapes=SHAPES, prefix="", **other):
    base = begun(rng, shapes)
    first, second = trained(base, rng, **other), trained(base, rng)
    return {f"{prefix}{k}": m for k, m in enumerate((base, first, second, trained(first, rng)))}


def said(answer, models):
    """All claims on some models, with their numbers."""
    edges = {(e.parent, e.child): [e.confidence or 0.0, e.similarity, e.coverage] for e in answer.edges}
    pairs = {tuple(sorted((p.a, p.b))): [p.similarity, p.coverage] for p in answer.undirected}
    return {pair: numbers for pair, numbers in (edges | pairs).items() if set(pair) <= set(models)}


STRANGERS = {
    "same names and shapes": lambda rng: {f"s{k}": begun(rng, SHAPES) for k in range(3)},
    "same names, other shapes": lambda rng: {
        f"s{k}": begun(rng, {"fc1.weight": (20 + k, 48), "fc2.weight": (64, 20 + k), "head.weight": (4, 64)})
        for k in range(3)
    },
    "other names": lambda rng: {
        f"s{k}": begun(rng, {f"x.{k}": s for k, s in enumerate(SHAPES.values())}) for k in (0, 1)
    },
    "larger": lambda rng: {
        "s0": begun(rng, {**SHAPES, "body.weight": (200, 200), "fc1.weight": (41, 24)}),
        "s1": begun(rng, {"fc1.weight": (40, 24), "wide.weight": (300, 100)}),
    },
    "a family of other shapes": lambda rng: family(
        rng, {"fc1.weight": (24, 24), "fc2.weight": (32, 24), "head.weight": (7, 32)}, "s"
    ),
}


@pytest.mark.parametrize("kind", STRANGERS)
@pytest.mark.parametrize("head", [(10, 32), (5, 32), (14, 32)])
def test_unrelated_models_change_nothing(kind, head):
    rng = np.random.default_rng(11)
    own = family(rng, **{"head.weight": head})
    alone = said(reconstruct(own), own)
    joined = said(reconstruct(STRANGERS[kind](rng) | own), own)
    assert alone
    assert joined.keys() == alone.keys()
    for pair, numbers in alone.items():
        np.testing.assert_allclose(joined[pair], numbers, atol=1e-6, err_msg=str(pair))


def test_two_models_are_judged_alike_alone_and_side_by_side(tmp_path):
    rng = np.random.default_rng(3)
    models = family(rng, **{"head.weight": (5, 32)}) | STRANGERS["same names, other shapes"](rng)
    for name, weights in models.items():
        np.savez(tmp_path / f"{name}.npz", **weights)
    for a, b in itertools.combinations(models, 2):
        two = [tmp_path / f"{name}.npz" for name in (a, b)]
        answer, pair = reconstruct(two), compare(*two)
        siblings = "initialisation" in answer.models[0].remark
        linked = bool(answer.edges or answer.undirected or answer.copies) or siblings
        assert linked == (pair.verdict in ("parent", "child", "related", "copies")), (a, b, pair.verdict)
        if answer.edges:
            assert (answer.edges[0].parent == pair.a.name) == (pair.verdict == "parent")


@pytest.mark.wild
@pytest.mark.slow
def test_no_public_group_changes_beside_another(wild):
    """All 136 mixes of two groups; the level of the relatedness test, which counts pairs, is the only thing shared."""
    groups = sorted(path for path in wild.iterdir() if path.is_dir())

    def claims(answer):
        path = {m.name: m.path for m in answer.models}
        return {(path.get(e.parent, "missing"), path[e.child]) for e in answer.edges} | {
            tuple(sorted((path[p.a], path[p.b]))) for p in answer.undirected
        }

    alone = {group: claims(reconstruct([group])) for group in groups}
    lost = [
        (a.name, b.name, edge)
        for a, b in itertools.combinations(groups, 2)
        for edge in (alone[a] | alone[b]) - claims(reconstruct([a, b]))
    ]
    assert lost == []
