"""Checkpoints and folders of them, written as bytes by the tests themselves."""

import builtins
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.inputs import Skipped
from neural_phylogeny.sources.asides import Aside
from neural_phylogeny.sources.folders import models_in
from neural_phylogeny.sources.found import Found

Write = Callable[..., str]

CODES = {np.dtype(np.float32): "F32", np.dtype(np.float16): "F16", np.dtype(ml_dtypes.bfloat16): "BF16"}


def safetensors_of(arrays: dict[str, np.ndarray]) -> bytes:
    """A safetensors file of arrays."""
    header: dict[str, Any] = {}
    values = b""
    for name, array in arrays.items():
        content = array.tobytes()
        offsets = [len(values), len(values) + len(content)]
        header[name] = {"dtype": CODES[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
        values += content
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + values


class Folder:
    """What ``models_in`` finds in a folder, with paths relative to it."""

    def __init__(self, folder: Path) -> None:
        def short(path: str) -> str:
            return Path(os.path.relpath(path, folder)).as_posix()

        everything = list(models_in(str(folder)))
        items = [item for item in everything if not isinstance(item, Aside)]
        found = [item for item in items if isinstance(item, Found)]
        self.order = [short(item.path) for item in items]
        self.files = {short(item.path): [short(part.file) for part in item.parts] for item in found}
        self.prefixes = {short(item.path): [part.prefix for part in item.parts] for item in found}
        self.tensors = {short(item.path): [part.tensor for part in item.parts] for item in found}
        self.kinds = {short(item.path): item.kind for item in everything if isinstance(item, Aside)}
        self.skipped = {short(item.path): item.reason for item in items if isinstance(item, Skipped)}
        self.is_model = {short(item.path): item.is_model for item in items if isinstance(item, Skipped)}


@pytest.fixture
def walked(tmp_path: Path) -> Callable[..., Folder]:
    """Walk the test's folder, or one in it."""
    return lambda below="": Folder(tmp_path / below)


@pytest.fixture
def arrays() -> Callable[..., bytes]:
    """A safetensors file of arrays by name."""
    return lambda **named: safetensors_of(named)


def safetensors_bytes(tensors: dict[str, list[float]]) -> bytes:
    """A safetensors file of 1-D float32 tensors."""
    return safetensors_of({name: np.array(numbers, dtype=np.float32) for name, numbers in tensors.items()})


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file below the test's folder and give its path.

    Without content it is a checkpoint of one tensor that no other file has. A dict becomes a checkpoint where the
    file is called ``.safetensors``; other dicts and lists become JSON.
    """
    count = 0

    def write_file(name: str, content: Any = None) -> str:
        nonlocal count
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            count += 1
            content = safetensors_bytes({f"weight{count}": [float(count), 2.0]})
        elif isinstance(content, dict) and name.endswith(".safetensors"):
            content = safetensors_bytes(content)
        elif isinstance(content, dict | list):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write_file


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Make the system refuse one call on one path, as it would to another user: tests may run as root."""

    def refuse_path(call: str, refused: str) -> None:
        module_name, function = call.split(".")
        module: Any = {"builtins": builtins, "io": io, "os": os}[module_name]
        real = getattr(module, function)

        def guarded(path: Any, *arguments: Any, **options: Any) -> Any:
            if not isinstance(path, int) and os.fspath(path) == refused:
                raise PermissionError(13, "Permission denied", refused)
            return real(path, *arguments, **options)

        monkeypatch.setattr(module, function, guarded)

    return refuse_path
