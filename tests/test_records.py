"""A phylogeny as an object: one line, its text, relatives by name, there and back on disk."""

import pytest

from neural_phylogeny.errors import SavedFileError, UnknownChoiceError
from neural_phylogeny.records import Edge, ModelRecord, Phylogeny, UndecidedGroup
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


def test_there_and_back_on_disk(everything_small, tmp_path):
    everything_small.save(tmp_path / "r.json")
    assert Phylogeny.load(tmp_path / "r.json") == everything_small
    with pytest.raises(SavedFileError, match="cannot be read"):
        Phylogeny.load(tmp_path / "gone.json")


def test_undecided_models_are_in_one_place_and_weak_edges_are_counted(everything_small):
    assert "\n" not in repr(everything_small)
    text = str(everything_small)
    assert "1 below even odds, 2 undecided" in text
    assert "Same initialisation or missing ancestor: 2" in text
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
