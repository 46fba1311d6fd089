"""A family computes what is used, once; a subset is a family of its own."""

import numpy as np
import pytest
from tests.trees.conftest import posterior_of

from neural_phylogeny.trees.array_data import family_of
from neural_phylogeny.trees.family import CommonOrigin, Families, Family, groups_of


class Counting:
    """Data that counts how often each array is computed."""

    def __init__(self, data, counts):
        self._data, self._counts = data, counts
        self.pairs = data.pairs

    def subset(self, rows):
        return Counting(self._data.subset(rows), self._counts)

    def __getattr__(self, name):
        self._counts[name] = self._counts.get(name, 0) + 1
        return getattr(self._data, name)


@pytest.fixture
def arrays(rng):
    parent = rng.dirichlet(np.ones(4), size=4).T
    return {
        "gram": np.cov(rng.normal(size=(4, 20))),
        "detector": posterior_of(parent, rng.random(4)),
        "exact": {"rounded": rng.normal(size=(4, 4))},
        "merges": np.diag(np.full(3, 0.5), 1),
        "origin": CommonOrigin.UNDECIDED,
    }


def test_each_array_is_computed_once_and_only_if_used(arrays):
    counts: dict[str, int] = {}
    family = Family(Counting(family_of(**arrays).data, counts))
    assert counts == {}
    for _ in range(3):
        assert family.detector.parent.shape == family.retained_gram.shape == (4, 4)
    assert counts == {"detector": 1, "retained_gram": 1}


def test_a_subset_has_the_entries_of_its_models_in_the_given_order(arrays):
    family, rows = family_of(**arrays), [2, 0]
    at = np.ix_(rows, rows)
    few = family.subset(rows)
    assert len(few) == 2
    for name in ("cosine", "gram", "distance", "direction", "lighter_tails", "retained_gram", "merges", "comparable"):
        np.testing.assert_array_equal(getattr(few, name), getattr(family, name)[at])
    np.testing.assert_array_equal(few.exact["rounded"], family.exact["rounded"][at])
    np.testing.assert_allclose(few.detector.parent.sum(axis=0), 1.0)
    np.testing.assert_array_equal(few.detector.missing, family.detector.missing[rows])
    assert family.common_origin(rows) is CommonOrigin.UNDECIDED


def test_models_without_a_compared_matrix_are_not_comparable_but_with_themselves(arrays):
    cosine = np.full((4, 4), np.nan)
    cosine[0, 1] = cosine[1, 0] = 0.5
    comparable = family_of(**{**arrays, "cosine": cosine}).comparable
    assert (comparable == (np.eye(4, dtype=bool) | np.isfinite(cosine))).all()


def test_arrays_without_a_detector_say_so():
    with pytest.raises(ValueError, match="these arrays have no detector's posterior"):
        family_of(gram=np.eye(2)).detector  # noqa: B018


def test_families_come_by_label_and_single_models_are_none(arrays):
    families = Families(np.array([5, 3, 5, 1]), family_of(**arrays))
    assert len(families) == 4
    assert [(members.tolist(), len(family)) for members, family in families] == [([0, 2], 2)]
    assert [members.tolist() for members in groups_of(families.labels)] == [[3], [1], [0, 2]]
