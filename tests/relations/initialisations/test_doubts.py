"""When a claim is in doubt where no draw is found."""

import numpy as np
import pytest

from neural_phylogeny.relations.initialisations.doubts import LEAST_ODDS, PRIOR, independent
from neural_phylogeny.relations.initialisations.independence import INDEPENDENT


def test_bayes_below_the_limit_and_nothing_above():
    odds = np.array([[0.0, INDEPENDENT - 0.1], [INDEPENDENT + 0.1, 0.0]])
    found = independent(odds)
    assert found[0, 1] == pytest.approx(1.0 / (1.0 + np.exp(odds[0, 1] + PRIOR)))
    assert found[1, 0] == found[0, 0] == 0.0


def test_no_claim_in_doubt_is_told_above_80_percent_or_below_half():
    found = independent(np.array([[INDEPENDENT - 1e-9, LEAST_ODDS - 5.0]]))
    assert 0.2 < found[0, 0] < found[0, 1] < 0.5
