"""The drawing: everything is reported, nothing a name holds takes effect."""

import io
from dataclasses import replace
from itertools import pairwise

from rich.console import Console

from neural_phylogeny.records import Edge, Evidence, ModelRecord, Phylogeny, RelatedPair
from neural_phylogeny.reports.text import plain, render, to_text

DRAWN = """\
14 models, 2 families, 12 edges (9 directed), 1 copy, 1 missing ancestor, 1 unrelated, 1 not compared, 1 skipped

Family 1: 10 models
└── lost (not in the collection)
    └── base                                        finetune  similarity 0.900  direction 97 %
        ├── a                                       finetune  similarity 0.900  direction 97 %
        │   ├── merged                              finetune  similarity 0.900  direction 97 %
        │   │   also from b  finetune  similarity 0.900  direction 97 %
        │   └── ~ evil\\x1b[31m\\u202e[bold]x</code>  related   similarity 0.700  p = 1e-05
        ├── b                                       finetune  similarity 0.900  direction 60 %  45 % of the weights
        │   ~ a  related  similarity 0.700  p = 1e-05
        ├── ep1                                     finetune  similarity 0.900  direction 97 %
        ├── then ep2                                finetune  similarity 0.900  direction 97 %
        ├── then ep3                                finetune  similarity 0.900  direction 97 %
        └── then ep4                                finetune  similarity 0.900  direction 97 %
            = copy

Family 2: 2 models
└── u1  61.7 k parameters, pytorch
    └── ~ u2  related  similarity 0.980  p < 1e-12

Related to no other model here: 1
  lone  61.7 k parameters, pytorch

Not compared: 1
  tiny  not enough evidence

Skipped: 1
  models/bad.pt  the file is empty
"""


def chain(length: int, branching: bool = False) -> Phylogeny:
    """A run of models, or a comb: every model of the run has one more child."""
    names = [f"m{k}" for k in range(length)]
    pairs = list(pairwise(names))
    if branching:
        pairs += [(name, f"{name}x") for name in names]
        names += [f"{name}x" for name in names]
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in names)
    return Phylogeny(
        models=models,
        edges=tuple(
            Edge(parent=a, child=b, kind="finetune", p_direction=0.9, similarity=0.9, coverage=1.0) for a, b in pairs
        ),
    )


def on_screen(phylogeny: Phylogeny, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor")
    console.print(render(phylogeny, evidence=True), crop=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_whole_drawing(everything):
    text = to_text(everything)
    drawing, _, legend = text.rpartition("\n\n")
    assert f"{drawing}\n" == DRAWN
    for words in ("similarity:", "direction:", "~ related", "of the weights", "= same weights"):
        assert words in " ".join(legend.split())


def test_evidence_stands_under_its_edge_only_on_request(everything):
    words = "kurtosis: base has the lighter tails in 75 % of the matrices"
    assert words not in to_text(everything)
    assert to_text(everything, evidence=True).count(words) == len(everything.edges)


def test_no_output_holds_what_a_name_would_do(everything):
    assert "\x1b" not in to_text(everything, evidence=True)
    assert "\u202e" not in to_text(everything, evidence=True) + on_screen(everything, 100)
    assert "evil\x1b" not in on_screen(everything, 100)


def test_a_narrow_screen_breaks_lines_but_loses_nothing(everything):
    shown = on_screen(everything, 40)
    for model in everything.models:
        if model.name.isprintable():
            assert model.name in shown


def test_a_known_draw_is_named_below_the_drawing():
    drawn = Evidence(feature="initialisation", value=9.0, favours="neither", strength=1.0, statement="under seed 0")
    whole = chain(3)
    one = replace(whole, edges=(replace(whole.edges[0], evidence=(drawn,)), whole.edges[1]))
    assert "1 edge joins models that began with the draw of a usual seed" in " ".join(to_text(one).split())
    assert "usual seed" not in to_text(whole)


def test_nothing_at_all():
    assert to_text(Phylogeny(models=())) == "0 models, 0 families, 0 edges\n"


def test_a_run_of_thousands_goes_straight_down():
    lines = to_text(chain(3000)).splitlines()
    assert max(map(len, lines)) < 200
    assert sum("then m" in line for line in lines) == 2999


def test_a_deep_comb_is_drawn_whole_on_any_screen():
    lines = plain(render(chain(300, branching=True))).splitlines()
    assert sum("m" in line and "similarity" in line and "──" in line for line in lines) == 599
    assert "m299x" in on_screen(chain(300, branching=True), 80)


def test_edges_in_a_circle_still_end():
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in "ab")
    edges = (
        Edge(parent="a", child="b", kind="finetune", p_direction=0.9, similarity=0.9, coverage=1.0),
        Edge(parent="b", child="a", kind="finetune", p_direction=0.9, similarity=0.9, coverage=1.0),
    )
    assert "also from b" in to_text(Phylogeny(models=models, edges=edges))


def test_two_roots_of_one_family_the_smaller_hangs():
    models = tuple(
        ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in ("small", "big", "child")
    )
    answer = Phylogeny(
        models=models,
        edges=(Edge(parent="big", child="child", kind="finetune", p_direction=0.9, similarity=0.9, coverage=1.0),),
        undirected=(RelatedPair(a="small", b="big", p_value=0.9, similarity=0.8, coverage=1.0),),
    )
    assert "└── big  10 parameters, npz" in to_text(answer)
    assert "~ small" in to_text(answer)


def test_no_number_is_rounded_to_a_certainty():
    models = tuple(ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in "ab")
    nearly = Phylogeny(
        models=models,
        edges=(Edge(parent="a", child="b", kind="finetune", p_direction=0.99999, similarity=0.99999, coverage=1.0),),
    )
    assert "similarity >0.999  direction >99 %" in to_text(nearly)


def test_how_likely_a_parent_is_stands_beside_the_direction():
    models = tuple(
        ModelRecord(name=name, path=name, format="npz", parameters=10, family=0) for name in ("base", "child")
    )
    edge = Edge(
        parent="base",
        child="child",
        kind="finetune",
        p_parent=0.44,
        similarity=0.75,
        coverage=1.0,
        p_direction=0.9,
        support=0.75,
    )
    text = to_text(Phylogeny(models=models, edges=(edge,)))
    assert "parent 44 %  direction 90 %  support 75 %" in text
    assert "parent: probability that this model is the parent" in text


def test_long_remarks_are_broken_in_files_too(everything):
    """A converted copy says how each of its tensors is stored otherwise; nothing of it is lost."""
    remark = "; ".join(f"{number} tensors {what} on the way" for number, what in enumerate(["transposed"] * 12))
    models = tuple(replace(model, remark=remark) if model.name == "copy" else model for model in everything.models)
    text = replace(everything, models=models).to_text()
    prose = [line for line in text.splitlines() if "transposed" in line]
    assert len(prose) > 2
    assert max(map(len, prose)) <= 150
    assert "11 tensors transposed" in text.replace("\n", " ")
