import numpy as np
import pytest

from neural_phylogeny.relations.assigning import assignment


def mutual_best(score):
    """Pairs that are each other's best, by hand."""
    left, found = score.copy(), np.full(len(score), -1)
    while (found < 0).any():
        best, back = left.argmax(axis=1), left.argmax(axis=0)
        rows = [k for k in range(len(score)) if found[k] < 0 and back[best[k]] == k]
        found[rows] = best[rows]
        left[rows], left[:, best[rows]] = -np.inf, -np.inf
    return found


@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (20, 33), (60, 61), (1, 9)])
def test_every_row_gets_a_column_of_its_own_best_pairs_first(rng, shape):
    score = np.round(rng.normal(size=shape), 1)  # with ties
    found = assignment(score)
    assert len(set(found.tolist())) == len(found)
    np.testing.assert_array_equal(found, mutual_best(score))


def test_rows_that_are_no_numbers_get_what_is_left():
    assert sorted(assignment(np.full((3, 4), np.nan)).tolist()) == [0, 1, 2]
