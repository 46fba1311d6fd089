"""Fixtures shared by all rooms."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.measures.one_pass import measure, standard_statistics
from neural_phylogeny.measures.statistics import Statistics
from neural_phylogeny.tensors.alignment import align

hypothesis.settings.register_profile("busy", deadline=None)  # a loaded machine is no fault of the code
hypothesis.settings.load_profile("busy")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20250423)


@pytest.fixture(scope="session")
def wild() -> Path:
    """The folder of groups of public checkpoints, or a visible skip."""
    folder = os.environ.get("NPHYLO_WILD")
    if not folder:
        pytest.skip("NPHYLO_WILD is not set: no public checkpoints to test on")
    return Path(folder)


@pytest.fixture
def measured() -> Callable[..., Statistics]:
    """Measure models given as arrays by name."""

    def run(*models: Mapping[str, Any], threads: int = 1, statistics=None) -> Statistics:
        checkpoints = [MemoryCheckpoint(model) for model in models]
        alignment = align([c.tensors for c in checkpoints], [str(k) for k in range(len(models))])
        return measure(checkpoints, alignment, statistics or standard_statistics(), threads=threads)

    return run
