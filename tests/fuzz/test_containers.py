"""Archives that the mutators put together: readable by the standard library, and with one lie where one is told."""

import io
import zipfile

import pytest
from tests.fuzz import containers, seeds


@pytest.mark.parametrize("method", containers.METHODS)
def test_an_archive_of_each_method(method):
    content = seeds.zipped({"a": b"x" * 100, "m/b": b"y"}, method)
    members = containers.members(content)
    assert [one.content() for one in members] == [b"x" * 100, b"y"]
    changed = [members[0].with_content(b"new"), members[1]]
    with zipfile.ZipFile(io.BytesIO(containers.archive(changed))) as archive:
        assert [archive.read(name) for name in ("a", "m/b")] == [b"new", b"y"]


def test_a_lie_about_a_sum():
    (member,) = containers.members(seeds.zipped({"a": b"x"}))
    with zipfile.ZipFile(io.BytesIO(containers.archive([member._replace(crc=1)]))) as archive:
        assert archive.testzip() == "a"


def test_what_is_damaged_has_no_members():
    assert not containers.members(seeds.zipped({"a": b"x"})[:-1])
    assert not containers.members(b"PK")
