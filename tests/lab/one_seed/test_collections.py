"""Collections of one seed: what is planned, and what a file gives back."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.one_seed.collections import (
    CHOOSING,
    MOST,
    REPORTING,
    OneSeed,
    _kept,
    _plan,
    path_of,
    read,
    read_all,
    write,
)


def test_plans_have_roots_and_children_and_follow_the_number():
    for number in range(30):
        parents, recipes = _plan(np.random.default_rng(number))
        assert len(parents) == len(recipes) <= MOST
        assert any(parent >= 0 for parent in parents)
        assert all(parent < k for k, parent in enumerate(parents))
        assert _plan(np.random.default_rng(number)) == (parents, recipes)


def test_only_a_root_with_two_children_is_lost():
    lost = [_kept([-1, 0, 0, -1, 3], np.random.default_rng(number)).tolist() for number in range(40)]
    assert [True] * 5 in lost
    assert [False, True, True, True, True] in lost
    assert all(keep[3] for keep in lost)


def test_a_file_gives_back_what_was_written(tmp_path):
    models = tuple({"a.weight": np.full((2, 3), k, dtype=np.float32)} for k in range(3))
    parents, trees = np.array([-1, 0, -1]), np.array([0, 0, 1])
    made = OneSeed(7, models, parents, trees, np.zeros(3, dtype=bool), {"world": "coded", "steps": [1, 2, 3]})
    write(made, path_of(tmp_path, 7))
    (found,) = read_all(tmp_path)
    assert (found.number, found.use, found.about) == (7, REPORTING, made.about)
    assert found.parents.tolist() == parents.tolist()
    assert found.named["m2"]["a.weight"].tolist() == models[2]["a.weight"].tolist()
    assert OneSeed(8, (), parents, trees, np.zeros(3, dtype=bool), {}).use == CHOOSING


def test_a_damaged_file_is_refused(tmp_path):
    path = path_of(tmp_path, 1)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(SavedFileError, match="one-seed-00001"):
        read(path)
