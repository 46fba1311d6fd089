"""Alignment creates no match on inputs that it has not seen."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neural_phylogeny.lab.kinds.aligned import aligned_p_values


def test_strangers_have_even_p_values_and_permuted_copies_small_ones(rng):
    def model():
        return {name: rng.normal(size=(24, 40)) for name in "abcde"}

    strangers = [p for _ in range(20) for p in aligned_p_values(model(), model())]
    assert len(strangers) == 60  # neither the first nor the last matrix
    assert 0.35 < np.mean(strangers) < 0.65
    assert np.mean(np.array(strangers) < 0.05) < 0.15
    first = model()
    loud = 1.0 + 9.0 * (np.arange(40) < 4)  # inputs that all units of strangers follow
    alike = [p for _ in range(10) for p in aligned_p_values(*({k: w * loud for k, w in model().items()} for _ in "ab"))]
    assert np.mean(np.array(alike) < 0.05) < 0.15
    assert max(aligned_p_values(first, {name: w[rng.permutation(24)] for name, w in first.items()})) < 1e-6
