"""Families to question."""

import pytest

from neural_phylogeny import demo
from neural_phylogeny.reconstruction.judged import Judged
from neural_phylogeny.reconstruction.options import Reading


@pytest.fixture(scope="session")
def judged() -> Judged:
    """The families that ship with the package."""
    return Judged.of([demo.folder()], Reading(1))
