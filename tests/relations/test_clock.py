"""The clock speaks where enough rows agree in one factor, and is silent elsewhere."""

import numpy as np
import pytest

from neural_phylogeny.relations.clock import Clock


def clock_of(*matrices):
    """A clock of two models: for each matrix the rows that only shrank, how many agree, their factor."""
    multiples, agree, factor = (np.zeros((len(matrices), 2, 2)) for _ in range(3))
    for k, (number, near, log) in enumerate(matrices):
        multiples[k] += number
        agree[k] += near
        factor[k, 0, 1], factor[k, 1, 0] = log, -log
    return Clock.of(multiples, agree, factor, np.zeros((len(matrices), 2, 2)))


@pytest.mark.parametrize(
    ("matrices", "later"),
    [
        ([(8, 8, -0.01)], 1),
        ([(8, 8, 0.01)], -1),
        ([(2, 2, -0.01), (2, 2, -0.01)], 1),  # few rows of each, one factor
        ([(3, 3, -0.01)], 0),
        ([(20, 4, -0.01)], 0),  # most rows have factors of their own
        ([(8, 8, -0.01), (8, 8, -0.002)], 1),  # each layer has its rate
        ([(8, 8, -0.01), (8, 8, 0.01)], 0),
        ([], 0),
    ],
)
def test_the_shorter_is_later_where_rows_agree(matrices, later):
    clock = clock_of(*matrices)
    assert clock.later[0, 1] == later
    assert clock.later[1, 0] == -later


def test_factors_and_rows_are_those_that_agree():
    clock = clock_of((9, 8, -0.01), (6, 6, -0.0101), (1, 1, 0.2))
    assert clock.factor[0, 1] == pytest.approx(-0.01)
    assert clock.rows[0, 1] == 14


def test_unknown_numbers_say_nothing():
    clock = Clock.of(*(np.full((3, 4, 4), np.nan) for _ in range(4)))
    assert not clock.later.any()
    assert not clock.rows.any()
