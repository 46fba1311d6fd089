"""What the detector looks at of a group of models: dense arrays over the matrices that they share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.geometry import typical
from neural_phylogeny.relations.retained import RETAINED, least_cosine
from neural_phylogeny.statistics.results import Alike, Statistics, stacked, windows_of
from neural_phylogeny.statistics.sketch import QUANTILES
from neural_phylogeny.tensors.roles import Role

Array = NDArray[np.float64]

PAIRS = ("product", "second", "third", "square", "fourth", "zeros", "equal")
"""Sums over a sample of the values of two models, as ``statistics.cross`` has them, here as means."""

MODELS = ("sum", "square", "cube", "fourth", "absolute", "largest", "zeros", "grid", "distinct")
"""Of the values of one model, as ``statistics.moments`` has them; the sums as means, zeros as a share."""

ROWS = ("grow", "indep", "step", "multiples", "factor", "agree", "still")
"""Of rows and columns of two models, as ``statistics.rows`` has them."""

OTHER, GAIN, BIAS = 0, 1, 2
"""Kinds of vectors, by their names."""

_GAIN = re.compile(r"(^|[._/])(weight|gamma|scale|gain|g)(_[lv]?\d+)?(:0)?$", re.IGNORECASE)
_BIAS = re.compile(r"(^|[._/])(\w*bias\w*|beta|offset|shift|b)(:0)?$", re.IGNORECASE)

COUNTS = 2.0 / 3.0
"""Power of its number of values by which a matrix counts. Trainings move the few values of a small matrix alike, and
with 0 its angles drown the others'; with 1 a table of embeddings would be all. From 0.5 to 1 it matters little."""


MOST_COMMON = 0.8
"""Matrices that all models have decide alone where they are such a share of those of the model that has most, each
counted by its size to the power of ``COUNTS``: a head of some models is spared, a third of the weights is not.
"""


