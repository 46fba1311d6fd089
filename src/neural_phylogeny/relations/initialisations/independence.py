r"""One initialisation, trained independently: what two models have in common beside their draw.

A draw is light-tailed and shared by all that began with it; what was learnt is heavy-tailed, and inherited only by
children. So

- *large weights are inherited*: let :math:`s_5` be the slope of one model on the other over the largest twentieth of
  the other's weights, and :math:`s` that over the smallest seven tenths. :math:`(s_5 - s) / (1 - \cos)` is positive for
  parent and child and for siblings, about zero or negative for models that share a draw alone;
- *where the draw z is known*, a child holds all that its parent learnt beside it, in every unit: with :math:`e_i` and
  :math:`e_j` what is left of both after regression on z, the slope of :math:`e_j` on :math:`e_i`, up to the decay that
  shows in z, is one, or more where it went on with the same task. Units in which it is clearly less were not
  inherited; independent trainings on one task have many, however well they correlate as a whole.

Logistic regressions make log-odds of them, fitted on small networks of one seed, see ``docs/design.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.draws import Draw
from neural_phylogeny.relations.initialisations.leading import Leading

Matrix = NDArray[np.float64]

LARGE, SMALL = 0.95, 0.7
"""Quantiles of magnitude: weights above the first are large, below the second small."""

SEEN = 1 << 13
"""Values of a matrix that are looked at."""

LEAST = 100
"""Fewest values of a matrix that count: a twentieth of fewer is too few."""

IN_LARGE = 0.25
"""About this share of the squares of a matrix lies in its large weights, for the error of their slope."""

WITH_DRAW = {"forgotten": -7.84, "": 1.44}
"""Weights of the logistic regression where the draw is known, by ``nphylo lab fit independence``."""

WHOLE, ERRORS = 0.8, 1.0
"""A unit of a child keeps at least the first of what its parent learnt; it is forgotten where its slope lies that far
below by more than so many standard errors."""

UNIT = 256
"""Most neighbouring weights that are a unit."""

WITHOUT_DRAW = {"inherited": 2.98, "cosine": 0.38, "": -1.21}
"""The same where it is not."""

INDEPENDENT = -1.0
"""Log-odds of descent below this: the two were trained independently. Two in a hundred parents and children of the
groups that the regression was fitted on lie below it."""

CLEAR = 1.0
"""Log-odds of descent from this on: the draw is not looked for. 58 in 100 parents and children of those groups lie
above it, and 4 in 100 pairs that were trained independently."""

TINY = 1e-30
"""Squares are at least this where something is divided by them."""

SHRUNK = 0.05
"""Least share of a draw that is distinguished from none."""

EARLY = 0.01
"""A model with a smaller share of its squares beside the draw is its own initialisation, or nearly so: it may well be
the parent of all that began with it."""

FADED = 0.75
"""A model that kept less of the draw than this share of what the other kept has moved so far that it may have forgotten
what a parent learnt as well: nothing is said against it."""

COMMON = 0.8
"""Two models whose trainings, after the draw, correlate by more than this did not learn independently, whatever they
lost: nothing is said against them."""

MOST = 0.9999
"""Correlations are clipped to this."""


def inherited(tensors: Sequence[Leading]) -> Matrix:
    """How much more of large weights than of small ones two models share, ``(n, n)``, symmetric, in [-1, 1].

    The median over matrices; the larger of the two directions. 0 where no matrix counts. O(n^2) a value of at most
    ``SEEN`` of each matrix.
    """
    n = len(tensors[0].values) if tensors else 0
    with np.errstate(all="ignore"):
        return _medians([_inherited(matrix) for matrix in _usable(tensors)], (n, n))


def descent(tensors: Sequence[Leading], draw: Draw | None = None) -> Matrix:
    """Log-odds that j descends from i, against a common initialisation alone: ``(n, n)``; 0 where nothing is known.

    Fitted at even odds. O(n^2) a value.
    """
    with np.errstate(all="ignore"):  # values that are not finite tell nothing
        return _descent(tensors, draw)


def features(tensors: Sequence[Leading], draw: Draw | None = None) -> dict[str, Matrix]:
    """What ``descent`` weighs, ``(n, n)`` each; empty where no matrix tells."""
    matrices = _usable(tensors)
    n = len(tensors[0].values) if tensors else 0
    if not matrices:
        return {}
    cosine = _medians([_cosines(matrix) for matrix in matrices], (n, n))
    found = {"inherited": inherited(tensors), "cosine": np.arctanh(np.clip(cosine, -MOST, MOST)), "": np.ones((n, n))}
    drawn = _with_draws(tensors, draw) if draw is not None else []
    if drawn and draw is not None:
        left = _left_of(drawn)
        residual = _medians([_cosines(matrix) for matrix in left], (n, n))
        kept = [values @ z / (z @ z) for values, z in drawn]
        found["residual"] = np.arctanh(np.clip(residual, -MOST, MOST))
        fan_in = {tensor.name: tensor.fans[0] for tensor in tensors}
        units = [max(min(fan_in[name], UNIT), 1) for name in _drawn_names(tensors, draw)]
        found["forgotten"] = _forgotten(left, [_decay(share) for share in kept], units)
        found["kept"] = _medians([_decay(share) for share in kept], (n, n))
    return found


def _descent(tensors: Sequence[Leading], draw: Draw | None) -> Matrix:
    known = features(tensors, draw)
    n = len(tensors[0].values) if tensors else 0
    found = np.zeros((n, n))
    for name, weight in (WITH_DRAW if "residual" in known else WITHOUT_DRAW).items() if known else ():
        found += weight * known[name]
    if "residual" in known and draw is not None:
        early = _trained_share(tensors, draw) < EARLY
        found[early] = found[:, early] = 0.0
        found[known["kept"] < FADED] = 0.0
        alike = np.tanh(known["residual"]) > COMMON
        found[alike] = np.maximum(found[alike], 0.0)
    found[~np.isfinite(found)] = 0.0
    np.fill_diagonal(found, 0.0)
    return found


def distances(tensors: Sequence[Leading], draw: Draw) -> NDArray[np.float64]:
    """Mean squared distance of each model to its true initialisation, over the tensors that were drawn: ``(n,)``."""
    total, count = np.zeros(len(tensors[0].values)), 0
    for values, z in _with_draws(tensors, draw):
        total += ((values - z) ** 2).sum(axis=1)
        count += len(z)
    return total / max(count, 1)


def _usable(tensors: Sequence[Leading]) -> list[Matrix]:
    """The leading values of the matrices, ``(n, k)`` each."""
    return [_finite(tensor)[:, :SEEN] for tensor in tensors if tensor.is_matrix and tensor.values.shape[1] >= LEAST]


def _finite(tensor: Leading) -> Matrix:
    """The values of a tensor; NaN for a model with some that are not finite."""
    known = np.isfinite(tensor.values).all(axis=1, keepdims=True)
    return np.where(known, tensor.values, np.nan).astype(np.float64)


def _with_draws(tensors: Sequence[Leading], draw: Draw) -> list[tuple[Matrix, NDArray[np.float64]]]:
    """Values ``(n, k)`` and draws ``(k,)`` of the matrices that were drawn."""
    drawn = {tensor.name: tensor for tensor in draw.tensors}
    known = {tensor.name: tensor for tensor in tensors}
    found = []
    for name in _drawn_names(tensors, draw):
        z = drawn[name].standard[: min(SEEN, known[name].values.shape[1])] * drawn[name].deviation
        found.append((_finite(known[name])[:, : len(z)], z))
    return found


def _drawn_names(tensors: Sequence[Leading], draw: Draw) -> list[str]:
    """The matrices of enough values whose draw is known."""
    drawn = {tensor.name for tensor in draw.tensors}
    return [t.name for t in tensors if t.is_matrix and t.name in drawn and t.values.shape[1] >= LEAST]


def _trained_share(tensors: Sequence[Leading], draw: Draw) -> NDArray[np.float64]:
    """The median over matrices of the share of each model's squares that the draw does not explain: ``(n,)``."""
    drawn = _with_draws(tensors, draw)
    shares = [
        (each**2).sum(axis=1) / (values**2).sum(axis=1)
        for each, (values, _) in zip(_left_of(drawn), drawn, strict=True)
    ]
    found: NDArray[np.float64] = np.nan_to_num(np.median(shares, axis=0), nan=1.0)
    return found


