"""From measurements to the numbers that the network reads: one row for every ordered pair (i, j), "is i j's parent?".

None is a raw weight, none depends on the scale of the weights, the number of parameters or the order of the models;
antisymmetric or ranked within the group where they can be. Undefined numbers are 0. ``SECTIONS`` declares all of them:
names, groups and functions. Shipped weights belong to these formulas: ``tests/detector/test_pinned.py`` holds their
values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector import matrix_features, row_features, space_features
from neural_phylogeny.detector import pair_features as of_pairs
from neural_phylogeny.detector.feature_table import AnySection, Features, Section
from neural_phylogeny.detector.measurements import Measurements

__all__ = ["GROUPS", "SECTIONS", "absent", "groups", "names", "pair_features"]

Array = NDArray[np.float64]

GROUPS = ("moments", "norms", "pairs", "triples", "exact", "size", "rows", "vectors")
"""First parts of the names of features; an ablation leaves out one of them."""

LIMIT = 30.0
"""Features are cut at this magnitude."""

MOST_MODELS, MOST_MATRICES, MOST_VALUES = 24, 5, 12_000
"""Sizes are cut where those of training families end: a larger network is for the detector one of the largest."""


def _sizes(kept: Measurements) -> Sequence[Array]:
    n, present = len(kept), np.isfinite(kept.pairs["product"])
    common = (present * kept.sizes[:, None, None]).sum(axis=0)
    of_i = np.diag(common)[:, None]
    return (
        np.full((n, n), np.log(min(n, MOST_MODELS))),
        np.log1p(np.minimum(present.sum(axis=0), MOST_MATRICES)),
        np.log1p(np.minimum(common, MOST_VALUES)) / 4.0,
        common / np.maximum(of_i, 1.0),
        common / np.maximum(of_i.T, 1.0),
        np.eye(n),
    )


def _share_retained(measured: Measurements) -> Sequence[Array]:
    share = len(measured.retained.sizes) / max(len(measured.sizes), 1)
    return (np.full((len(measured),) * 2, share),)


_SIZES = ("models", "matrices", "values", "common_of_i", "common_of_j", "self")

SECTIONS: tuple[AnySection, ...] = (
    matrix_features.SECTION,
    of_pairs.PAIRS,
    *space_features.SECTIONS,
    of_pairs.VECTORS,
    of_pairs.EXACT,
    Section(
        lambda measured: measured,
        (
            Features("size", _SIZES, lambda measured: _sizes(measured.retained)),
            Features("size", ("retained",), _share_retained),
        ),
    ),
    row_features.ROWS,
    row_features.LEVELS,
)
"""All features, in the order in which the network reads them. New ones come last: a network that was trained with fewer
reads the first ones, and its file names them.
"""

_DECLARED = tuple((row.group, name) for section in SECTIONS for row in section.features for name in row.names)


def names() -> tuple[str, ...]:
    """Names of the features, in order: ``group.what``."""
    return tuple(f"{group}.{name}" for group, name in _DECLARED)


def groups() -> tuple[str, ...]:
    """The group of each feature, in order."""
    return tuple(group for group, _ in _DECLARED)


def absent(features: NDArray[np.float32], group: str) -> NDArray[np.float32]:
    """The features as they are where nothing of a group was measured: 0; flags of what is known too."""
    return np.where(np.array(groups()) == group, np.float32(0.0), features)


def pair_features(measured: Measurements) -> NDArray[np.float32]:
    """Features of all ordered pairs of a group: ``(n, n, len(names()))``, finite.

    From the retained matrices and vectors alone. Permuting the models permutes rows and columns. The diagonal says what
    a model is to itself. O(n^3) a matrix, of at most ``space_features.MATRICES`` in groups of more than
    ``space_features.FREE`` models.
    """
    n = len(measured)
    found = np.empty((n, n, len(_DECLARED)), dtype=np.float32)
    column = 0
    with np.errstate(all="ignore"):
        for section in SECTIONS:
            view = section.view(measured)
            for row in section.features:
                for values in row.of(view):
                    found[..., column] = values
                    column += 1
    assert column == len(_DECLARED), "every declared feature has its column"
    np.clip(found, -LIMIT, LIMIT, out=found)
    found[np.isnan(found)] = 0.0
    return found
