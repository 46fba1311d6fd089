"""The frozen records of what is read: tensors, weight files, models as a source found them, and what was left out."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_SEPARABLE = re.compile(r"separable_conv\dd(_\d+)?/0$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A batch norm folded into the weights before it: names of its stored tensors, the empty string where absent.

    With ``s = gamma / sqrt(variance + epsilon)`` per output unit, weights w are read as ``s w`` along ``axis`` of the
    view, and with ``is_bias`` the tensor beta as ``beta + s (bias - mean)``.
    """

    gamma: str
    mean: str
    variance: str
    epsilon: float
    axis: int = 0
    is_bias: bool = False
    bias: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a stored tensor is read as another framework would store it.

    The stored values are seen in the shape ``split``; of its axis ``sliced`` only ``start:stop`` is taken (all where
    ``stop`` is 0); then the axes are put into the order ``axes``. ``layout`` says so in a few words.
    """

    split: tuple[int, ...]
    axes: tuple[int, ...]
    layout: str
    sliced: int = 0
    start: int = 0
    stop: int = 0
    fold: Fold | None = None

    @property
    def lengths(self) -> tuple[int, ...]:
        """The shape after the slice and the new order of axes."""
        kept = list(self.split)
        if self.stop:
            kept[self.sliced] = self.stop - self.start
        return tuple(kept[axis] for axis in self.axes)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """What a checkpoint says of one tensor before any of its values are read.

    ``dtype`` is the NumPy or ml_dtypes name of the values that ``read`` returns, and ``output_axis`` the axis
    of the output units: 0 in PyTorch and ONNX convolutions, -1 in Keras. ``codes`` is the scheme of codes that the
    values are stored as, such as ``"gptq"``, and ``code_bits`` the bits of a code; empty and 0 for plain numbers.
    Where ``view`` is given, ``shape`` is that of the tensor as it is read through it. ``is_trained``: the values are
    known to be no table that a formula gives, whatever the name says.

    A tensor with ``pieces`` is not stored under its name: it is the mean of as many stretches of stored tensors, each
    given by the stored name and the place of its first value. One piece is an expert of a stack.

    ``grid``: how many places of each stored axis can be read, see ``grids``; None where all values can.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    output_axis: int = 0
    codes: str = ""
    code_bits: int = 0
    view: View | None = None
    is_trained: bool = False
    pieces: tuple[tuple[str, int], ...] = ()
    grid: tuple[int, ...] | None = None

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

    Examples
    --------
    >>> Skipped(path="models/a.pt", reason="the file is empty").is_model
    True
    """

    path: str
    reason: str
    is_model: bool = True


def keras_output_axis(name: str, shape: tuple[int, ...]) -> int:
    """Axis of the output units of a Keras or Flax weight: the last, but for the kernels that Keras lays out otherwise.

    Examples
    --------
    >>> keras_output_axis("dense/kernel:0", (3, 5)), keras_output_axis("dw/depthwise_kernel:0", (3, 3, 16, 1))
    (-1, -2)
    """
    if len(shape) < 2:
        return 0
    turned = "depthwise" in name or "transpose" in name or _SEPARABLE.search(name)
    return -2 if len(shape) > 2 and turned else -1
