"""An answer depends on the family alone: unrelated models beside it change no edge, direction or probability."""

import itertools

import numpy as np
import pytest

from neural_phylogeny import compare, reconstruct
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.trees.methods import METHODS

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


def claims_on(answer, models):
    """All claims on some models, with their numbers."""
    edges = {(e.parent, e.child, e.kind): numbers_of(e) for e in answer.edges}
    pairs = {(*sorted((p.a, p.b)), "undirected"): numbers_of(p) for p in answer.undirected}
    return {claim: numbers for claim, numbers in (edges | pairs).items() if claim[1] in models}


def numbers_of(claim):
    """All numbers of an edge or an undirected pair, those of its evidence too."""
    found = [claim.similarity, claim.coverage, claim.p_value or 0.0]
    if hasattr(claim, "p_direction"):
        found += [claim.p_parent or 0.0, claim.p_direction or 0.0]
    return found + [number for one in claim.evidence for number in (one.value, one.strength)]


METHODS_OF_FAMILIES = [method for method in METHODS.values() if method.options.clustering == "existence"]
"""Those that take the families of the relatedness test; the others cluster the whole collection by design."""

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
    joined = STRANGERS[kind](rng) | own
    methods = METHODS_OF_FAMILIES if head == (5, 32) else [METHODS["auto"]]
    for alone, beside in zip(answers(own, methods), answers(joined, methods), strict=True):
        same_claims(claims_on(alone, own), claims_on(beside, own))


def answers(models, methods):
    """The answer of each method; the models are measured and related once."""
    collection = gather(models, Reading())
    examined = examine(collection, 1e-3)
    return [phylogeny(collection, method, 1e-3, 0, examined) for method in methods]


def same_claims(alone, joined):
    """The same edges, directions and kinds, and the same numbers up to rounding."""
    assert alone
    assert joined.keys() == alone.keys()
    for claim, numbers in alone.items():
        np.testing.assert_allclose(joined[claim], numbers, atol=1e-6, err_msg=str(claim))


def test_a_crowd_of_unrelated_models_changes_nothing():
    rng = np.random.default_rng(12)
    shapes = {"fc1.weight": (80, 80), "fc2.weight": (90, 80)}
    own = family(rng, shapes)
    crowd = {f"s{k}": begun(rng, shapes) for k in range(60)}
    for alone, beside in zip(answers(own, METHODS_OF_FAMILIES), answers(crowd | own, METHODS_OF_FAMILIES), strict=True):
        same_claims(claims_on(alone, own), claims_on(beside, own))


def test_a_memory_limit_that_a_crowd_exceeds_changes_nothing():
    rng = np.random.default_rng(13)
    shapes = {f"fc{k}.weight": (40 + k, 30) for k in range(6)}
    own = family(rng, shapes)
    crowd = {f"s{k}": begun(rng, shapes) for k in range(40)}
    joined = reconstruct(crowd | own, memory=1 << 20)
    assert any("to stay within the memory limit" in note for note in joined.provenance["notes"])
    same_claims(claims_on(reconstruct(own, memory=1 << 20), own), claims_on(joined, own))


def test_a_disguise_among_unrelated_models_changes_nothing():
    rng = np.random.default_rng(14)
    shapes = {f"fc{k}.weight": (40 + k, 30) for k in range(6)}
    own = family(rng, shapes)
    crowd = {f"s{k}": begun(rng, shapes) for k in range(40)}
    first = begun(rng, {"in.weight": (60, 30), "out.weight": (32, 60)})
    order = rng.permutation(60)
    pair = {"p0": first, "p1": {"in.weight": first["in.weight"][order], "out.weight": first["out.weight"][:, order]}}
    joined = reconstruct(crowd | own | pair, memory=1 << 20)
    assert [(one.a, one.b, one.kind) for one in joined.undirected if one.a in pair] == [("p0", "p1", "permuted")]
    same_claims(claims_on(reconstruct(own, memory=1 << 20), own), claims_on(joined, own))


def test_a_pruned_model_is_found_beside_a_crowd_of_other_layouts():
    rng = np.random.default_rng(15)
    base = begun(rng, {"in.weight": (64, 32), "body.weight": (48, 64), "out.weight": (32, 48)})
    kept = np.sort(rng.permutation(64)[:40])
    part = base | {"in.weight": base["in.weight"][kept], "body.weight": base["body.weight"][:, kept]}
    crowd = {f"s{k}": begun(rng, {"x.weight": (20 + k, 24), "y.weight": (24, 20 + k)}) for k in range(12)}
    answer = reconstruct(crowd | {"part": part, "base": base})
    assert [(edge.parent, edge.child, edge.kind) for edge in answer.edges] == [("base", "part", "pruned")]


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
        assert linked == (pair.verdict in ("parent", "child", "related", "undecided", "copies")), (a, b, pair.verdict)
        if answer.edges:
            assert (answer.edges[0].parent == pair.a.name) == (pair.verdict == "parent")


@pytest.mark.wild
@pytest.mark.slow
def test_no_public_group_changes_beside_another(wild):
    """Mixes of every two groups, five minutes of a core; the level of the relatedness test is the only thing shared.

    At one level for all, the same edges, directions and kinds with the same numbers by every method of families.
    """
    groups = sorted(path for path in wild.iterdir() if path.is_dir())
    alone = {group: claims_by_method([group]) for group in groups}
    for group, other in itertools.combinations(groups, 2):
        for method, found in claims_by_method([group, other]).items():
            expected = alone[group][method] | alone[other][method]
            assert found.keys() == expected.keys(), (group.name, other.name, method)
            for claim, numbers in expected.items():
                np.testing.assert_allclose(found[claim], numbers, atol=1e-6, err_msg=f"{other} {method} {claim}")


def claims_by_method(folders):
    """Claims with their numbers, by method; models by path. The level is that of a collection of one pair."""
    collection = gather(folders, Reading())
    path = {ref.name: ref.path for ref in collection.refs}
    level = 1e-6 * len(path) * (len(path) - 1) / 2
    examined = examine(collection, level)
    found = {}
    for method in METHODS_OF_FAMILIES:
        answer = phylogeny(collection, method, level, 0, examined)
        edges = {(missing(e.parent, path), path[e.child], e.kind): numbers_of(e) for e in answer.edges}
        pairs = {(*sorted((path[p.a], path[p.b])), "undirected"): numbers_of(p) for p in answer.undirected}
        found[method.name] = edges | pairs
    return found


def missing(parent, path):
    return path.get(parent, "a missing ancestor")
