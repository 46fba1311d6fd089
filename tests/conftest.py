"""Fixtures shared by all rooms."""

import os
from pathlib import Path

import numpy as np
import pytest


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
