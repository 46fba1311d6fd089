"""A model that has a trained matrix of another one has more in common with it than an initialisation."""

from types import SimpleNamespace

import numpy as np

from neural_phylogeny.reconstruction import family_data
from neural_phylogeny.reconstruction.family_data import MeasuredFamily


def test_an_identical_matrix_says_more_than_the_draw(monkeypatch):
    odds = np.full((3, 3), -5.0)
    monkeypatch.setattr(family_data, "descent", lambda *_: odds)
    identical = np.zeros((3, 3), dtype=bool)
    identical[0, 1] = identical[1, 0] = True
    leading = (SimpleNamespace(of=lambda rows: rows),)
    found = SimpleNamespace(leading=leading, draw="a draw", existence=SimpleNamespace(identical=identical))
    family = MeasuredFamily(found, (0, 1, 2), None, 0)  # type: ignore[arg-type]
    assert family.descent().tolist() == [[-5, 0, -5], [0, -5, -5], [-5, -5, -5]]
