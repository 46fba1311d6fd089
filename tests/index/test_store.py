import errno
import os
import sqlite3
from pathlib import Path

import pytest

from neural_phylogeny.errors import CheckpointError, OutputError, SavedFileError
from neural_phylogeny.index import catalogue, segments, store
from neural_phylogeny.index.care import compact, damage, size_of
from neural_phylogeny.index.store import Index


def filled(folder: Path, models) -> Index:
    index = Index(folder, is_new=True)
    list(index.add((name, f"/there/{name}", model) for name, model in models.items()))
    return index


def test_what_is_added_is_found_again(tmp_path: Path, family) -> None:
    models = family("a", 3) | family("b", 3)
    with filled(tmp_path / "i", models) as index:
        assert [entry.name for entry in index.entries()] == list(models)
        assert all(index.fingerprint(e.digest).to_bytes() == models[e.name].to_bytes() for e in index.entries())
        found = index.candidates(models["a1"], 10)
    assert {one.entry.name for one in found} == {"a0", "a1", "a2"}
    assert found[0].entry.name == "a1"
    assert found[0].equal == 3
    with Index(tmp_path / "i", is_read_only=True) as index:
        assert len(index) == 6


def test_nothing_is_added_twice(tmp_path: Path, family) -> None:
    models = family("a", 2)
    with filled(tmp_path / "i", models) as index:
        again = [(name, "", model) for name, model in models.items()]
        assert list(index.add(again)) == [("a0", False), ("a1", False)]
        assert list(index.add([("one more name", "/there/a0", models["a0"])])) == [("one more name", False)]
        assert list(index.add([("another name", "", models["a0"])])) == [("another name", True)]
        assert (size_of(index).models, size_of(index).contents, size_of(index).free_bytes) == (3, 2, 0)


def test_two_models_of_one_name_are_both_kept(tmp_path: Path, family) -> None:
    one, other = family("a", 2).values()
    with Index(tmp_path / "i", is_new=True) as index:
        assert list(index.add([("m", "", one), ("m", "", other)])) == [("m", True), ("m", True)]
        assert len(index.entries("name = ?", "m")) == 2


def test_groups_are_families(tmp_path: Path, family) -> None:
    with filled(tmp_path / "i", family("a", 4) | family("b", 3) | family("c", 1)) as index:
        names = {entry.digest: entry.name for entry in index.entries()}
        groups = sorted(sorted(names[digest] for digest in group) for group in index.groups())
    assert groups == [["a0", "a1", "a2", "a3"], ["b0", "b1", "b2"], ["c0"]]


def test_removed_models_are_gone_and_their_space_is_freed(tmp_path: Path, family) -> None:
    models = family("a", 4)
    with filled(tmp_path / "i", models) as index:
        before = size_of(index)
        assert index.remove(["a0", "a1", "nobody"]) == ["a0", "a1"]
        assert size_of(index).free_bytes > 0
        assert compact(index) > 0
        after = size_of(index)
        assert (after.models, after.segments, after.free_bytes) == (2, 1, 0)
        assert after.used_bytes < before.used_bytes
        assert index.fingerprint(index.entries()[0].digest).digest == models["a2"].digest
        assert not list(damage(index))
        assert compact(index) == 0


def test_compact_leaves_alone_what_another_writes(tmp_path: Path, family) -> None:
    models = family("a", 3)
    with filled(tmp_path / "i", models) as one, Index(tmp_path / "i") as other:
        one.remove(["a0"])
        compact(other)
        assert list(one.add([("a0", "", models["a0"])])) == [("a0", True)]
        assert not list(damage(other))
        assert len(other) == 3


def test_each_kind_of_damage_has_a_sentence(tmp_path: Path, family) -> None:
    with filled(tmp_path / "i", family("a", 2)) as index:
        (name,) = segments.names(tmp_path / "i" / store.SEGMENTS)
        path = tmp_path / "i" / store.SEGMENTS / name
        content = path.read_bytes()
        path.write_bytes(content[:100] + b"x" + content[101:])
        assert ["changed after it was made" in line for line in damage(index)].count(True) == 1
        path.write_bytes(content[:-50])
        assert [line for line in damage(index) if "cut short" in line]
        path.unlink()
        assert all("cannot be read" in line for line in damage(index))
        with pytest.raises(SavedFileError, match="segment"):
            index.fingerprint(index.entries()[0].digest)
        path.write_bytes(content)
        index.catalogue.execute("DELETE FROM models WHERE name = 'a0'")
        assert [line for line in damage(index) if "belongs to no model" in line]


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SavedFileError, match="not an index; make one with"):
        Index(tmp_path)
    (tmp_path / catalogue.FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(SavedFileError, match="damaged"):
        Index(tmp_path)
    (tmp_path / catalogue.FILE).unlink()
    with sqlite3.connect(tmp_path / catalogue.FILE) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(SavedFileError, match="not the catalogue of an index"):
        Index(tmp_path, is_new=True)


def test_a_later_version_is_refused(tmp_path: Path, family) -> None:
    with filled(tmp_path / "i", family("a", 1)) as index:
        index.catalogue.execute("PRAGMA user_version = 9")
    with pytest.raises(SavedFileError, match="version 9, and this program knows 2"):
        Index(tmp_path / "i")


def test_an_earlier_version_is_brought_up_to_date(tmp_path: Path, family, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "i", family("a", 1)).close()
    monkeypatch.setattr(catalogue, "MIGRATIONS", (*catalogue.MIGRATIONS, "ALTER TABLE models ADD COLUMN note TEXT"))
    with pytest.raises(SavedFileError, match="earlier version"):
        Index(tmp_path / "i", is_read_only=True)
    with Index(tmp_path / "i") as index:
        assert index.catalogue.execute("SELECT name, note FROM models").fetchall() == [("a0", None)]
    Index(tmp_path / "i", is_read_only=True).close()


def test_a_catalogue_that_was_cut_short(tmp_path: Path, family) -> None:
    filled(tmp_path / "i", family("a", 3)).close()
    path = tmp_path / "i" / catalogue.FILE
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SavedFileError, match="damaged"), Index(tmp_path / "i", is_read_only=True) as index:
        index.sketches()


