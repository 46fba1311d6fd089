"""Checkpoints of DeepSpeed's ZeRO-3, whose tensors lie in equal parts with the optimiser states of all ranks.

``zero_pp_rank_0_mp_rank_00_model_states.pt`` says the shapes, in order; of each tensor rank r holds the r-th part of
ceil(size / ranks) values, one after the other in its flat groups of float32. What was frozen lies in the model states
of each rank, cut in the same way, and buffers lie there whole.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neural_phylogeny.errors import DamagedFileError, UnreadableFileError, UnsupportedFormatError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.distributed import AGAIN, DIMENSIONS
from neural_phylogeny.formats.pieces import Piece, read_pieces
from neural_phylogeny.formats.pytorch.inert import TensorRecord
from neural_phylogeny.formats.pytorch.reader import PyTorchFile
from neural_phylogeny.formats.pytorch.state_dicts import Tensors, as_tensor
from neural_phylogeny.formats.pytorch.strides import is_count
from neural_phylogeny.formats.trainer_files import OPTIMISERS, STATES, is_first
from neural_phylogeny.inputs import TensorInfo


def matches(head: bytes, path: Path) -> bool:
    """The model states of the first rank, beside the optimiser states of the first rank."""
    return is_first(path.name) and head[:4] == b"PK\x03\x04" and 0 in ranks(path.parent)[1]


def ranks(folder: Path) -> tuple[dict[int, str], dict[int, str]]:
    """Names of the files of model states and of optimiser states in a folder, by rank."""
    found: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for name in sorted(os.listdir(folder)):
        for pattern, files in zip((STATES, OPTIMISERS), found, strict=True):
            if (named := pattern.fullmatch(name)) and int(named[2]) == 0:
                files.setdefault(int(named[1]), name)
    return found


def open_file(path: Path, component: str | None = None) -> Checkpoint:
    """Open the ZeRO-3 checkpoint that a file of model states belongs to; costs a read of the pickle of each rank.

    ``component`` is not used: there is one state dict. Raises the errors of ``open_checkpoint``.
    """
    return ZeroCheckpoint(path)


class _States(PyTorchFile):
    """The model states of a rank: its tensors are the buffers and the parts of what was frozen."""

    root: Mapping[str, Any]

    def _choose(self, root: Any, component: str | None) -> Tensors:
        self.root = root if isinstance(root, dict) else {}
        module, parts = (_mapping(self.root.get(key)) for key in ("module", "frozen_param_fragments"))
        names = self.root.get("buffer_names")
        buffers = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        found = {name: as_tensor(module.get(name)) for name in buffers}
        found |= {f"frozen {name}": as_tensor(value) for name, value in parts.items()}
        return {name: record for name, record in found.items() if isinstance(record, TensorRecord)}


class _Optimiser(PyTorchFile):
    """The optimiser states of a rank: its tensors are the flat groups, numbered."""

    def _choose(self, root: Any, component: str | None) -> Tensors:
        state = _mapping(_mapping(root).get("optimizer_state_dict"))
        groups = state.get("fp32_flat_groups")
        found = [as_tensor(group) for group in groups] if isinstance(groups, list) else []
        return {str(k): record for k, record in enumerate(found) if isinstance(record, TensorRecord)}


class ZeroCheckpoint(Checkpoint):
    """The tensors of all ranks put together."""

    format = "zero"

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.tensors = {}
        self._states: list[_States] = []
        self._optimisers: list[_Optimiser] = []
        self._begin: dict[str, int] = {}
        try:
            self._open(path.parent)
            self._register()
        except BaseException:
            self.close()
            raise

    def read(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        size = self.tensors[name].size
        stop = size if stop is None else min(stop, size)
        if name in self._states[0].tensors:
            return self._states[0].read(name, start, stop)
        part = max(1, -(-size // len(self._states)))
        pieces = [
            Piece((rank * part,), (min(part, size - rank * part),), partial(self._part, name, rank))
            for rank in range(start // part, -(-stop // part))
        ]
        return read_pieces((size,), np.dtype(np.float32), pieces, start, stop)

    def close(self) -> None:
        for file in (*self._states, *self._optimisers):
            file.close()

    def _part(self, name: str, rank: int, first: int, last: int) -> AnyArray:
        """Values of a rank's part of a tensor."""
        if name not in self._begin:
            return self._states[rank].read(f"frozen {name}", first, last)
        file, at = self._optimisers[rank], self._begin[name]
        found = []
        for group, info in file.tensors.items():
            begin, end = max(at + first, 0), min(at + last, info.size)
            if begin < end:
                found.append(file.read(group, begin, end))
            at -= info.size
        return np.concatenate(found) if found else np.empty(0, dtype=np.float32)

    def _open(self, folder: Path) -> None:
        parts = len({named[2] for name in os.listdir(folder) if (named := STATES.fullmatch(name))})
        if parts > 1:
            raise UnsupportedFormatError(
                f"a ZeRO-3 checkpoint whose matrices are cut among {parts} tensor-parallel ranks",
                path=self.path,
                remedy="Convert it with DeepSpeed's ds_to_universal.py and give the result.",
            )
        states, optimisers = ranks(folder)
        for rank in range(max(states) + 1):
            for files, kind in ((states, "model"), (optimisers, "optimiser")):
                if rank not in files:
                    reason = f"the {kind} states of rank {rank} are missing"
                    raise UnreadableFileError(reason, path=self.path, remedy=AGAIN)
            self._states.append(_States(folder / states[rank]))
            self._optimisers.append(_Optimiser(folder / optimisers[rank]))

    def _register(self) -> None:
        """Prove that the flat groups of every rank hold its part of every tensor and nothing else."""
        root = self._states[0].root
        listed = root.get("param_shapes")
        trained = (
            {name: shape for group in listed for name, shape in _mapping(group).items()}
            if isinstance(listed, list)
            else _mapping(listed)
        )
        at, world = 0, len(self._states)
        for name, shape in trained.items():
            self._begin[name] = at
            at += -(-self._add(name, shape) // world)
        for rank, file in enumerate(self._optimisers):
            held = sum(info.size for info in file.tensors.values())
            if held != at:
                raise self._damaged(f"rank {rank} of {world} holds {held:,} values where {at:,} are expected")
        for name, shape in _mapping(root.get("frozen_param_shapes")).items():
            wanted = -(-self._add(name, shape) // world)
            for rank, states in enumerate(self._states):
                part = states.tensors.get(f"frozen {name}")
                if part is None or part.size < wanted:
                    raise self._damaged(f"rank {rank} lacks its part", name)
        self.tensors |= {name: info for name, info in self._states[0].tensors.items() if not name.startswith("frozen ")}

    def _add(self, name: Any, shape: Any) -> int:
        """Note a tensor of float32; returns its number of values."""
        is_shape = isinstance(shape, list | tuple) and len(shape) <= DIMENSIONS and all(map(is_count, shape))
        if not isinstance(name, str) or not is_shape:
            raise self._damaged("the shapes are not those of tensors")
        self.tensors[name] = TensorInfo(name=name, shape=tuple(shape), dtype="float32")
        return math.prod(shape)

    def _damaged(self, reason: str, tensor: str = "") -> DamagedFileError:
        return DamagedFileError(reason, path=self.path, tensor=tensor, remedy=AGAIN)


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}
