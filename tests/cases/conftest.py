"""Small models of the kinds that are found in public folders: constants, helpers and heads beside trained weights."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

Model = dict[str, NDArray[np.float32]]

SHAPES = {
    "encoder.0.weight": (48, 32),
    "encoder.1.weight": (40, 48),
    "encoder.2.weight": (40, 40),
    "head.weight": (10, 40),
    "encoder.0.bias": (48,),
}


@pytest.fixture
def trained(rng) -> Callable[..., Model]:
    """A model with weights of its own, or one that was trained on from ``start``."""

    def make(start: Model | None = None, step: float = 0.2, shapes: Mapping[str, tuple[int, ...]] = SHAPES) -> Model:
        if start is None:
            return {name: rng.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}
        return {name: (w + rng.laplace(0, step, w.shape)).astype(np.float32) for name, w in start.items()}

    return make
