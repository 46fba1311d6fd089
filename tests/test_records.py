"""A phylogeny as an object: one line, its text, relatives by name, there and back on disk."""

import pytest

from neural_phylogeny.errors import SavedFileError, UnknownChoiceError
from neural_phylogeny.records import Edge, MissingAncestor, ModelRecord, Phylogeny, UndecidedGroup
from neural_phylogeny.reports.newick import to_newick


def model(name, family):
    return ModelRecord(name=name, path=name, format="npz", parameters=10, family=family)


def test_relatives_by_name(everything_small):
    answer = everything_small
    assert (answer.parent_of("b"), answer.parent_of("kin")) == ("kin", None)
    assert answer.children_of("kin") == ("b",)
    assert answer.ancestors_of("c") == ("b", "kin")
    assert answer.family_of("c") == ("kin", "b", "c")
    assert answer.family_of("x") == ("x",)
    assert answer.roots == ("kin",)
    with pytest.raises(UnknownChoiceError):
        answer.parent_of("nobody")


def test_a_missing_ancestor_has_relatives_too():
    above = MissingAncestor(name="missing ancestor 1", family=0)
    edges = tuple(Edge(parent=above.name, child=name, kind="finetune") for name in "ab")
    answer = Phylogeny(models=(model("a", 0), model("b", 0)), edges=edges, missing=(above,))
    assert answer.parent_of("a") == above.name
    assert (answer.children_of(above.name), answer.parent_of(above.name)) == (("a", "b"), None)
    assert (answer.ancestors_of(above.name), answer.family_of(above.name)) == ((), ("a", "b"))
    assert answer.roots == ()


def test_copies_have_the_relatives_of_the_first_of_them():
    answer = Phylogeny(
        models=tuple(model(name, 0) for name in ("a", "b", "b2", "c")),
        edges=(Edge(parent="a", child="b", kind="finetune"), Edge(parent="b", child="c", kind="finetune")),
        copies=(("b", "b2"),),
    )
    assert (answer.parent_of("b2"), answer.children_of("b2"), answer.ancestors_of("b2")) == ("a", ("c",), ("a",))
    assert answer.family_of("b2") == ("a", "b", "b2", "c")
    assert answer.roots == ("a",)
    assert [claim.other for claim in answer.explain("b2").claims] == ["a"]


@pytest.mark.parametrize("call", ["parent_of", "children_of", "ancestors_of", "family_of", "explain"])
def test_an_unknown_name_is_answered_with_the_nearest(call):
    names = [f"runs/{bird}.safetensors" for bird in ("osprey", "merlin", "kestrel")]
    answer = Phylogeny(models=tuple(model(name, 0) for name in names))
    for given in ("osprey", "Osprey.safetensors", "runs/ospray.safetensors"):
        with pytest.raises(UnknownChoiceError, match=rf"unknown model '{given}'; did you mean 'runs/osprey"):
            getattr(answer, call)(given)
    many = Phylogeny(models=tuple(model(f"model-{k:04}.npz", 0) for k in range(2_000)))
    with pytest.raises(UnknownChoiceError) as caught:
        getattr(many, call)("xyz")
    assert str(caught.value).endswith("model-0029.npz and 1,970 more")


def test_there_and_back_on_disk(everything_small, tmp_path):
    everything_small.save(tmp_path / "r.json")
    assert Phylogeny.load(tmp_path / "r.json") == everything_small
    with pytest.raises(SavedFileError, match="cannot be read"):
        Phylogeny.load(tmp_path / "gone.json")


def test_undecided_models_are_in_one_place_and_weak_edges_are_counted(everything_small):
    assert "\n" not in repr(everything_small)
    text = str(everything_small)
    assert "1 below even odds, 2 undecided" in text
    assert "One initialisation, trained independently: 2" in text
    assert "Related to no other" not in text
    assert "Not compared" not in text
    assert text.count("x  10 parameters") == 1
    assert "parent 40 %  ?" in text
    assert to_newick(everything_small).splitlines()[1:] == ["x;", "y;"]


@pytest.fixture
def everything_small():
    return Phylogeny(
        models=(model("kin", 0), model("b", 0), model("c", 0), model("x", None), model("y", None)),
        edges=(
            Edge(parent="kin", child="b", kind="pruned", p_parent=0.9),
            Edge(parent="b", child="c", kind="finetune", p_parent=0.4),
        ),
        undecided=(UndecidedGroup(models=("x", "y"), reason="common initialisation"),),
    )
