"""Boxes that make up a tensor."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.formats.pieces import Ordered, Piece, read_pieces, tiles

WHOLE = np.arange(5 * 6 * 2).reshape(5, 6, 2)


def piece(low, high, left, right):
    values = np.ascontiguousarray(WHOLE[low:high, left:right]).reshape(-1)
    return Piece((low, left, 0), (high - low, right - left, 2), lambda start, stop: values[start:stop])


def test_of_many_pieces_a_few_rows_look_at_few():
    pieces = Ordered([piece(row, row + 1, 0, 6) for row in range(5)])
    assert [one.offsets[0] for one in pieces.meeting(2, 4)] == [2, 3]


@given(st.integers(0, 5), st.integers(0, 6), st.integers(0, 60), st.integers(0, 60))
def test_any_range_of_any_division_is_that_of_the_whole(row, column, start, stop):
    pieces = [piece(0, row, 0, 6), piece(row, 5, 0, column), piece(row, 5, column, 6)]
    assert tiles(WHOLE.shape, [(one.offsets, one.sizes) for one in pieces]) == ""
    for kept in (pieces, Ordered(pieces[::-1])):
        found = read_pieces(WHOLE.shape, WHOLE.dtype, kept, start, stop)
        np.testing.assert_array_equal(found, WHOLE.reshape(-1)[start:stop])


def test_a_scalar_has_one_piece():
    one = Piece((), (), lambda start, stop: np.array([7.0])[start:stop])
    assert tiles((), [((), ())]) == ""
    assert read_pieces((), np.dtype(float), [one], 0, 1).tolist() == [7.0]
    assert read_pieces((), np.dtype(float), Ordered([one]), 0, 1).tolist() == [7.0]


def test_what_does_not_tile_is_a_sentence():
    assert "does not fit" in tiles((4, 2), [((0, 1), (4, 2))])
    assert "does not fit" in tiles((4, 2), [((0,), (8,))])
    assert "hold 9 of its 8" in tiles((4, 2), [((0, 0), (4, 2)), ((0, 0), (1, 1))])
    assert "overlap" in tiles((4, 2), [((0, 0), (2, 2)), ((1, 0), (2, 2))])
    assert "too many pieces" in tiles((1, 2000), [((0, k), (1, 1)) for k in range(2000)])
