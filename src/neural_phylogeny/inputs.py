"""The frozen records of what is read: tensors, weight files, models as a source found them, and what was left out."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """What a checkpoint says of one tensor before any of its values are read.

    ``dtype`` is the NumPy or ml_dtypes name of the values that ``read`` returns, and ``output_axis`` the axis
    of the output units: 0 in PyTorch and ONNX convolutions, -1 in Keras. ``codes`` is the scheme of codes that the
    values are stored as, such as ``"gptq"``, and ``code_bits`` the bits of a code; empty and 0 for plain numbers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    output_axis: int = 0
    codes: str = ""
    code_bits: int = 0

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Weights of a checkpoint that cannot be compared: codes that the file does not say how to read.

    ``tensors`` are the names of the stored tensors, ``weights`` how many weights they stand for (an estimate where the
    bits of a code are not known), ``reason`` says why, without a full stop.
    """

    tensors: tuple[str, ...]
    weights: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One weight file of a model; its tensors are named ``prefix + name``.

    Where ``tensor`` is given, the file holds one tensor only, and ``tensor`` is what the model calls it.
    """

    file: str
    prefix: str = ""
    tensor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """One model that a source found: where it lies, not what is in it.

    ``path`` is the file or folder as given or as found by the walk; ``parts`` the weight files behind it. ``found_in``
    is the folder or pattern in which the model was found, empty where it was named itself; ``index`` the shard index.
    """

    name: str
    path: str
    parts: tuple[Part, ...]
    component: str | None = None
    found_in: str = ""
    index: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A path that was looked at and left out, with the reason as a sentence.

    ``is_model`` is False for what is certainly no further model: training states, data, a second copy of a model.
    """

    path: str
    reason: str
    is_model: bool = True
