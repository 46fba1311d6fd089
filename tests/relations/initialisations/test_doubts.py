"""When a claim is in doubt: by the draw, and where no draw is found."""

import numpy as np
import pytest

from neural_phylogeny.relations.initialisations.doubts import DRAWN, PRIOR, PRIOR_DRAWN, independent
from neural_phylogeny.relations.initialisations.independence import INDEPENDENT


@pytest.mark.parametrize(("drawn", "limit", "prior"), [(False, INDEPENDENT, PRIOR), (True, DRAWN, PRIOR_DRAWN)])
def test_bayes_below_the_limit_and_nothing_above(drawn, limit, prior):
    odds = np.array([[0.0, limit - 0.1], [limit + 0.1, 0.0]])
    found = independent(odds, drawn=drawn)
    descends = np.exp(odds[0, 1] + prior)
    assert found[0, 1] == pytest.approx(1.0 / (1.0 + descends))
    assert found[1, 0] == found[0, 0] == 0.0


def test_no_doubted_claim_without_a_draw_is_told_at_80_percent():
    assert independent(np.full((1, 1), INDEPENDENT - 1e-9), drawn=False)[0, 0] > 0.2
