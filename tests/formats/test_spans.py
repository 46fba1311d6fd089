import os
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.errors import DamagedFileError, UnreadableFileError
from neural_phylogeny.formats.spans import Span, SpanFile


class Numbers(SpanFile):
    """Eight numbers of a dtype, behind three other bytes."""

    format = "numbers"

    def __init__(self, path: Path, dtype: str = "<f4", **options: object) -> None:
        super().__init__(path, **options)  # type: ignore[arg-type]
        self._spans["w"] = Span(3, np.dtype(dtype), 8)


def content(dtype: str = "<f4") -> bytes:
    return b"abc" + np.arange(8).astype(dtype).tobytes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "numbers").write_bytes(content())
    return tmp_path / "numbers"


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", "<i8", "|u1"])
def test_values_are_read_from_a_file_from_memory_and_from_a_window(tmp_path: Path, dtype: str) -> None:
    (tmp_path / "whole").write_bytes(content(dtype))
    (tmp_path / "inside").write_bytes(b"before" + content(dtype) + b"behind")
    sources = (
        Numbers(tmp_path / "whole", dtype),
        Numbers(Path("name"), dtype, content=content(dtype)),
        Numbers(tmp_path / "inside", dtype, window=(6, len(content(dtype)))),
    )
    for source in sources:
        with source:
            assert source.read("w").tolist() == list(range(8))
            assert source.read("w", 2, 5).tolist() == [2, 3, 4]
            assert source.read("w", 6, 99).tolist() == [6, 7]
            assert source.read("w", 5, 5).size == 0
            out = np.empty(3, np.float32)
            source.read_into("w", 4, out)
            assert out.tolist() == [4.0, 5.0, 6.0]
            assert source.stream().read() == content(dtype)


def test_reading_beyond_the_window_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "inside"
    path.write_bytes(b"before" + content() + b"behind")
    with Numbers(path, window=(6, len(content()))) as source, pytest.raises(DamagedFileError) as caught:
        source.read_into("w", 6, np.empty(3, np.float32))
    assert str(caught.value) == (
        f"{path}: tensor 'w': the file ended before the tensor did; it may have changed while it was read. "
        "Copy or download it again."
    )


def test_a_read_that_the_system_refuses(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(5, "Input/output error")

    with Numbers(path) as source:
        monkeypatch.setattr(os, "preadv", refuse)
        with pytest.raises(UnreadableFileError) as caught:
            source.read("w")
    assert str(caught.value) == f"{path}: input/output error. Check the path and its permissions."


def test_a_read_in_small_pieces_is_put_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, views, offset: whole(file, [views[0][:5]], offset))
    with Numbers(path) as source:
        assert source.read("w").tolist() == list(range(8))


def test_a_table_of_bytes_is_filled_whole_or_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Numbers(path) as source:
        rows = np.zeros((5, 6), dtype=np.uint8)
        source._fill("w", 3, rows)
        assert rows.tobytes() == content()[3:33]
        with pytest.raises(DamagedFileError):
            source._fill("w", 20, np.zeros((5, 6), dtype=np.uint8))
        whole = os.preadv
        monkeypatch.setattr(os, "preadv", lambda file, views, offset: whole(file, [views[0][:7]], offset))
        again = np.zeros((5, 6), dtype=np.uint8)
        source._fill("w", 3, again)
        assert again.tobytes() == rows.tobytes()


def test_a_closed_file_is_not_read(path: Path) -> None:
    source = Numbers(path)
    source.close()
    source.close()
    with pytest.raises(ValueError, match=r"numbers is closed$"):
        source.read("w")


def test_a_stream_is_a_file_of_its_own(path: Path) -> None:
    with Numbers(path) as source:
        first, second = source.stream(), source.stream()
        assert first.read(1) == b"a"
        assert second.seek(-2, os.SEEK_END) == len(content()) - 2
        assert second.read(2**60) == content()[-2:]
        with pytest.raises(OSError, match="a position before the start of the file"):
            second.seek(-99, os.SEEK_END)
        first.close()
        assert source.read("w", 1, 2).tolist() == [1.0]
