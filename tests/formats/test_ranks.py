"""Pieces of a distributed checkpoint that are alike but for their values are opened once."""

import io
import warnings
import zipfile

import numpy as np
import pytest
import torch

from neural_phylogeny.errors import DamagedFileError, LimitError
from neural_phylogeny.formats import ranks
from neural_phylogeny.formats.pytorch.reader import PyTorchFile
from neural_phylogeny.formats.ranks import Pieces, RankFile

pytestmark = pytest.mark.torch


def saved(values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = io.BytesIO()
        torch.save(torch.as_tensor(values), file)
    return file.getvalue()


@pytest.fixture
def opened(monkeypatch):
    """How often a PyTorch file was opened, by place."""
    places = []

    def counted(path, window):
        places.append(window[0])
        return PyTorchFile(path, window=window)

    monkeypatch.setattr(ranks, "PyTorchFile", counted)
    return places


def read_back(tmp_path, pieces):
    (tmp_path / "__0_0.distcp").write_bytes(b"".join(pieces))
    known, found, at = Pieces("x"), [], 0
    with RankFile(tmp_path / "__0_0.distcp") as file:
        for piece in pieces:
            span = known.span(file, at, len(piece), "w")
            found.append(file.values(span, 0, span.size))
            at += len(piece)
    return found


def test_pieces_of_one_shape_are_opened_once_and_have_their_own_values(tmp_path, opened):
    values = np.random.default_rng(0).standard_normal((9, 5, 7), dtype=np.float32)
    found = read_back(tmp_path, [saved(one) for one in values])
    np.testing.assert_array_equal(found, values.reshape(9, -1))
    assert opened == [0]


def test_another_shape_of_the_same_length_is_opened_itself(tmp_path, opened):
    one = np.arange(60, dtype=np.float32).reshape(6, 10)
    pieces = [saved(values) for values in (one, one.reshape(4, 15), one + 1, one.reshape(4, 15))]
    assert len({len(piece) for piece in pieces}) == 1
    found = read_back(tmp_path, pieces)
    np.testing.assert_array_equal(found[2], one.reshape(-1) + 1)
    assert len(opened) == 2


def test_a_directory_that_lies_in_a_later_piece_is_seen(tmp_path):
    sound = saved(np.ones((4, 4), np.float32))
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        listed = archive.start_dir
    lying = bytearray(sound)
    lying[sound.index(b"PK\x01\x02", listed) + 42] ^= 1  # where the first member begins
    with pytest.raises(DamagedFileError):
        read_back(tmp_path, [sound, bytes(lying)])


def test_small_pieces_that_are_all_unlike_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "UNLIKE", 1000)
    pieces = [saved(np.ones(k + 1, np.float32)) for k in range(5)]
    with pytest.raises(LimitError, match="small and unlike each other, 1000 for each, the limit is 4,096"):
        read_back(tmp_path, pieces)