@dataclass(frozen=True)
class Measurements:
    """The pass over a group of n models, as arrays over its m matrices; NaN where a model lacks one.

    Attributes
    ----------
    pairs : dict of (m, n, n)
        Means over the same sample of values in all models, by the names in ``PAIRS``.
    models : dict of (m, n)
        Of single models, by the names in ``MODELS``.
    sketches : (m, n, 14)
        Spread of norms of rows and of columns, three numbers of the spectrum, nine quantiles of magnitudes.
    vectors : (v, n, n)
        Inner products of the vectors - biases, gains - over their lengths.
    sizes : (m,)
        Values of each matrix.
    identical : (n, n)
        Share of the tensors of a pair, vectors too, that are equal to the last bit.
    shared : (n, n)
        Tensors that a pair shares.
    rows : dict of (m, n, n, 2) or (m, n, n)
        Of rows and of columns, by the names in ``ROWS``; empty where the pass did not measure them.
    levels : (v, n, 2)
        Mean and mean square of each vector.
    kinds : (v,)
        Whether a vector is one of gains, of biases, or of something else.
    """

    pairs: Mapping[str, Array]
    models: Mapping[str, Array]
    sketches: Array
    vectors: Array
    sizes: Array
    identical: Array
    shared: Array
    rows: Mapping[str, Array] = field(default_factory=dict)
    levels: Array = field(default_factory=lambda: np.empty((0, 0, 2)))
    kinds: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __post_init__(self) -> None:
        """Vectors of which nothing but inner products is known have no levels."""
        if len(self.levels) != len(self.vectors) or self.levels.shape[1] != len(self):
            object.__setattr__(self, "levels", np.full((len(self.vectors), len(self), 2), np.nan))
            object.__setattr__(self, "kinds", np.zeros(len(self.vectors), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.shared)

    @classmethod
    def of(cls, statistics: Statistics, rows: Sequence[int] | None = None) -> Self:
        """From the statistics of a pass, for all models or some; O(m n^2).

        Matrices with values that are not finite, or zeros alone, count as absent.
        """
        chosen = statistics if rows is None else statistics.subset(list(rows))
        n = chosen.alignment.n_models if rows is None else len(rows)
        runs = list(chosen.runs("cross.product", matrices=True))
        order = sorted(place for places, _ in runs for place in places)
        row_of, m = {place: row for row, place in enumerate(order)}, len(order)
        pairs = {name: np.full((m, n, n), np.nan) for name in PAIRS}
        models = {name: np.full((m, n), np.nan) for name in MODELS}
        sketches = np.full((m, n, 5 + len(QUANTILES)), np.nan)
        for places, alike in runs:
            at, members = [row_of[place] for place in places], alike[0][0].members
            own = np.diagonal(stacked(alike, "cross.product"), axis1=1, axis2=2)
            absent = ~(np.isfinite(own) & (own > 0))
            for name in PAIRS:
                found = _means(alike, name)
                found[absent[:, :, None] | absent[:, None, :]] = np.nan
                pairs[name][np.ix_(at, members, members)] = found
            for name in MODELS:
                models[name][np.ix_(at, members)] = np.where(absent, np.nan, _of_models(alike, name))
            sketches[np.ix_(at, members)] = np.where(absent[..., None], np.nan, _sketches(alike))
        every = {name: _of_rows(chosen, row_of, name) for name in ROWS}
        by_row = {name: numbers for name, numbers in every.items() if numbers is not None}
        identical, shared = np.zeros((n, n)), np.zeros((n, n))
        for alike in chosen.alike("equality.label"):
            label, square = stacked(alike, "equality.label"), np.ix_(*[alike[0][0].members] * 2)
            identical[square] += (label[:, :, None] == label[:, None, :]).sum(axis=0)
            shared[square] += len(alike)
        sizes = np.array([chosen.alignment.tensors[place].size for place in order], dtype=np.float64)
        vectors, levels, kinds = _vectors(chosen, n)
        share = identical / np.maximum(shared, 1.0)
        return cls(pairs, models, sketches, vectors, sizes, share, shared, by_row, levels, kinds)

    def subset(self, models: Sequence[int], matrices: Sequence[int] | None = None) -> Self:
        """Of some of the models, in the given order, and of some of the matrices."""
        rows, at = list(models), np.ix_(models, models)
        chosen = slice(None) if matrices is None else list(matrices)
        return type(self)(
            {name: array[chosen][:, at[0], at[1]] for name, array in self.pairs.items()},
            {name: array[chosen][:, rows] for name, array in self.models.items()},
            self.sketches[chosen][:, rows],
            self.vectors[:, at[0], at[1]],
            self.sizes[chosen],
            self.identical[at],
            self.shared[at],
            {name: array[chosen][:, at[0], at[1]] for name, array in self.rows.items()},
            self.levels[:, rows],
            self.kinds,
        )

    @cached_property
    def retained(self) -> Self:
        """Without matrices that some child re-initialised, usually a head, unless no other would be left.

        A matrix is retained when no two models are much less alike in it than in the others. A re-initialised head
        shows in every difference of its owner from any other model, as if all had learnt something in common.
        """
        least = _least_cosines(self.pairs["product"])
        threshold = float(least_cosine(np.array(np.median(least)))) if len(least) else 0.0
        chosen = np.flatnonzero(least >= threshold).tolist()
        if not 0 < len(chosen) < len(least):
            return self
        kept = self.subset(range(len(self)), chosen)
        whole = np.isfinite(self.vectors).all(axis=(1, 2)) & (_least_cosines(self.vectors) >= RETAINED)
        return replace(kept, vectors=self.vectors[whole], levels=self.levels[whole], kinds=self.kinds[whole])

    @cached_property
    def common(self) -> Self:
        """The retained matrices that all models have, where they are most of what is retained; else ``retained``.

        In a space that only some models have all differences of the others are missing, and distances of pairs that
        share it and of pairs that do not are not distances of one space: a larger head would count as a step.
        """
        kept = self.retained
        norm = np.einsum("tii->ti", kept.pairs["product"])
        has = np.isfinite(norm)
        everywhere = has.all(axis=1)
        counts = kept.sizes**COUNTS
        most = counts[everywhere].sum() >= MOST_COMMON * (counts @ has).max(initial=0.0)
        if everywhere.all() or not most or not everywhere.any():
            return kept
        return kept.subset(range(len(kept)), np.flatnonzero(everywhere).tolist())

    def even_gram(self) -> Array:
        """Inner products of the models, each matrix scaled to the same length, larger ones counting more: ``(n, n)``.

        Weights are ``sizes ** COUNTS``. From the distances, so that near models lose no digits. A matrix that a model
        lacks is taken to be that of its nearest relative which has it, so that all inner products are of vectors of one
        space; a model that shares no matrix is at right angles to the rest. Finite. O(m n^2).
        """
        norm = np.einsum("tii->ti", self.pairs["product"])
        inner = (norm[:, :, None] + norm[:, None, :] - self.pairs["square"]) / 2.0
        inner /= typical(self.pairs["product"])
        inner = _filled(inner)
        known = np.isfinite(inner)
        weights = known * (self.sizes**COUNTS)[:, None, None]
        found: Array = (np.where(known, inner, 0.0) * weights).sum(axis=0) / np.maximum(weights.sum(axis=0), 1.0)
        found[np.diag_indices(len(self))] = np.where(np.diag(found) > 0, np.diag(found), 1.0)
        return found

    def arrays(self) -> dict[str, Array]:
        """Everything by name, to be stored."""
        named = {f"pairs.{name}": array for name, array in self.pairs.items()}
        named |= {f"models.{name}": array for name, array in self.models.items()}
        named |= {f"rows.{name}": array for name, array in self.rows.items()}
        return named | {name: getattr(self, name) for name in _PLAIN}

    @classmethod
    def from_arrays(cls, named: Mapping[str, Array]) -> Self:
        """The inverse of ``arrays``."""
        pairs = {name: named[f"pairs.{name}"] for name in PAIRS}
        models = {name: named[f"models.{name}"] for name in MODELS}
        rows = {name: named[f"rows.{name}"] for name in ROWS if f"rows.{name}" in named}
        plain: dict[str, Any] = {name: named[name] for name in _PLAIN if name in named}
        return cls(pairs, models, rows=rows, **plain)


_PLAIN = ("sketches", "vectors", "sizes", "identical", "shared", "levels", "kinds")


def _least_cosines(product: Array) -> Array:
    """Of the two models least alike, in each of m tensors: ``(m, n, n) -> (m,)``."""
    root = np.sqrt(np.maximum(np.einsum("tii->ti", product), 1e-30))
    cosine = product / (root[:, :, None] * root[:, None, :])
    least: Array = np.where(np.isfinite(cosine), cosine, np.inf).min(axis=(1, 2), initial=np.inf)
    return least


def _filled(inner: Array) -> Array:
    """Inner products ``(m, n, n)`` with those of absent matrices, NaN, taken from the nearest model that has them."""
    has = np.isfinite(np.einsum("tii->ti", inner))
    if has.all():
        return inner
    own = np.einsum("tii->ti", inner)
    squared = own[:, :, None] + own[:, None, :] - 2.0 * inner
    shared = np.isfinite(squared).sum(axis=0)
    mean = np.where(np.isfinite(squared), squared, 0.0).sum(axis=0) / np.maximum(shared, 1)
    distance = np.where(shared > 0, mean, np.inf)
    found = inner.copy()
    for t, i in np.argwhere(~has & has.any(axis=1)[:, None]).tolist():
        donor = int(np.argmin(np.where(has[t], distance[i], np.inf)))
        if np.isfinite(distance[i, donor]) and has[t, donor]:
            found[t, i, :] = found[t, donor, :]
            found[t, :, i] = found[t, :, donor]
            found[t, i, i] = found[t, donor, donor]
    return found


def _means(alike: Alike, name: str) -> Array:
    """One of ``PAIRS`` in matrices of k members: ``(T, k, k)``."""
    count = np.array([arrays["cross.count"][0] for _, arrays in alike])
    found: Array = stacked(alike, f"cross.{name}") / count[:, None, None]
    return found


def _of_models(alike: Alike, name: str) -> Array:
    """One of ``MODELS`` in matrices of k members: ``(T, k)``."""
    found: Array = stacked(alike, f"moments.{name}").astype(np.float64)
    if name == "distinct":
        found = found / np.maximum(stacked(alike, "moments.probed"), 1)
    elif name not in ("largest", "grid"):
        found = found / stacked(alike, "moments.count")
    return found


def _sketches(alike: Alike) -> Array:
    """Of matrices of k members: ``(T, k, 14)``."""
    norms = [stacked(alike, f"sketch.{name}")[..., None] for name in ("rows", "columns")]
    return np.concatenate([*norms, *(stacked(alike, f"sketch.{name}") for name in ("spectrum", "quantiles"))], axis=2)


def _of_rows(statistics: Statistics, row_of: Mapping[int, int], name: str) -> Array | None:
    """One result of ``statistics.rows`` over all matrices, by their places: ``(m, n, n, 2)`` or ``(m, n, n)``.

    NaN where a matrix lacks it; None where all do.
    """
    n, inner = statistics.alignment.n_models, () if name == "step" else (2,)
    found, is_there = np.full((len(row_of), n, n, *inner), np.nan), False
    for places, alike in statistics.runs(f"rows.{name}", matrices=True):
        rows = [row_of.get(place, -1) for place in places]
        some = [t for t, row in enumerate(rows) if row >= 0]
        members, is_there = alike[0][0].members, is_there or bool(some)
        at = np.ix_([rows[t] for t in some], members, members)
        found[at] = stacked(alike, f"rows.{name}")[some]
    return found if is_there else None


def _kind(names: Sequence[str]) -> int:
    """By what these models call the vector: models of another family may have given the aligned tensor its name."""
    if any(_GAIN.search(name) for name in names):
        return GAIN
    return BIAS if any(_BIAS.search(name) for name in names) else OTHER


def _vectors(statistics: Statistics, n: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """Of everything that is neither a matrix nor a buffer: Gram matrices over the lengths, levels, kinds."""
    vectors = [(tensor, arrays) for tensor, arrays in statistics if tensor.role is Role.VECTOR]
    v = len(vectors)
    grams, levels = np.full((v, n, n), np.nan), np.full((v, n, 2), np.nan)
    for at, alike in chain.from_iterable(windows_of(list(enumerate(vectors)), n)):
        members = alike[0][0].members
        sizes = np.array([tensor.size for tensor, _ in alike])
        grams[np.ix_(at, members, members)] = stacked(alike, "gram") / sizes[:, None, None]
        if "moments.sum" in alike[0][1]:
            sums = [
                stacked(alike, name) / stacked(alike, "moments.count") for name in ("moments.sum", "moments.square")
            ]
            levels[np.ix_(at, members)] = np.stack(sums, axis=-1)
    kinds = [_kind([source.name for source in tensor.sources]) for tensor, _ in vectors]
    grams[~np.isfinite(grams)] = levels[~np.isfinite(levels)] = np.nan
    return grams, levels, np.array(kinds, dtype=np.int64)