def full(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_loses_nothing(tmp_path: Path, family, monkeypatch: pytest.MonkeyPatch) -> None:
    models = family("a", 3)
    with filled(tmp_path / "i", {"a0": models["a0"]}) as index:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(OutputError, match="left as it was: No space left"):
                list(index.add([("a1", "", models["a1"])]))
        assert [entry.name for entry in index.entries()] == ["a0"]
        assert list(index.add([("a1", "", models["a1"])])) == [("a1", True)]
        index.catalogue.execute(f"PRAGMA max_page_count = {index.catalogue.execute('PRAGMA page_count').fetchone()[0]}")
        more = [(name, "", model) for name, model in family("b", 40).items()]
        with pytest.raises(OutputError, match="left as it was: database or disk is full"):
            list(index.add(more))
        assert not list(damage(index))
        assert len(index) >= 2


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder_can_be_searched(tmp_path: Path, family) -> None:
    models = family("a", 2)
    filled(tmp_path / "i", models).close()
    (tmp_path / "i").chmod(0o500)
    try:
        with Index(tmp_path / "i", is_read_only=True) as index:
            assert len(index.candidates(models["a0"], 5)) == 2
        with pytest.raises(OutputError), Index(tmp_path / "i") as index:
            index.remove(["a0"])
    finally:
        (tmp_path / "i").chmod(0o700)


def test_a_fingerprint_that_was_changed_by_hand_is_not_compared(tmp_path: Path, family) -> None:
    models = family("a", 1)
    with filled(tmp_path / "i", models) as index:
        index.catalogue.execute("UPDATE fingerprints SET length = length - 1")
        with pytest.raises(CheckpointError, match="cut short"):
            index.fingerprint(models["a0"].digest)


@pytest.mark.parametrize("segment", ["../../secret.segment", "/etc/passwd", "pipe.segment", "x"])
def test_a_catalogue_that_names_a_place_elsewhere_is_refused(family, tmp_path, segment):
    with Index(tmp_path / "index", is_new=True) as index:
        list(index.add([(name, "", model) for name, model in family("a", 1).items()]))
        os.mkfifo(tmp_path / "index" / "segments" / "pipe.segment")
        index.catalogue.execute("UPDATE fingerprints SET segment = ?", (segment,))
        index.catalogue.commit()
        with pytest.raises(SavedFileError, match=r"no segment of this index|not a regular file"):
            index.fingerprint(index.entries()[0].digest)


@pytest.mark.parametrize("column", ["fingerprints SET sketch", "models SET name"])
def test_a_catalogue_of_other_types_is_refused(family, tmp_path, column):
    with Index(tmp_path / "index", is_new=True) as index:
        list(index.add([(name, "", model) for name, model in family("a", 1).items()]))
        index.catalogue.execute("PRAGMA foreign_keys = OFF")
        index.catalogue.execute(f"UPDATE OR IGNORE {column} = x'ff00'")
        index.catalogue.commit()
        with pytest.raises(SavedFileError):
            (index.groups if "sketch" in column else index.entries)()


def test_where_the_source_fails_what_came_before_is_there(family, tmp_path: Path) -> None:
    def failing():
        yield from ((name, f"/{name}", found) for name, found in family("a", 3).items())
        raise RuntimeError("the cluster was lost")

    with Index(tmp_path, is_new=True) as index:
        with pytest.raises(RuntimeError, match="lost"):
            list(index.add(failing()))
        assert index.places() == {"/a0", "/a1", "/a2"}


def test_a_name_that_is_no_text_is_kept_and_found(tmp_path: Path, family) -> None:
    name = os.fsdecode(b"a\xff.pt")
    model = family("a", 1)["a0"]
    with filled(tmp_path / "i", {name: model}) as index:
        assert [entry.name for entry in index.entries()] == ["a\\udcff.pt"]
        assert index.named(name) is not None
        assert [is_new for _, is_new in index.add([(name, f"/there/{name}", model)])] == [False]
