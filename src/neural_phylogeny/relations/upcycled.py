"""Upcycled experts: a mixture whose experts all began as the feed-forward network of a dense model.

Experts that were initialised apart have nothing in common, so that their mean matches no dense matrix. Where it does,
all of them are that matrix, trained on. One of them can be taken out again, or all averaged; so it is strong evidence
and no proof that the dense model came first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.merging.affine import sums
from neural_phylogeny.relations.retained import RETAINED
from neural_phylogeny.statistics.results import Statistics


def upcycled(statistics: Statistics) -> NDArray[np.bool_]:
    """Whether the experts of j are i's feed-forward networks, many for one: ``(n, n)``.

    Where at least half of the values that i compares with means of j's experts lie in matrices with a cosine of
    ``RETAINED`` or more. O(n_models^2) a matrix of experts.
    """
    n = statistics.alignment.n_models
    alike, every = np.zeros((n, n)), np.zeros((n, n))
    for tensor, arrays in statistics:
        is_mean = tensor.pieces > 1
        if not tensor.is_matrix or not is_mean.any():
            continue
        at, gram = np.ix_(tensor.members, tensor.members), arrays["gram"]
        length = np.sqrt(np.diag(gram))
        counts = tensor.pairs & ~is_mean[:, None] & is_mean[None, :]
        with np.errstate(all="ignore"):
            alike[at] += tensor.size * (counts & (gram >= RETAINED * np.outer(length, length)))
        every[at] += tensor.size * counts
    found: NDArray[np.bool_] = (every > 0) & (alike >= every / 2.0)
    return found


def joined(statistics: Statistics) -> NDArray[np.bool_]:
    """Whether the experts of j are the feed-forward networks of several models, i among them: ``(n, n)``.

    The mean of j's experts is then a weighted mean of theirs, the same in every matrix, which training does not lead
    to; see ``relations.merging``. Costs one search for means for each mixture. Mixtures are not looked for as parts.
    """
    n = statistics.alignment.n_models
    found = np.zeros((n, n), dtype=bool)
    means = [
        {model for model, pieces in zip(tensor.members, tensor.pieces.tolist(), strict=True) if pieces > 1}
        for tensor in statistics.alignment.tensors
    ]
    mixtures = set[int]().union(*means)
    for j in sorted(mixtures):
        chosen = [t for t, of_models in enumerate(means) if j in of_models]
        alignment = replace(statistics.alignment, tensors=tuple(statistics.alignment.tensors[t] for t in chosen))
        only = replace(statistics, alignment=alignment, arrays=tuple(statistics.arrays[t] for t in chosen))
        rows = [model for model in range(n) if model not in mixtures or model == j]
        weights = sums(only, rows)[:, rows.index(j)]
        found[rows, j] = (weights > 0) & (weights >= 0).all()
    return found
