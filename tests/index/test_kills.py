import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.index import writers

from neural_phylogeny.index.care import compact, damage
from neural_phylogeny.index.store import Index


@pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are forked")
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_two_writers_that_are_killed_lose_nothing(tmp_path: Path, kills: int) -> None:
    """Real kills take a second: there is no other way to end a process between any two instructions."""
    folder = tmp_path / "index"
    subprocess.run([sys.executable, writers.__file__, folder, str(kills)], check=True, timeout=600)
    safe = {line for path in tmp_path.glob("safe*") for line in path.read_text().split()}
    with Index(folder) as index:
        names = [entry.name for entry in index.entries()]
        assert len(names) == len(set(names)) == writers.MODELS
        assert safe <= set(names)
        assert not list(damage(index))
        compact(index)
        assert not list(damage(index))
        assert len(index) == writers.MODELS
