"""Edges that every matrix supports are recovered in every resample; an edge that depends on one matrix is not."""

import pytest

from neural_phylogeny import reconstruct
from neural_phylogeny.reports.json import from_json


def grown(parent, rng, moved=0.3, names=None):
    return {
        name: w + (moved * rng.normal(size=w.shape) if names is None or name in names else 0.0)
        for name, w in parent.items()
    }


@pytest.fixture
def root(rng):
    return {f"layer{k}.weight": rng.normal(size=(24, 24)) for k in range(6)}


@pytest.mark.parametrize("method", ["auto", "innovation-tree", "star"])
def test_a_clear_edge_is_found_in_every_draw(root, rng, method):
    models = {"root": root} | {f"child{k}": grown(root, rng) for k in range(3)}
    edges = reconstruct(models, method=method, support=5).edges
    assert edges
    assert all(edge.support == 1.0 for edge in edges if edge.parent == "root")


def test_a_child_of_two_parents_hangs_on_the_matrices_that_are_drawn(root, rng):
    other = grown(root, rng)
    halves = {name: (root if k < 3 else other)[name] for k, name in enumerate(root)}
    found = reconstruct({"a": root, "b": other, "c": grown(halves, rng, 0.05)}, method="nearest-l2", support=40)
    support = {edge.child: edge.support for edge in found.edges}
    assert 0.2 < (support["c"] or 0.0) < 0.95


def test_without_draws_or_matrices_there_is_no_support(root, rng):
    models = {"root": root, "child": grown(root, rng)}
    assert all(edge.support is None for edge in reconstruct(models).edges)
    one = {name: {"layer0.weight": model["layer0.weight"]} for name, model in models.items()}
    assert all(edge.support is None for edge in reconstruct(one, support=3).edges)


def test_draws_depend_on_the_seed_alone(root, rng):
    models = {"root": root} | {f"child{k}": grown(root, rng, 0.05) for k in range(3)}
    assert reconstruct(models, support=4, seed=7).to_json() == reconstruct(models, support=4, seed=7).to_json()


def test_the_text_says_what_it_is(root, rng):
    text = reconstruct({"root": root, "child": grown(root, rng)}, support=4).to_text()
    assert "%  support " in text
    assert "share of resamples of the matrices" in text


def test_a_matrix_that_contradicts_shows_in_the_concordance(root, rng):
    """Five matrices of a child come from one parent, one from the other: all resamples agree, one matrix does not."""
    other = grown(root, rng)
    mixed = {name: (other if k == 0 else root)[name] for k, name in enumerate(root)}
    models = {"a": root, "b": other, "c": grown(mixed, rng, 0.05)}
    found = {edge.child: edge for edge in reconstruct(models, method="innovation-tree", support=8).edges}
    assert (found["c"].parent, found["c"].support) == ("a", 1.0)
    assert 0.5 < (found["c"].concordance or 0.0) < 1.0


def test_a_root_has_a_rootstrap_and_a_child_has_none(root, rng):
    models = {"root": root} | {f"child{k}": grown(root, rng) for k in range(3)}
    found = reconstruct(models, support=4)
    assert [model.rootstrap for model in found.models if model.name != "root"] == [None, None, None]
    assert found.models[[model.name for model in found.models].index("root")].rootstrap == 1.0
    assert "rootstrap: root 100 %" in found.to_text()
    assert from_json(found.to_json()) == found
    assert all(model.rootstrap is None for model in reconstruct(models).models)


def test_what_is_shown_names_both_numbers(root, rng, tmp_path):
    found = reconstruct({"root": root, "child": grown(root, rng)}, support=4)
    assert "concordance 100 %" in found.to_text()
    assert "concordance: of the matrices that alone" in found.to_text()
    assert "concordance" in found._repr_html_()
    found.save_html(tmp_path / "page.html")
    assert '"concordance":' in (tmp_path / "page.html").read_text()
