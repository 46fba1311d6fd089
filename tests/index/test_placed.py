"""What an index knows of its models' children is kept, and forgotten with them."""

import sqlite3
from pathlib import Path

import pytest

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.index.care import damage
from neural_phylogeny.index.catalogue import FILE, MIGRATIONS
from neural_phylogeny.index.placed import hubs, is_complete, numbers, record
from neural_phylogeny.index.store import Index


@pytest.fixture
def filled(tmp_path: Path, family):
    models = family("a", 4)
    with Index(tmp_path / "i", is_new=True) as index:
        list(index.add((name, "", model) for name, model in models.items()))
        yield index, {name: model.digest for name, model in models.items()}


def test_numbers_are_kept_and_never_fall(filled) -> None:
    index, digest = filled
    assert not is_complete(index)
    record(index, {digest["a0"]: 2.0, digest["a1"]: None, digest["a2"]: 0.5})
    record(index, {digest["a0"]: 1.0, digest["a1"]: 3.0, digest["a2"]: None, digest["a3"]: None})
    assert is_complete(index)
    assert numbers(index) == {digest["a0"]: 2.0, digest["a1"]: 3.0, digest["a2"]: 0.5, digest["a3"]: None}
    assert hubs(index, 1.5) == {digest["a0"]: 2.0, digest["a1"]: 3.0}


def test_a_removed_model_is_forgotten(filled) -> None:
    index, digest = filled
    record(index, dict.fromkeys(digest.values(), 1.0))
    index.remove(["a1"])
    assert digest["a1"] not in numbers(index)
    record(index, {digest["a1"]: 4.0, digest["a0"]: 2.0})  # it was removed while it was asked for
    assert numbers(index) == {digest["a0"]: 2.0, digest["a2"]: 1.0, digest["a3"]: 1.0}
    assert not list(damage(index))


def test_a_number_that_is_none_is_damage(filled) -> None:
    index, digest = filled
    index.catalogue.execute("INSERT INTO placed VALUES (?, 'many')", (digest["a0"],))
    with pytest.raises(SavedFileError, match="damaged"):
        numbers(index)


def test_an_index_of_the_first_version_is_brought_up_to_date(tmp_path: Path, family) -> None:
    models = family("a", 2)
    with Index(tmp_path / "i", is_new=True) as index:
        list(index.add((name, "", model) for name, model in models.items()))
    with sqlite3.connect(tmp_path / "i" / FILE) as old:
        old.execute("DROP TABLE placed")
        old.execute("PRAGMA user_version = 1")
    assert len(MIGRATIONS) == 2
    with pytest.raises(SavedFileError, match="any nphylo index add brings it up to date"):
        Index(tmp_path / "i", is_read_only=True)
    with Index(tmp_path / "i") as index:
        assert len(index) == 2
        assert numbers(index) == {}
