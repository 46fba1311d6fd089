"""What an opened file holds, by its tensors: a model, or what lies beside models.

Names and shapes first; values only where these leave a doubt, and then a few rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import DamagedFileError, NoModelError
from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.moments import moments_among, parts_of
from neural_phylogeny.inputs import TensorInfo

DATA_WORDS = frozenset(
    """x y xs ys train test valid val validation eval split data dataset datasets feature features feat
    feats embeddings image images img imgs label labels target targets class classes sample samples
    input inputs output outputs pred preds prediction predictions prob probs probability probabilities
    result results return returns reward rewards loss losses acc accs accuracy accuracies error errors
    metric metrics curve curves history histories log logs epoch epochs step steps time times timestep
    timesteps iteration iterations score scores observation observations obs action actions done dones
    terminal terminals episode episodes length lengths coord coords coordinates point points id ids
    index indices file files filename filenames name names query queries gallery distance distances
    similarity similarities trajectory trajectories mean std var min max count counts seed seeds fold
    folds latent latents caption captions spectrogram spectrograms mel mels mfcc audio signal signals
    waveform waveforms next state states""".split()
)
"""Words of which alone the names of arrays consist that hold data, not weights."""

SYMMETRIC_ROWS = 32
"""Rows of a square matrix that are looked at to tell a covariance."""

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")

_REMEDY = "Give the file that holds the model's weights."


def refuse_what_is_no_model(checkpoint: Checkpoint, path: str, is_named: bool) -> tuple[str, ...]:
    """Leave out tensors that are not weights, and say so; refuse a file that holds nothing else.

    ``is_named`` says that the user named the file itself: what may be data is then taken for a model.

    Raises
    ------
    NoModelError
        For the moments of an optimiser, means and covariances, tables of data.
    DamagedFileError
        When all of its tensors are empty.
    """
    notes = [_leave_out_moments(checkpoint, path), _empty_tensors(checkpoint, path)]
    weights = {name: tensor for name, tensor in checkpoint.tensors.items() if _is_float(tensor) and tensor.size > 1}
    if not is_named and _is_statistics(checkpoint, weights):
        raise NoModelError("a mean and a covariance", "statistics", path=path, remedy=_REMEDY)
    if not is_named and _is_data(checkpoint.tensors):
        names = ", ".join(list(checkpoint.tensors)[:3])[:200]
        raise NoModelError(f"arrays that are called like data ({names})", "data", path=path, remedy=_REMEDY)
    return tuple(filter(None, notes))


def _leave_out_moments(checkpoint: Checkpoint, path: str) -> str:
    moments = moments_among({name: tensor.shape for name, tensor in checkpoint.tensors.items()})
    if not moments:
        return ""
    kept = {name: tensor for name, tensor in checkpoint.tensors.items() if name not in moments}
    if not any(_is_float(tensor) and tensor.size > 1 for tensor in kept.values()):
        raise NoModelError(
            f"only the moments of an optimiser ({min(moments)[:100]!r})", "training state", path=path, remedy=_REMEDY
        )
    checkpoint.tensors = kept
    return f"{len(moments):,} moments of an optimiser are left out"


def _empty_tensors(checkpoint: Checkpoint, path: str) -> str:
    floats = [tensor for tensor in checkpoint.tensors.values() if _is_float(tensor)]
    empty = sum(tensor.size == 0 for tensor in floats)
    if not empty:
        return ""
    if empty == len(floats):
        raise DamagedFileError(
            "all tensors are empty: saved without gathering",
            path=path,
            remedy="Save it again with stage3_gather_16bit_weights_on_model_save, or convert the ZeRO checkpoint.",
        )
    return f"{empty:,} of {len(floats):,} tensors are empty: saved without gathering"


def _is_statistics(checkpoint: Checkpoint, weights: Mapping[str, TensorInfo]) -> bool:
    """Whether all is a mean and a covariance of one width, or several such pairs."""
    squares = [t for t in weights.values() if len(t.shape) == 2 and t.shape[0] == t.shape[1]]
    vectors = [t for t in weights.values() if max(t.shape) == t.size]
    widths = {t.shape[0] for t in squares}
    fitting = all(t.size in widths for t in vectors)
    if not squares or not vectors or len(squares) + len(vectors) < len(weights) or not fitting:
        return False
    return any(_is_covariance(checkpoint, t) for t in squares) and all(_is_symmetric(checkpoint, t) for t in squares)


def _is_covariance(checkpoint: Checkpoint, tensor: TensorInfo) -> bool:
    """Whether no value on the rows looked at is larger than the variances allow (Cauchy and Schwarz)."""
    corner, _ = _corner(checkpoint, tensor)
    variances = np.diagonal(corner)
    bound = np.sqrt(np.outer(np.abs(variances), np.abs(variances))) * (1 + 1e-3) + 1e-12
    off_diagonal = corner[~np.eye(len(corner), dtype=bool)]
    return bool((variances >= 0).all() and (np.abs(corner) <= bound).all() and np.any(off_diagonal))


def _is_symmetric(checkpoint: Checkpoint, tensor: TensorInfo) -> bool:
    corner, scale = _corner(checkpoint, tensor)
    return bool(np.isfinite(corner).all() and (np.abs(corner - corner.T) <= 1e-4 * scale).all())


def _corner(checkpoint: Checkpoint, tensor: TensorInfo) -> tuple[NDArray[np.float64], float]:
    """The values where a few rows and columns of a square matrix cross, and the largest magnitude in these rows."""
    width = tensor.shape[0]
    chosen = np.unique(np.linspace(0, width - 1, min(width, SYMMETRIC_ROWS)).astype(int))
    rows = np.empty((len(chosen), width), dtype=np.float32)
    for row, index in zip(rows, chosen, strict=True):
        checkpoint.read_into(tensor.name, int(index) * width, row)
    return rows[:, chosen].astype(np.float64), float(np.abs(rows).max(initial=0.0))


def _is_data(tensors: Mapping[str, TensorInfo]) -> bool:
    """Whether the names of all arrays with more than one value consist of words for data alone."""
    names = [name for name, tensor in tensors.items() if tensor.size > 1]
    return bool(names) and all(_means_data(name) for name in names)


def _means_data(name: str) -> bool:
    """Whether a name is made of words for data.

    Examples
    --------
    >>> [_means_data(name) for name in ("x_train", "trainReturns", "features", "features.0.weight", "w", "0")]
    [True, True, True, False, False, False]
    """
    words = [word.lower() for part in parts_of(name[:1000]) for word in _WORDS.findall(part)]
    return bool(words) and all(word in DATA_WORDS for word in words)


def _is_float(tensor: TensorInfo) -> bool:
    return tensor.dtype.startswith(("float", "bfloat"))
