"""A rotation is fitted to the matrix that was only turned, not to one that was multiplied besides."""

import numpy as np

from neural_phylogeny.relations.axes import restored
from neural_phylogeny.relations.disguises import find_disguise


def test_gains_that_were_folded_first_do_not_mislead_the_rotation(rng):
    turn = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    gains = rng.uniform(0.7, 1.4, size=16)
    first = {"up": rng.normal(size=(48, 16)), "embed": rng.normal(size=(16, 16)), "down": rng.normal(size=(16, 48))}
    first["norm"] = gains
    second = {
        "norm": np.ones(16),
        "up": (first["up"] * gains) @ turn,
        "embed": first["embed"] @ turn,
        "down": turn.T @ first["down"],
    }
    found = find_disguise(first, second, {name: w.shape for name, w in first.items()})
    assert found is not None
    assert found.kinds == ("rotated",)
    fitted = found.axes["embed"][1].turn
    assert fitted is not None
    assert np.abs(fitted - turn.T).max() < 1e-6
    assert np.abs(restored(second["norm"], *found.axes["norm"]) - gains).max() < 1e-6
