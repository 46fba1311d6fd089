"""Plans are drawn once and for all: the same recipe and seed give the same runs."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.errors import MissingExtraError, SavedFileError, UnknownChoiceError
from neural_phylogeny.lab.zoo import make
from neural_phylogeny.lab.zoo.plan import model_names, parents_of, plan
from neural_phylogeny.lab.zoo.recipes import SHAPES, known_recipes, read_recipe


@pytest.mark.parametrize("name", known_recipes())
def test_every_recipe_that_ships_can_be_planned(name):
    recipe = read_recipe(name)
    families = plan(recipe, 3)
    assert len(families) == recipe.families
    assert families == plan(recipe, 3)
    assert families != plan(recipe, 4)
    for family in families:
        for runs in family.descendants.values():
            known = {family.root.key}
            for run in runs:
                assert run.parent in known, "parents come before their children"
                known.add(run.key)
    keys = [run.key for family in families for run in family.runs]
    assert len(keys) == len(set(keys))


def test_the_paper_grid_has_four_parents_of_five_children_shared_by_its_cells():
    for name in ("fc", "conv", "resnet", "vit"):
        recipe = read_recipe(name)
        assert recipe.families == 4
        assert len(recipe.cells) == 6
        for family in plan(recipe, 0):
            for runs in family.descendants.values():
                assert len(runs) == 5
                assert {run.parent for run in runs} == {family.root.key}
                assert {run.settings.decay for run in runs} == {0.0}


def test_strangers_of_one_initialisation_differ_in_their_batches_alone():
    families = plan(read_recipe("strangers-fc-same"), 0)
    assert len({family.root.initial_seed for family in families}) == 1
    assert len({family.root.seed for family in families}) == len(families)
    assert len({family.root.initial_seed for family in plan(read_recipe("strangers-fc-own"), 0)}) == 30


def test_the_checkpoints_of_a_run_continue_one_training():
    for family in plan(read_recipe("generations-fc"), 1):
        runs = family.descendants["generations-fc-runs"]
        assert [run.parent for run in runs[1:]] == [run.key for run in runs[:-1]]
        assert {run.kind for run in runs} == {"later-checkpoint"}
        assert len({run.settings for run in runs}) == 1
        assert runs[0].settings.task == family.root.settings.task


@given(st.sampled_from(SHAPES), st.integers(0, 20), st.integers(1, 6), st.integers(0, 2**32))
def test_every_shape_is_a_tree_of_bounded_depth(shape, descendants, depth, seed):
    parents = parents_of(shape, descendants, depth, np.random.default_rng(seed))
    tree = nx.DiGraph([(parent, child) for child, parent in enumerate(parents, start=1)])
    tree.add_node(0)
    assert len(parents) == descendants
    assert nx.is_arborescence(tree)
    allowed = {"star": 1, "levels": 2}.get(shape, depth)
    assert max(nx.single_source_shortest_path_length(tree, 0).values()) <= allowed


def test_names_are_distinct_and_depend_on_the_seed():
    names = model_names(50, 0, "cell")
    assert len(set(names)) == 50
    assert names != model_names(50, 1, "cell")


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(UnknownChoiceError, match="did you mean 'resnet'"):
        read_recipe("resnett")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("summary = 'x", "not a recipe"),
        ("summary = 'x'", "'cells' is missing"),
        ("summary='x'\nfamilies=1\nnetwork={}\nsteps=3\n[cells]\n[pretraining]\ntask='a'\nrate={sgd=1}", "'steps'"),
        ("summary='x'\nfamilies=1\nnetwork={}\n[cells]\n[pretraining]\ntask='a'\nrate={adamw=1}", "no rate for 'sgd'"),
        ("summary='x'\nfamilies=1\nnetwork={}\n[cells]\n[pretraining]\ntask='a'\nrat={sgd=1}", "unknown field 'rat'"),
        (
            "summary='x'\nfamilies=1\nnetwork={}\n[pretraining]\ntask='a'\nrate={sgd=1}\n"
            "[cells.a]\nshape='ring'\ntask='a'\nrate={sgd=1}",
            "'ring' is none of",
        ),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_place(tmp_path, text, complaint):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(SavedFileError, match=complaint):
        read_recipe(str(path))


def test_without_the_extra_the_remedy_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(make, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"neural-phylogeny\[lab\]"):
        make.make(read_recipe("quick"), tmp_path)
