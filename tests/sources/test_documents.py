from pathlib import Path

import pytest

from neural_phylogeny.errors import DamagedFileError, LimitError, UnreadableFileError
from neural_phylogeny.formats.limits import raised
from neural_phylogeny.sources import documents


def test_a_byte_order_mark_is_not_part_of_the_text(write) -> None:
    assert documents.read_text(write("a.csv", b"\xef\xbb\xbfname"), "") == "name"


def test_a_document_of_any_length_is_not_read_whole(write) -> None:
    path = write("long.json", "12345678901")
    with raised({"header": 10}):
        assert documents.read_text(write("fits.json", "1234567890"), "") == "1234567890"
        with pytest.raises(LimitError, match=r"11 bytes .* the limit is 10. Raise it with --limit header=11 if"):
            documents.read_text(path, "")


def test_a_missing_document_is_unreadable(tmp_path: Path) -> None:
    path = str(tmp_path / "gone.json")
    with pytest.raises(UnreadableFileError) as caught:
        documents.read_json(path, "")
    assert str(caught.value) == f"{path}: no such file or directory. Check the path and its permissions."


def test_a_reason_does_not_repeat_the_path_of_its_record() -> None:
    error = DamagedFileError("truncated", path="runs/a.pt", tensor="w", remedy="Copy it again.")
    assert documents.reason_of(error, "runs/a.pt") == "tensor 'w': truncated. Copy it again."
    assert documents.reason_of(DamagedFileError("truncated", path="runs/a.pt"), "runs/a.pt") == "truncated"
    assert documents.reason_of(DamagedFileError("truncated", path="runs/a.pt"), "runs") == "a.pt: truncated"
    assert documents.reason_of(DamagedFileError("truncated", path="runs/a.pt"), "other") == "runs/a.pt: truncated"
