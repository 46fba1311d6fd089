"""What the small JSON files beside a weight file say of its codes: hints, of which only what fits is believed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZE_LIMIT = 1 << 24
"""Longest settings file that is read, in bytes; a configuration has some kilobytes."""

FILES = ("config.json", "quantize_config.json", "quant_config.json", "hf_quant_config.json")

SECTIONS = ("quantization_config", "compression_config", "quantization", "quant_config")
"""Keys of ``config.json`` that hold the settings; the other files hold them at their top."""


class Settings:
    """Settings of one model's codes, read when they are first requested.

    ``files`` are the prefix of each weight file's tensors and its path, as a model of several parts has them.
    """

    def __init__(self, files: Sequence[tuple[str, str]] = ()) -> None:
        self._folders = {prefix: Path(file).parent for prefix, file in files}
        self._sections: dict[str, dict[str, Any]] = {}

    def of(self, layer: str) -> dict[str, Any]:
        """The settings for a layer, by the longest prefix that fits its name; empty where there are none."""
        prefixes = [prefix for prefix in self._folders if layer.startswith(prefix)]
        if not prefixes:
            return {}
        prefix = max(prefixes, key=len)
        if prefix not in self._sections:
            self._sections[prefix] = _section(self._folders[prefix])
        return self._sections[prefix]


def _section(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in FILES:
        content = _content(folder / name)
        inner = [content[key] for key in SECTIONS if isinstance(content.get(key), dict)]
        for section in inner or ([content] if name != "config.json" else []):
            found = {**section, **found}
    return found


def _content(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none that can be read."""
    try:
        if not path.is_file() or path.stat().st_size > SIZE_LIMIT:
            return {}
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
