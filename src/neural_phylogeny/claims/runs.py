"""Checkpoints of one training: which of them a trainer's state goes on from."""

from __future__ import annotations

import os
import re
from typing import Any

from neural_phylogeny.sources.documents import read_json

STATE = "trainer_state.json"
"""What the trainer of Hugging Face leaves beside every checkpoint."""

_NAME = re.compile(r"checkpoint-(\d{1,12})")


def earlier_checkpoint(folder: str) -> str | None:
    """The checkpoint before a model that one run wrote, beside the model or inside its folder; None where none is.

    The two are of one run where the log of the later one begins with that of the earlier one. A final model for which
    the best checkpoint was loaded goes on from that one, not from the last. Two small files are read.

    Raises
    ------
    CheckpointError
        When the state is not JSON or cannot be read.
    """
    state = _state(folder)
    step, log = state.get("global_step"), state.get("log_history")
    if not isinstance(step, int) or not isinstance(log, list) or not log:
        return None
    beside = _checkpoints(os.path.dirname(os.path.abspath(folder)))
    inside = {} if state.get("best_model_checkpoint") else _checkpoints(folder)
    before = [(n, path) for n, path in beside.items() if n < step and not _is_same(path, folder)]
    before += [(n, path) for n, path in inside.items() if n <= step]
    if not before:
        return None
    _, nearest = max(before)
    earlier = _state(nearest).get("log_history")
    return nearest if isinstance(earlier, list) and earlier and log[: len(earlier)] == earlier else None


def _state(folder: str) -> dict[str, Any]:
    path = os.path.join(folder, STATE)
    content = read_json(path, "It is passed over.") if os.path.isfile(path) else {}
    return content if isinstance(content, dict) else {}


def _checkpoints(folder: str) -> dict[int, str]:
    """By their step, the checkpoints with a state in a folder."""
    try:
        with os.scandir(folder) as entries:
            found = [(_NAME.fullmatch(entry.name), entry.path) for entry in entries]
    except OSError:
        return {}
    return {int(name[1]): path for name, path in found if name and os.path.isfile(os.path.join(path, STATE))}


def _is_same(path: str, other: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)
