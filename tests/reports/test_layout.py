"""Places of a drawing: nothing overlaps, children stand to the right of all their parents, names fit their boxes."""

from itertools import combinations

import pytest
from tests.reports.synthetic import synthetic

from neural_phylogeny.records import Edge, Phylogeny, UndecidedGroup
from neural_phylogeny.reports.folding import SHOWN, first_fold
from neural_phylogeny.reports.layout import lay_out
from neural_phylogeny.reports.places import NODE, Layout, pack


def overlaps(layout: Layout) -> list[tuple[str, str]]:
    found = []
    for number in range(len(layout.panels)):
        nodes = [node for node in layout.nodes.values() if node.panel == number]
        found += [
            (a.name, b.name)
            for a, b in combinations(nodes, 2)
            if abs(a.y - b.y) < NODE and a.x < b.right and b.x < a.right
        ]
    return found


@pytest.mark.parametrize(("n", "families", "seed"), [(5, 1, 0), (50, 4, 1), (50, 1, 2), (400, 20, 3), (400, 1, 4)])
def test_nothing_overlaps_and_everything_is_in_its_panel(n, families, seed):
    result = synthetic(n, families, seed)
    layout = lay_out(result)
    assert not overlaps(layout)
    copies = {name for group in result.copies for name in group[1:]}
    assert set(layout.nodes) == {m.name for m in result.models} - copies | {m.name for m in result.missing}
    for node in layout.nodes.values():
        panel = layout.panels[node.panel]
        assert 0 <= node.x < node.right <= panel.width
        assert NODE <= node.y <= panel.height - NODE / 2
    for a, b in combinations(layout.panels, 2):
        apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
        assert apart, (a.title, b.title)


def test_children_stand_behind_all_of_their_parents_and_runs_in_a_column(everything):
    layout = lay_out(everything)
    nodes = layout.nodes
    for edge in everything.edges:
        is_run = edge.child in ("ep2", "ep3", "ep4")
        assert nodes[edge.child].layer == nodes[edge.parent].layer + (0 if is_run else 1)
    assert nodes["ep1"].x == nodes["ep4"].x
    assert nodes["ep1"].y < nodes["ep2"].y < nodes["ep3"].y < nodes["ep4"].y
    assert nodes["lost"].is_missing
    assert nodes["ep4"].copies == ("copy",)
    assert [panel.title.split(" ·")[0] for panel in layout.panels] == [
        *("Family 1", "Family 2", "Related to no other model here", "Not compared")
    ]


def test_every_claim_is_drawn_once(everything):
    layout = lay_out(everything)
    drawn = [link.claim for panel in layout.panels for link in panel.links]
    assert sorted(map(id, drawn)) == sorted(map(id, [*everything.edges, *everything.undirected]))


def test_families_with_a_common_initialisation_stand_together(answer):
    apart = answer(["ab", "cd"], "ab cd", not_compared="x")
    joined = Phylogeny(
        **{name: getattr(apart, name) for name in ("models", "edges")},
        undecided=(UndecidedGroup(models=("a", "c", "x"), reason="common initialisation"),),
    )
    layout = lay_out(joined)
    assert {layout.nodes[name].panel for name in "abcdx"} == {0}
    assert [(link.start, link.end) for link in layout.panels[0].links if link.claim is None] == [("a", "c"), ("c", "x")]
    assert not overlaps(layout)


def test_a_circle_is_drawn_too(answer):
    layout = lay_out(answer(["abc"], "ab bc ca"))
    assert set(layout.nodes) == set("abc")
    assert not overlaps(layout)


def test_folding_hides_what_hangs_below(answer):
    result = answer(["abcd"], "ab bc ad")
    layout = lay_out(result, ["b"])
    assert set(layout.nodes) == set("abd")
    assert (layout.nodes["b"].n_below, layout.nodes["b"].is_folded) == (1, True)


def test_large_forests_start_folded():
    assert first_fold(synthetic(300, 3)) == ()
    large = synthetic(500, 3)
    assert 20 < len(lay_out(large, first_fold(large)).nodes) <= SHOWN + 20  # and those related to nobody


def test_an_empty_result_has_an_empty_drawing():
    layout = lay_out(Phylogeny())
    assert (layout.nodes, layout.panels, pack([])) == ({}, [], (0.0, 0.0))


def test_a_deep_chain_of_branches_is_laid_out_in_time():
    """Each model of a line has a leaf beside the next of the line: subtrees as deep as the result is large."""
    names = [str(k) for k in range(600)]
    edges = [Edge(parent=str(max(0, k - 1 - k % 2)), child=str(k), kind="finetune") for k in range(1, 600)]
    models = synthetic(600, 1).models
    renamed = tuple(type(m)(**{**{f: getattr(m, f) for f in m.__slots__}, "name": name, "family": 0})
                    for m, name in zip(models, names, strict=True))  # fmt: skip
    layout = lay_out(Phylogeny(models=renamed, edges=tuple(edges)))
    assert max(node.layer for node in layout.nodes.values()) > 200
