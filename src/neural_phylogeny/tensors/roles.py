"""What a tensor is for, by its name, shape and dtype."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.architectures import NONE, Rules, Use


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
"""A longer component of a name is not a known word."""

_TABLES = frozenset(
    "pe freq freqs freq_cis freqs_cis cos_cached sin_cached fbank window anchor anchors anchor_grid".split()
)
_TABLES_BEGIN = (
    *("posenc", "posemb", "pos_enc", "pos_emb", "rope", "rotary", "mel_"),
    *("filterbank", "filter_bank", "stft", "dct"),
)
_HEADS = frozenset("wte wpe lm_head classifier head logits score predictions out output".split())
_IN_BOUNDARIES = ("embed", "wte", "wpe", "head", "classifier", "logits", "score", "predictions", "out")
"""One of these is part of every word for an embedding or a head."""

BY_USE = {
    Use.KERNEL: Role.KERNEL,
    Use.HEAD: Role.BOUNDARY,
    Use.EMBEDDING: Role.BOUNDARY,
    Use.POSITION: Role.BOUNDARY,
}
"""Roles of matrices by what the table of architectures says of them."""

STATES = "batch_stats"
"""The collection in which Flax keeps what a batch norm has seen; its names alone are those of weights."""


def role_of(tensor: TensorInfo, rules: Rules = NONE) -> Role:
    """Role of one tensor; ``rules`` are those of its model's architecture, which decide before its own name does.

    Examples
    --------
    >>> role_of(TensorInfo(name="conv1.weight", shape=(64, 3, 7, 7), dtype="float32")).value
    'kernel'
    >>> role_of(TensorInfo(name="bn1.num_batches_tracked", shape=(), dtype="int64")).value
    'buffer'
    """
    name = tensor.name.removesuffix(":0")  # the output of a TensorFlow operation
    components = name.replace("/", ".").split(".")
    use = rules.use_of(name)
    is_table = names_a_table(name) and use in (None, Use.POSITION)
    if not is_float(tensor.dtype) or name.endswith(BUFFERS) or STATES in components or use is Use.BUFFER:
        return Role.BUFFER
    if is_table and not tensor.is_trained:
        return Role.BUFFER
    if min(matrix_shape(tensor.shape, tensor.output_axis)) < 2:
        return Role.VECTOR
    if use in BY_USE:
        return BY_USE[use]
    words = (component for component in components if len(component) <= LONGEST)
    return Role.BOUNDARY if is_table or any(map(_is_boundary, words)) else Role.KERNEL


def names_a_table(name: str) -> bool:
    """Whether a tensor is called what positions, filter banks and windows are called, whether computed or trained."""
    plain = name.removesuffix(".weight").replace("/", ".")
    last = plain[plain.rfind(".") + 1 :]
    return len(last) <= LONGEST and _is_table(last)


@lru_cache(maxsize=1 << 12)  # a model has few words and many names
def _is_table(word: str) -> bool:
    """Whether a component ends in a table's word, at its start or after an underscore. Linear in its length."""
    begin = _begin_of_run(word, len(word))
    for start in _starts(word, begin, len(word)):
        if word.startswith(_TABLES_BEGIN, start) or (len(word) - start <= LONGEST and word[start:] in _TABLES):
            return True
    place = word.find("position", begin)
    while place >= 0:
        rest = word[place + len("position") : place + LONGEST].removeprefix("al").removeprefix("_")
        if (not rest or rest == "table" or rest.startswith(("enc", "emb"))) and _follows(word, begin, place):
            return True
        place = word.find("position", place + 1)
    return False


@lru_cache(maxsize=1 << 12)
def _is_boundary(word: str) -> bool:
    """Whether a component has a word for an embedding or a head in it. Linear in its length."""
    end = len(word) if any(part in word for part in _IN_BOUNDARIES) else 0
    while end > 0:
        begin = _begin_of_run(word, end)
        for start in _starts(word, begin, end):
            if word.startswith("embed", start, end) or (end - start <= LONGEST and word[start:end] in _HEADS):
                return True
        place = word.rfind("embedding", begin, end)
        if place >= 0 and word[place:end] in ("embedding", "embeddings") and _follows(word, begin, place):
            return True
        end = begin - 1
    return False


def _begin_of_run(word: str, end: int) -> int:
    """Where the letters, digits and underscores begin that end there."""
    if end <= LONGEST and word[:end].replace("_", "a").isalnum():
        return 0
    begin = end
    while begin > 0 and (word[begin - 1].isalnum() or word[begin - 1] == "_"):
        begin -= 1
    return begin


def _starts(word: str, begin: int, end: int) -> Iterator[int]:
    """Where a word may start in ``begin:end``: at the start of the component, and after each underscore."""
    if begin == 0:
        yield 0
    place = word.find("_", begin, end)
    while place >= 0:
        yield place + 1
        place = word.find("_", place + 1, end)


def _follows(word: str, begin: int, place: int) -> bool:
    """Whether a word at ``place`` belongs to one that starts the component or follows an underscore."""
    return begin == 0 or word.find("_", begin, place) >= 0


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
