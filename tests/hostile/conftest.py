"""Errors of files that must be refused."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from neural_phylogeny.errors import CheckpointError, DamagedFileError
from neural_phylogeny.formats import open_checkpoint


def read_all(path: Path) -> None:
    """Open a file and read every tensor in it."""
    with open_checkpoint(path) as checkpoint:
        for name, tensor in checkpoint.tensors.items():
            assert checkpoint.read(name).size == tensor.size


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """The message for a file with this content and name, without its path; the kind of error must be just this."""

    def reason(content: bytes, name: str, kind: type[CheckpointError] = DamagedFileError) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(kind) as caught:
            read_all(path)
        assert type(caught.value) is kind
        return str(caught.value).removeprefix(f"{path}: ")

    return reason


@pytest.fixture(scope="session")
def read_or_refuse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes, str], None]:
    """Read a file with this content and name whole; no error but those of checkpoints may come of it."""

    def attempt(content: bytes, name: str) -> None:
        path = tmp_path_factory.mktemp("mutated") / name
        path.write_bytes(content)
        with contextlib.suppress(CheckpointError):
            read_all(path)

    return attempt