def _left_of(drawn: Sequence[tuple[Matrix, NDArray[np.float64]]]) -> list[Matrix]:
    """What is left of each model after regression on the draw, ``(n, k)`` a matrix."""
    return [values - np.outer(values @ z / (z @ z), z) for values, z in drawn]


def _inherited(values: Matrix) -> Matrix:
    """See ``inherited``, of one matrix; NaN for models with values that are not finite."""
    size = np.abs(values)
    low, high = np.quantile(size, (SMALL, LARGE), axis=1)
    large, small = (np.where(chosen, values, 0.0) for chosen in (size >= high[:, None], size < low[:, None]))
    found = _slopes(values, large) - _slopes(values, small)
    found[~np.isfinite(values).all(axis=1)] = np.nan
    cosine = _cosines(values)
    new = 1.0 - cosine
    error = np.sqrt((2.0 * new + 1e-6) / (IN_LARGE * values.shape[1]))
    clipped: Matrix = np.clip(np.fmax(found, found.T) / (new + error), -1.0, 1.0)
    return clipped


def _slopes(values: Matrix, chosen: Matrix) -> Matrix:
    """Slope of j on i over some values of each i, the others being zero: ``[i, j]``; 0 where those are none."""
    squares = np.einsum("ik,ik->i", chosen, chosen)[:, None]
    found: Matrix = np.divide(chosen @ values.T, squares, out=np.zeros((len(values),) * 2), where=squares > 0)
    return found


