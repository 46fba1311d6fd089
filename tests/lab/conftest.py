"""A few families, trained once for all tests of the laboratory."""

from pathlib import Path

import pytest

PRIOR = """
version = 1
base = "tiny"
summary = "small dense families, trained in a second"
families = 8

[architecture]
kinds = { dense = 1.0 }

[pace]
most_steps = { dense = 200 }
steps = { dense = 0.3 }

[family]
topologies = { star = 0.5, random = 0.5 }
members = [4, 7]
large_share = 0.0
heads = { kept = 1.0 }
"""


@pytest.fixture(scope="session")
def small_prior(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prior of eight small families, as a file."""
    path = tmp_path_factory.mktemp("prior") / "small.toml"
    path.write_text(PRIOR, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def batches(tmp_path_factory: pytest.TempPathFactory, small_prior: Path) -> Path:
    """A folder of two batches of that prior on the digits: one to train on, one that is left out."""
    pytest.importorskip("torch")
    from neural_phylogeny.lab.families.make import make_batches
    from neural_phylogeny.lab.families.prior import read_prior

    folder = tmp_path_factory.mktemp("batches")
    make_batches(folder, range(2), read_prior(str(small_prior)))
    return folder
