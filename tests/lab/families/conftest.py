"""The digits, loaded once."""

import pytest

from neural_phylogeny.lab.families.pictures import DataSet, load_pictures


@pytest.fixture(scope="session")
def pictures() -> dict[str, DataSet]:
    """The digits and their variants, small."""
    return load_pictures(None)
