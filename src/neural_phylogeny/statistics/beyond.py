"""Rows that one model has beyond those that are compared: new tokens of a vocabulary, new classes of a head."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.base import Arrays
from neural_phylogeny.statistics.sketch import variation
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.reading import read_stored

VALUES = 1 << 13
"""About this many values of the rows beyond are read."""

FEWEST = 4
"""The lengths of fewer rows do not tell how much they differ."""


def rows_beyond(tensor: AlignedTensor, checkpoints: Sequence[Checkpoint]) -> Arrays:
    """Of the rows after the last that is compared, ``(n_members,)`` each: ``rows``, the coefficient of variation of
    their lengths, and ``squares``, their mean square.

    NaN for a member that has less than ``FEWEST`` more, or other columns; empty where no member has any. A few values
    are read, whatever the size of the tensor.
    """
    found = np.full((2, len(tensor.members)), np.nan)
    for k, (member, source) in enumerate(zip(tensor.members, tensor.sources, strict=True)):
        if _has_more(tensor, source):
            found[:, k] = _measured(tensor, source, checkpoints[member])
    return {"rows": found[0], "squares": found[1]} if np.isfinite(found[0]).any() else {}


def _has_more(tensor: AlignedTensor, source: TensorInfo) -> bool:
    """Whether a member has the columns that are compared, all rows from the first on, and more of them."""
    is_rows = tensor.is_matrix and not tensor.output_axis and not any(tensor.start)
    is_rows = is_rows and source.view is None
    return is_rows and source.shape[1:] == tensor.stop[1:] and source.shape[0] >= tensor.stop[0] + FEWEST


def _measured(tensor: AlignedTensor, source: TensorInfo, checkpoint: Checkpoint) -> tuple[float, float]:
    width = math.prod(source.shape[1:])
    rows = min(source.shape[0] - tensor.stop[0], max(FEWEST, VALUES // width))
    values = np.empty(rows * width, dtype=np.float32)
    try:
        read_stored(checkpoint, source, tensor.stop[0] * width, values)
    except CheckpointError:
        return math.nan, math.nan
    with np.errstate(all="ignore"):
        return float(variation(values.reshape(rows, width))[0]), float(np.square(values, dtype=np.float64).mean())
