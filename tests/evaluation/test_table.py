"""Scores as rows and as plain data."""

import json

from neural_phylogeny.evaluation.metrics import score
from neural_phylogeny.evaluation.table import as_dict, rows
from neural_phylogeny.evaluation.truth import parse_truth

TEXT = '{"group": "g", "edges": [{"parent": "a", "child": "b"}], "complete": %s}'


def test_rows_have_unique_keys_and_their_counts(answer):
    found = rows(score(answer(["ab"], "ba"), parse_truth(TEXT % "true")))
    assert len({row.key for row in found}) == len(found)
    direction = next(row for row in found if row.key == "documented.tree_direction")
    assert (direction.value, direction.right, direction.total) == (0.0, 0, 1)


def test_plain_data(answer):
    data = as_dict(score(answer(["ab"], "ba"), parse_truth(TEXT % "false")))
    assert json.loads(json.dumps(data))["mistakes"] == [
        {"kind": "reversed edge", "models": ["b", "a"], "statement": "b -> a; truth: a -> b"},
    ]
    assert not data["complete"]
    assert "overall" not in data["metrics"]
