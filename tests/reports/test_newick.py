"""Newick: read back by DendroPy, which knows the standard."""

import dataclasses

import dendropy
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.records import Edge, ModelRecord, Phylogeny, RelatedPair
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.newick import to_newick


def read(line: str) -> dendropy.Tree:
    return dendropy.Tree.get(
        data=line,
        schema="newick",
        suppress_internal_node_taxa=True,
        suppress_leaf_node_taxa=True,
        rooting="force-rooted",
    )


def edges_of(tree: dendropy.Tree) -> set[tuple[str | None, str]]:
    return {(node.parent_node.label, node.label) for node in tree.preorder_node_iter() if node.parent_node}


def forest(parents: list[int | None], names: list[str]) -> Phylogeny:
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in names)
    edges = tuple(
        Edge(parent=names[p], child=names[k], kind="finetune", p_direction=0.9, similarity=0.75, coverage=1.0)
        for k, p in enumerate(parents)
        if p is not None
    )
    return Phylogeny(models=models, edges=edges)


@st.composite
def trees(draw):
    # DendroPy forgets the quotes of a label that is one mark of punctuation and nothing else.
    name = st.text(min_size=1, max_size=8).filter(lambda text: text not in set("()[]:;,='"))
    names = draw(st.lists(name, min_size=1, max_size=12, unique_by=safe))
    parents = [None if k == 0 else draw(st.integers(0, k - 1)) for k in range(len(names))]
    return forest(parents, names)


@given(trees())
def test_another_reader_finds_the_same_edges(phylogeny):
    text = to_newick(phylogeny)
    assert text.count("\n") == 0
    assert edges_of(read(text)) == {(safe(edge.parent), safe(edge.child)) for edge in phylogeny.edges}


def test_edges_below_even_odds_are_marked_in_a_comment_that_readers_skip():
    phylogeny = forest([None, 0, 0], ["a", "b", "c"])
    edges = (phylogeny.edges[0], dataclasses.replace(phylogeny.edges[1], p_direction=0.9, p_parent=0.3))
    text = to_newick(dataclasses.replace(phylogeny, edges=edges))
    assert text == "(b:0.25,c:0.25[&is_weak=true])a;"
    assert edges_of(read(text)) == {("a", "b"), ("a", "c")}


def test_lengths_are_one_minus_similarity_and_never_negative():
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in "abcd")
    answer = Phylogeny(
        models=models,
        edges=(
            Edge(parent="a", child="b", kind="finetune", p_direction=0.9, similarity=0.75, coverage=1.0),
            Edge(parent="a", child="c", kind="finetune", p_direction=0.9, similarity=1.0000001, coverage=1.0),
            Edge(parent="a", child="d", kind="finetune", p_direction=0.9, coverage=1.0),
        ),
    )
    assert to_newick(answer) == "(b:0.25,c:0,d)a;"


def test_names_are_quoted_as_the_standard_says():
    assert to_newick(forest([None, 0], ["it's", "a b_(c):[d]"])) == "('a b_(c):[d]':0.25)'it''s';"


def test_pairs_without_direction_meet_in_an_unnamed_root():
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in "abc")
    answer = Phylogeny(
        models=models,
        edges=(),
        undirected=(
            RelatedPair(a="a", b="b", p_value=0.9, similarity=0.5, coverage=1.0),
            RelatedPair(a="b", b="c", p_value=0.9, similarity=0.9, coverage=1.0),
        ),
    )
    assert to_newick(answer) == "(a:0.25,b:0.05,c:0.05);"


def test_every_model_is_somewhere(everything):
    lines = to_newick(everything).splitlines()
    labels = {node.label for line in lines for node in read(line).preorder_node_iter() if node.label}
    assert labels == {safe(model.name) for model in everything.models} | {"lost"}
    assert len(lines) == 4  # two families, one that is alone, one that was not compared


def test_a_run_of_thousands():
    n = 3000
    answer = forest([None, *range(n - 1)], [f"m{k}" for k in range(n)])
    assert to_newick(answer).count("(") == n - 1


def test_nothing():
    assert to_newick(Phylogeny(models=())) == ""
