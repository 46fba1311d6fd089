from collections.abc import Callable

import numpy as np
import pytest

from neural_phylogeny.formats.fingerprint import Fingerprint, Source
from neural_phylogeny.inputs import TensorInfo

SHAPE = (48, 40)


@pytest.fixture
def family(rng: np.random.Generator) -> Callable[..., dict[str, Fingerprint]]:
    """Fingerprints of ``n`` models, each the base and some noise of its own; the base is the first."""

    def make(name: str, n: int, noise: float = 0.3) -> dict[str, Fingerprint]:
        base = {f"layer.{k}.weight": rng.normal(size=SHAPE) for k in range(3)}
        found = {}
        for k in range(n):
            moved = {key: values + noise * bool(k) * rng.normal(size=SHAPE) for key, values in base.items()}
            found[f"{name}{k}"] = printed(f"{name}{k}", moved)
        return found

    return make


def printed(name: str, arrays: dict[str, np.ndarray], form: str = "safetensors") -> Fingerprint:
    """A fingerprint that keeps all values of these arrays, in single precision."""
    tensors = {key: TensorInfo(name=key, shape=values.shape, dtype="float32") for key, values in arrays.items()}
    blocks = {key: values.astype("f4") for key, values in arrays.items()}
    return Fingerprint(tensors, blocks, Source(name, form))
