"""What fuzzing found once is read or refused, soon, and nothing else comes of it."""

from pathlib import Path

import pytest
from tests.fuzz.targets import TARGETS, refused

SAVED = sorted(Path(__file__).with_name("regressions").glob("*/*"))


@pytest.mark.parametrize("saved", SAVED, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_that_was_found(saved, tmp_path):
    refused(TARGETS[saved.parent.name], tmp_path, saved.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_the_inputs_that_mutators_start_from_are_read(name, tmp_path):
    for number, content in enumerate(TARGETS[name].seeds()):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert not refused(TARGETS[name], folder, content)
