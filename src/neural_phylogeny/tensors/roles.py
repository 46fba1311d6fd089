"""What a tensor is for, by its name, shape and dtype."""

from __future__ import annotations

import math
import re
from enum import StrEnum

from neural_phylogeny.inputs import TensorInfo


class Role(StrEnum):
    """What a tensor is for; only the three kinds of matrix can prove relatedness."""

    KERNEL = "kernel"
    """Matrix between two layers of interchangeable units."""
    BOUNDARY = "boundary"
    """Matrix whose rows have a meaning outside the network (tokens, classes): embeddings, heads."""
    VECTOR = "vector"
    """Bias, gain, or any 1 x n matrix: trained, but strangers resemble each other in it."""
    BUFFER = "buffer"
    """Not trained: running statistics, counters, masks, tables that are computed and so alike in all models."""


BUFFERS = (
    *("num_batches_tracked", "running_mean", "running_var", "moving_mean", "moving_variance", "position_ids"),
    *("inv_freq", "relative_position_index", "attn_mask", "masked_bias", "total_ops", "total_params"),
)
"""Endings of the names of what is not trained."""

LONGEST = 128
"""Longer components of a name are no known word; so the patterns below cost no more than the length of the name."""

_TABLE = re.compile(
    r"(^|_)(pe|pos_?(enc|emb)\w*|\w*position(al)?_?(enc\w*|emb\w*|table)?|freqs?(_cis)?|rope\w*|rotary\w*"
    r"|(cos|sin)_cached|mel_\w*|fbank|filter_?bank\w*|stft\w*|dct\w*|window|anchors?|anchor_grid)$"
)
_BOUNDARY = re.compile(
    r"(^|_)(embed\w*|\w*embeddings?|wte|wpe|lm_head|classifier|head|logits|score|predictions|out(put)?)\b"
)

STATES = "batch_stats"
"""The collection in which Flax keeps what a batch norm has seen; its names alone are those of weights."""


def role_of(tensor: TensorInfo) -> Role:
    """Role of one tensor.

    Examples
    --------
    >>> role_of(TensorInfo(name="conv1.weight", shape=(64, 3, 7, 7), dtype="float32")).value
    'kernel'
    >>> role_of(TensorInfo(name="bn1.num_batches_tracked", shape=(), dtype="int64")).value
    'buffer'
    """
    components = tensor.name.replace("/", ".").split(".")
    is_table = names_a_table(tensor.name)
    if not is_float(tensor.dtype) or tensor.name.endswith(BUFFERS) or STATES in components:
        return Role.BUFFER
    if is_table and not tensor.is_trained:
        return Role.BUFFER
    if min(matrix_shape(tensor.shape, tensor.output_axis)) < 2:
        return Role.VECTOR
    words = (component for component in components if len(component) <= LONGEST)
    return Role.BOUNDARY if is_table or any(_BOUNDARY.search(word) for word in words) else Role.KERNEL


def names_a_table(name: str) -> bool:
    """Whether a tensor is called what positions, filter banks and windows are called, whether computed or trained."""
    plain = name.removesuffix(".weight").replace("/", ".")
    last = plain[plain.rfind(".") + 1 :]
    return len(last) <= LONGEST and _TABLE.search(last) is not None


def is_float(dtype: str) -> bool:
    """Whether values of this dtype are weights rather than codes or counters."""
    return dtype.startswith(("float", "bfloat"))


def matrix_shape(shape: tuple[int, ...], output_axis: int) -> tuple[int, int]:
    """(output units, inputs of each) of a tensor read as a matrix; vectors and scalars have one input.

    Examples
    --------
    >>> matrix_shape((64, 3, 7, 7), 0), matrix_shape((7, 7, 3, 64), -1), matrix_shape((64,), 0)
    ((64, 147), (64, 147), (64, 1))
    """
    if not shape:
        return 1, 1
    units = shape[output_axis]
    return units, math.prod(shape) // units if units else 0
