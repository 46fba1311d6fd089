"""Truth files."""

import json

import pytest

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.evaluation.truth import TrueEdge, Truth, as_phylogeny, match_names, parse_truth, read_truth
from neural_phylogeny.records import ModelRecord, Phylogeny


def models(*paths: tuple[str, str]) -> Phylogeny:
    return Phylogeny(
        models=tuple(ModelRecord(name=name, path=path, format="npz", parameters=1, family=0) for name, path in paths)
    )


def test_a_whole_file():
    found = parse_truth(
        json.dumps(
            {
                "group": "g",
                "source": "somewhere",
                "edges": [{"parent": "a", "child": "b", "kind": "pruned", "certainty": "inferred"}],
                "unrelated": [{"a": "a", "b": "c", "certainty": "documented: seeds"}],
                "siblings": [{"a": "b", "b": "d", "certainty": "documented"}],
                "copies": [{"source": "a", "copy": "A"}],
                "roots": ["a", "c"],
                "complete": True,
            }
        )
    )
    assert found.edges == (TrueEdge("a", "b", "pruned", "inferred"),)
    assert not found.edges[0].documented
    assert found.unrelated[0].documented
    assert found.copies == (("a", "A"),)
    assert found.complete
    assert found.names() == ["a", "b", "A", "c", "d"]


def test_what_is_missing_is_empty():
    assert parse_truth("{}", "folder") == Truth("folder")
    assert parse_truth('{"edges": [{"parent": "a", "child": "b"}]}').edges[0].documented


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a truth file: no valid JSON"),
        ("[]", "not a truth file: the whole is not a JSON object"),
        ('{"edges": [{"parent": "a"}]}', "a damaged truth file: edges[0] lacks 'child'"),
        ('{"edges": {}}', "a damaged truth file: edges is not a list"),
        ('{"complete": "yes"}', "a damaged truth file: complete is not true or false"),
        ('{"roots": [1]}', "a damaged truth file: roots is not a list of strings"),
        (
            '{"edges": [{"parent": "r", "child": "b"}, {"parent": "b", "child": "c"}, {"parent": "c", "child": "b"}]}',
            "a damaged truth file: its edges form a circle through 'b'",
        ),
    ],
)
def test_damage_is_named(tmp_path, text, message):
    file = tmp_path / "truth.json"
    file.write_text(text)
    with pytest.raises(SavedFileError) as caught:
        read_truth(file)
    assert str(caught.value).startswith(f"{file}: {message}")


def test_a_missing_file(tmp_path):
    with pytest.raises(SavedFileError) as caught:
        read_truth(tmp_path / "truth.json")
    assert str(caught.value).endswith("truth.json: the truth file cannot be read (no such file or directory)")


def test_not_text(tmp_path):
    (tmp_path / "truth.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SavedFileError, match="it is not UTF-8 text"):
        read_truth(tmp_path / "truth.json")


def test_names_match_exactly_then_by_their_last_part():
    truth = parse_truth('{"roots": ["a.pt", "b.pt", "c.pt", "gone.pt"]}')
    result = models(("a.pt", "x/a.pt"), ("deep/a.pt", "x/deep/a.pt"), ("deep/b.pt", "x/deep/b.pt"), ("see", "x/c.pt"))
    assert match_names(truth, result) == {"a.pt": "a.pt", "b.pt": "deep/b.pt", "c.pt": "see"}


def test_a_name_that_may_mean_several():
    with pytest.raises(SavedFileError, match=r"names 'a\.pt', which may be any of x/a\.pt, y/a\.pt"):
        match_names(parse_truth('{"roots": ["a.pt"]}'), models(("x/a.pt", "x/a.pt"), ("y/a.pt", "y/a.pt")))


def test_a_model_named_twice():
    with pytest.raises(SavedFileError, match=r"names the model 'a\.pt' in two ways"):
        match_names(parse_truth('{"roots": ["a.pt", "x/a.pt"]}'), models(("a.pt", "x/a.pt")))


def test_a_truth_can_be_drawn():
    truth = parse_truth('{"edges": [{"parent": "c", "child": "b"}, {"parent": "b", "child": "a"}], "roots": ["d"]}')
    drawn = as_phylogeny(truth, models(*((name, name) for name in "abcd")))
    assert drawn.to_text().splitlines()[0] == "4 models, 1 family, 2 edges, 1 unrelated"
    assert len({model.family for model in drawn.models}) == 2


@pytest.mark.wild
def test_the_truth_files_of_public_checkpoints(wild):
    files = sorted(wild.glob("*/truth.json"))
    assert files
    assert sum(len(read_truth(file).edges) for file in files) > 0
