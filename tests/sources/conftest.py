"""Checkpoints and folders of them, written as bytes by the tests themselves."""

import builtins
import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Write = Callable[..., str]


def safetensors_bytes(tensors: dict[str, list[float]]) -> bytes:
    """A safetensors file of 1-D float32 tensors."""
    header: dict[str, Any] = {}
    values = b""
    for name, numbers in tensors.items():
        content = b"".join(struct.pack("<f", number) for number in numbers)
        offsets = [len(values), len(values) + len(content)]
        header[name] = {"dtype": "F32", "shape": [len(numbers)], "data_offsets": offsets}
        values += content
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + values


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