def _cosines(values: Matrix) -> Matrix:
    gram = values @ values.T
    lengths = np.sqrt(np.diag(gram))
    scale = np.outer(lengths, lengths)
    found: Matrix = np.divide(gram, scale, out=np.full_like(gram, np.nan), where=scale > 0)
    return found


def _forgotten(left: Sequence[Matrix], decays: Sequence[Matrix], units: Sequence[int]) -> Matrix:
    """Share of what i learnt that lies in units which j did not keep, ``[i, j]``; the mean over matrices."""
    found: Matrix = np.mean([_forgotten_units(*each) for each in zip(left, decays, units, strict=True)], axis=0)
    return found


def _forgotten_units(left: Matrix, decay: Matrix, unit: int) -> Matrix:
    whole = left.shape[1] // unit * unit
    values = left[:, :whole].reshape(len(left), -1, unit)
    squares = np.einsum("iuk,iuk->iu", values, values)
    found = np.zeros((len(left),) * 2)
    for i, own in enumerate(values):
        products = np.einsum("uk,juk->ju", own, values)
        slopes = products / np.maximum(squares[i], TINY)
        misfits = np.maximum(squares - slopes * products, 0.0)
        errors = np.sqrt(misfits / np.maximum(squares[i], TINY) / unit)
        lost = (slopes + ERRORS * errors) / decay[i][:, None] < WHOLE
        found[i] = lost @ squares[i] / max(float(squares[i].sum()), TINY)
    return found


def _decay(kept: NDArray[np.float64]) -> Matrix:
    """By how much j shrank what it has of i's draw, ``[i, j]``: weight decay shrinks what was learnt alike."""
    clipped = np.clip(kept, SHRUNK, None)
    ratio: Matrix = clipped[None, :] / clipped[:, None]
    return np.minimum(ratio, 1.0)


def _medians(found: Sequence[Matrix], shape: tuple[int, int]) -> Matrix:
    """The median over matrices of what is known; 0 where nothing is."""
    if not found:
        return np.zeros(shape)
    stacked = np.array(found)
    known = np.isfinite(stacked).any(axis=0)
    result = np.zeros(shape)
    result[known] = np.nanmedian(stacked[:, known], axis=0)
    return result
