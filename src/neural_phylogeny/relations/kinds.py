"""Kinds: pairs of which exact facts prove how one model was made from the other.

A mark of ``relations.exact`` is evidence that enters the odds of an edge; a kind is the stronger statement that nothing
else happened to the compared weights. So a pruned copy whose head was trained on has the mark and not the kind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations import exact
from neural_phylogeny.relations.copies import copies
from neural_phylogeny.relations.overlap import (
    NEARLY_ALL,
    Overlap,
    SampledMatrix,
    equal_in_both,
    sampled_matrices,
    zero_in_both,
    zero_in_first,
)
from neural_phylogeny.statistics.results import Statistics

Mask = NDArray[np.bool_]

COPY, PRUNED, CAST, QUANTIZED, SHRUNK = "copy", "pruned", "cast", "quantized", "shrunk"

EXACT_KINDS = (COPY, PRUNED, CAST, QUANTIZED, SHRUNK)
"""Names of the kinds, most specific first: no pair has two."""


def exact_kinds(statistics: Statistics) -> dict[str, Mask]:
    """Pairs ``[i, j]`` of which exact facts prove how j was made from i: ``(n, n)`` by the names in ``EXACT_KINDS``.

    - ``copy``: all compared values are equal, and nearly all values were compared. Symmetric, and the only kind that
      has no direction.
    - ``pruned``: j has i's zeros and more; in every matrix its other values are i's, to the last bit.
    - ``cast``: j is i rounded to fewer mantissa bits (bfloat16, float16, float8), with the error of that rounding.
    - ``quantized``: j is i on an even grid of at most 256 levels a matrix (int8).
    - ``shrunk``: j has fewer units than i, and in every matrix its other values are i's, to the last bit.

    Assumes that nothing but the named operation was done; a model that was trained afterwards has none of these kinds.
    Holds for the compared values: of a sample, for what was read. O(n^2) a matrix.

    Examples
    --------
    >>> from neural_phylogeny.relations.kinds import EXACT_KINDS
    >>> EXACT_KINDS
    ('copy', 'pruned', 'cast', 'quantized', 'shrunk')
    """
    overlap, unchanged = Overlap.of(statistics), unchanged_values(statistics)
    found = {
        COPY: _copies(statistics),
        PRUNED: (exact.pruned_copy(overlap) > 0) & unchanged,
        CAST: exact.rounded(overlap) > 0,
        QUANTIZED: exact.quantized(overlap) > 0,
        SHRUNK: (exact.shrunk(overlap) > 0) & unchanged,
    }
    taken = np.zeros_like(unchanged)
    for kind in EXACT_KINDS:
        found[kind] &= ~taken
        taken |= found[kind]
    return found


def unchanged_values(statistics: Statistics) -> Mask:
    """Whether in every compared matrix nearly all of j's values that are not zero are i's: ``(n, n)``.

    In each matrix equal - zeros >= NEARLY_ALL (count - j's zeros); False where no matrix is compared.
    """
    n = statistics.alignment.n_models
    compared, changed = np.zeros((n, n), dtype=bool), np.zeros((n, n), dtype=bool)
    for matrix in sampled_matrices(statistics):
        at = np.ix_(matrix.members, matrix.members)
        compared[at] = True
        changed[at] |= ~_unchanged(matrix)
    return compared & ~changed


def _unchanged(matrix: SampledMatrix) -> Mask:
    left = matrix.count - zero_in_first(matrix).T
    found: Mask = equal_in_both(matrix) - zero_in_both(matrix) >= NEARLY_ALL * left
    return found


def _copies(statistics: Statistics) -> Mask:
    n = statistics.alignment.n_models
    found = np.zeros((n, n), dtype=bool)
    for group in copies(statistics):
        found[np.ix_(group, group)] = True
    np.fill_diagonal(found, False)
    return found
