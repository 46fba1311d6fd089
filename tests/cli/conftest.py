"""Checkpoints in a folder, and a way to run commands."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from neural_phylogeny.cli.group import nphylo


class Runner:
    """Runs a command in this process; exit code 0 is expected unless told otherwise, any where told None."""

    def __call__(self, *arguments: object, code: int | None = 0, **extra: Any) -> Result:
        result = CliRunner().invoke(nphylo, [str(argument) for argument in arguments], **extra)
        assert code is None or result.exit_code == code, result.output + repr(result.exception)
        return result


@pytest.fixture
def run() -> Runner:
    return Runner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A parent, its child and a stranger as npz files; file names with marks that mean something to terminals."""
    models = tmp_path / "models"
    models.mkdir()
    rng = np.random.default_rng(7)
    parent = rng.uniform(-1, 1, (48, 48)).astype(np.float32)
    child = parent + rng.normal(0, 0.5, parent.shape).astype(np.float32)
    stranger = rng.uniform(-1, 1, (48, 48)).astype(np.float32)
    for name, weights in (("base", parent), ("child[red]", child), ("stranger\x1b[2J", stranger)):
        np.savez(models / f"{name}.npz", w=weights)
    return models
