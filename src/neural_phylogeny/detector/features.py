"""From measurements to the numbers that the network reads: one row for every ordered pair (i, j), "is i j's parent?".

None is a raw weight, none depends on the scale of the weights, the number of parameters or the order of the models;
antisymmetric or ranked within the group where they can be. Undefined numbers are 0.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector import matrix_features as own
from neural_phylogeny.detector.geometry import Geometry, pooled_over_third, ranks
from neural_phylogeny.detector.measurements import MODELS, OUTLINES, PAIRS, Measurements

__all__ = ["GROUPS", "MODELS", "OUTLINES", "PAIRS", "names", "pair_features"]

Array = NDArray[np.float64]
Named = dict[str, Array]

GROUPS = ("moments", "norms", "pairs", "triples", "exact", "size")
"""First parts of the names of features; an ablation leaves out one of them."""

LIMIT = 30.0
"""Features are cut at this magnitude."""

MATRICES = 16
"""Of so many matrices, the largest, triples are looked at one by one in large groups."""

MOST_MODELS, MOST_MATRICES, MOST_VALUES = 24, 5, 12_000

FREE = 64
"""Groups of so many models have the triples of all matrices looked at."""


def pair_features(measured: Measurements) -> NDArray[np.float32]:
    """Features of all ordered pairs of a group: ``(n, n, len(names()))``.

    Of the matrices and vectors that no child was given anew. Finite whatever was measured. Permuting the models
    permutes rows and columns. O(n^3) a matrix, of at most ``MATRICES`` in groups of more than ``FREE`` models; the
    diagonal says what a model is to itself.
    """
    found = _all(measured)
    limited = np.empty((len(measured), len(measured), len(found)), dtype=np.float32)
    for k, name in enumerate(list(found)):  # one by one, and let go: of large groups they fill gigabytes
        limited[..., k] = np.clip(np.nan_to_num(found.pop(name), nan=0.0, posinf=LIMIT, neginf=-LIMIT), -LIMIT, LIMIT)
    return limited


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Names of the features, in order: ``group.what``."""
    rng = np.random.default_rng(0)
    return tuple(_all(Measurements.of_models([{"w": rng.normal(size=(4, 4)).astype(np.float32)} for _ in range(3)])))


def _all(measured: Measurements) -> Named:
    with np.errstate(all="ignore"):
        lasting = measured.lasting
        return {
            **_outline_features(lasting),
            **_matrix_features(lasting),
            **_geometry_features(lasting),
            **_matrix_triples(lasting),
            **_vector_features(lasting),
            **_exact_features(lasting),
            **_size_features(lasting),
            "size.lasting": np.full((len(measured),) * 2, len(lasting.sizes) / max(len(measured.sizes), 1)),
        }


def _outline_features(measured: Measurements) -> Named:
    """Differences j - i of what each model's own matrices tell, in five summaries over the matrices, and ranks."""
    found: Named = {}
    weights = np.sqrt(measured.sizes)
    for name, values in zip(own.NAMES, own.outlines(measured), strict=True):
        group = "norms" if name == "rms" else "exact" if name in ("zeros", "grid", "distinct") else "moments"
        difference = values[:, None, :] - values[:, :, None]  # (m, i, j)
        mean = _mean(difference, np.ones_like(weights))
        votes = _mean(np.sign(difference), np.ones_like(weights))
        found[f"{group}.{name}.mean"] = mean
        found[f"{group}.{name}.by_size"] = _mean(difference, weights)
        found[f"{group}.{name}.votes"] = votes
        found[f"{group}.{name}.extreme"] = _extreme(difference)
        found[f"{group}.{name}.relative"] = mean / max(float(np.abs(mean).max(initial=0.0)), 1e-9)
        below = (votes > 0).mean(axis=0) + 0.5 * (votes == 0).mean(axis=0)  # share of the group that j exceeds
        found[f"{group}.{name}.rank_of_i"], found[f"{group}.{name}.rank_of_j"] = _both(below)
    return found


def _matrix_features(measured: Measurements) -> Named:
    """What two models' matrices say of each other, pooled over the matrices."""
    product, second, third = (measured.pairs[name] for name in ("product", "second", "third"))
    square, fourth = measured.pairs["square"], measured.pairs["fourth"]
    norm, power = (np.einsum("tii->ti", array) for array in (product, second))
    root = np.sqrt(norm)
    scale = root[:, :, None] * root[:, None, :]
    less = (square - (root[:, :, None] - root[:, None, :]) ** 2) / (2.0 * scale)  # 1 - cosine, from the distances
    moved_i = np.einsum("tii->ti", third)[:, :, None] - 2.0 * third + second  # mean of (w_i - w_j)^2 w_i^2
    moved_j = np.swapaxes(moved_i, 1, 2)
    spread = np.maximum(square, 1e-30)
    lingam = third / (norm[:, :, None] * scale) - np.swapaxes(third, 1, 2) / (norm[:, None, :] * scale)
    symmetric = {
        "cosine": 1.0 - less,
        "sine": np.log(np.clip(less * (2.0 - less), 1e-12, 1.0)),
        "distance": np.log(np.maximum(square / scale, 1e-12)),
        "tails": np.log(np.maximum(fourth / spread**2, 1.0)),
    }
    directed = {
        "slope": np.log(np.clip(product / norm[:, :, None], 0.01, 10.0)),
        "slope_back": np.log(np.clip(product / norm[:, None, :], 0.01, 10.0)),
        "moved_large_of_i": np.log(np.clip(moved_i / (spread * norm[:, :, None]), 0.01, 100.0)),
        "moved_large_of_j": np.log(np.clip(moved_j / (spread * norm[:, None, :]), 0.01, 100.0)),
        "lingam": lingam / np.maximum(less, 1e-6),
        "kurtosis_ratio": np.log(np.maximum(power / norm**2, 0.1))[:, None, :]
        - np.log(np.maximum(power / norm**2, 0.1))[:, :, None],
    }
    directed["moved_large"] = directed["moved_large_of_i"] - directed["moved_large_of_j"]
    weights, ones = np.sqrt(measured.sizes), np.ones(len(measured.sizes))
    found: Named = {}
    for name, values in symmetric.items():
        found |= {f"pairs.{name}.by_size": _mean(values, weights), f"pairs.{name}.mean": _mean(values, ones)}
        found |= {f"pairs.{name}.least": _least(values), f"pairs.{name}.most": -_least(-values)}
    for name, values in directed.items():
        found |= {f"pairs.{name}.by_size": _mean(values, weights), f"pairs.{name}.mean": _mean(values, ones)}
        if name in ("lingam", "moved_large"):
            found[f"pairs.{name}.votes"] = _mean(np.sign(values), ones)
    return found


def _geometry_features(measured: Measurements) -> Named:
    """Distances, neighbours and triples where all matrices are one space: as they are, and scaled to count alike."""
    product, square = measured.pairs["product"], measured.pairs["square"]
    norm = np.einsum("tii->ti", product)
    spaces = {
        "whole": Geometry.pooled(
            product / _level(norm, measured.sizes), square / _level(norm, measured.sizes), measured.sizes
        ),
        "even": Geometry.even(product, square),
    }
    found: Named = {}
    for name, space in spaces.items():
        found |= {f"{group}.{name}.{what}": value for (group, what), value in _of_space(space).items()}
    return found


def _level(norm: Array, sizes: Array) -> float:
    """One scale for all matrices, so that the numbers stay within reach."""
    level = float(np.nansum(np.nanmean(norm, axis=1) * sizes) / max(float(sizes.sum()), 1.0)) if norm.size else 1.0
    return level if np.isfinite(level) and level > 0 else 1.0


def _of_space(space: Geometry) -> dict[tuple[str, str], Array]:
    n = len(space.gram)
    off = ~np.eye(n, dtype=bool)
    found: dict[tuple[str, str], Array] = {}
    length = np.log(space.own)
    found["norms", "length"] = length[None, :] - length[:, None]
    found["norms", "length_of_i"], found["norms", "length_of_j"] = _both(length - np.median(length))
    found["norms", "rank_of_i"], found["norms", "rank_of_j"] = _both(ranks(length))
    legs, root = np.sqrt(np.maximum(space.squared, 1e-24)), np.sqrt(space.own)
    outward = (space.gram - space.own[:, None]) / (legs * root[:, None])  # cosine of (j - i) and i
    found["norms", "outward_of_i"], found["norms", "outward_of_j"] = outward * off, outward.T * off
    for what, values in (("distance", space.squared), ("sine", space.sine2())):
        logs = np.log(np.maximum(values, 1e-12))
        typical = float(np.median(logs[off])) if n > 1 else 0.0
        nearest = np.where(off, logs, np.inf).min(axis=1) if n > 1 else np.zeros(1)
        central = np.where(off, logs, 0.0).sum(axis=1) / max(n - 1, 1)
        near = ranks(np.where(off, logs, np.inf), axis=1)
        found["pairs", f"{what}"] = np.where(off, logs - typical, 0.0)
        found["pairs", f"{what}_gap_of_i"] = np.where(off, logs - nearest[:, None], 0.0)
        found["pairs", f"{what}_gap_of_j"] = np.where(off, logs - nearest[None, :], 0.0)
        found["pairs", f"{what}_rank_from_i"], found["pairs", f"{what}_rank_from_j"] = near * off, near.T * off
        found["pairs", f"{what}_central_i"], found["pairs", f"{what}_central_j"] = _both(central - central.mean())
        found["pairs", f"{what}_central_rank_i"], found["pairs", f"{what}_central_rank_j"] = _both(ranks(central))
    precision = space.precision()
    diagonal = np.sqrt(np.maximum(np.diag(precision), 1e-12))
    found["triples", "partial"] = -precision / (diagonal[:, None] * diagonal[None, :]) * off
    found["triples", "precision_i"], found["triples", "precision_j"] = _both(np.log(diagonal))
    found["triples", "between"] = space.between()
    for what, chunks in (("angle", space.seen_from()), ("given", space.given())):
        pooled, spread = pooled_over_third(chunks, n)
        for summary, values in zip(("mean", "least", "most", "spread", "median"), pooled, strict=True):
            found["triples", f"{what}.{summary}"] = values
            found["triples", f"{what}.{summary}_back"] = values.T
        found["triples", f"{what}.root_i"], found["triples", f"{what}.root_j"] = _both(spread)
        found["triples", f"{what}.root"] = spread[None, :] - spread[:, None]
        found["triples", f"{what}.root_rank_i"], found["triples", f"{what}.root_rank_j"] = _both(ranks(spread))
    found |= {("triples", f"explained.{what}"): values for what, values in _explained(space).items()}
    return found


def _explained(space: Geometry) -> Named:
    """How much of the likeness of i and j a third model k explains: correlation given k, over all k."""
    n = len(space.gram)
    lowest, mean, least = np.full((n, n), np.inf), np.zeros((n, n)), np.full((n, n), np.inf)
    for rows, values in space.given():
        for k, value in zip(range(rows.start, rows.stop), values, strict=True):
            other = np.ones((n, n), dtype=bool)
            other[k, :] = other[:, k] = False
            lowest = np.where(other, np.minimum(lowest, value), lowest)
            least = np.where(other, np.minimum(least, np.abs(value)), least)
            mean += np.where(other, value, 0.0)
    off = ~np.eye(n, dtype=bool) & (n > 2)
    return {
        "least": np.where(off, lowest, 0.0),
        "nearest_zero": np.where(off, least, 0.0),
        "mean": np.where(off, mean / max(n - 2, 1), 0.0),
    }


def _matrix_triples(measured: Measurements) -> Named:
    """The angle features matrix by matrix: votes on which of i and j is the better root, mean and range of angles."""
    n, sizes = len(measured), measured.sizes
    chosen = np.argsort(-sizes, kind="stable")[: MATRICES if n > FREE else len(sizes)]
    roots, angles = np.full((len(chosen), n), np.nan), np.full((len(chosen), n, n), np.nan)
    for row, t in enumerate(chosen):
        product, square = measured.pairs["product"][t], measured.pairs["square"][t]
        members = np.flatnonzero(np.isfinite(np.diag(product)))
        if len(members) < 3:
            continue
        at = np.ix_(members, members)
        space = Geometry.pooled(product[None][:, at[0], at[1]], square[None][:, at[0], at[1]], np.ones(1))
        level = float(space.own.mean())
        pooled, spread = pooled_over_third(
            Geometry(space.gram / level, space.squared / level).seen_from(), len(members)
        )
        roots[row, members], angles[row][at] = spread, pooled[0]
    difference = roots[:, None, :] - roots[:, :, None]
    ones = np.ones(len(chosen))
    votes = _mean(np.sign(difference), ones)
    below = (votes > 0).mean(axis=0) + 0.5 * (votes == 0).mean(axis=0)
    found = {"root": _mean(difference, ones), "root_votes": votes, "angle": _mean(angles, ones)}
    found |= {"angle_least": _least(angles), "angle_most": -_least(-angles)}
    found["root_rank_i"], found["root_rank_j"] = _both(below)
    back = {f"{name}_back": found[name].T for name in ("angle", "angle_least", "angle_most")}
    return {f"triples.by_matrix.{name}": value for name, value in (found | back).items()}


def _vector_features(measured: Measurements) -> Named:
    """Biases and gains: lengths of j over those of i, likeness. They begin at nothing, or alike in all models."""
    gram = measured.vectors
    norm = np.maximum(np.einsum("vii->vi", gram), 1e-20)
    length = np.log(norm) / 2.0
    difference = length[:, None, :] - length[:, :, None]
    scale = np.sqrt(norm[:, :, None] * norm[:, None, :])
    squared = np.maximum(norm[:, :, None] + norm[:, None, :] - 2.0 * gram, 0.0)
    distance = np.log(np.maximum(squared / scale, 1e-9))
    ones = np.ones(len(gram))
    votes = _mean(np.sign(difference), ones)
    below = (votes > 0).mean(axis=0) + 0.5 * (votes == 0).mean(axis=0)
    found = {
        "norms.vectors.mean": _mean(difference, ones),
        "norms.vectors.votes": votes,
        "pairs.vectors.cosine": _mean(gram / scale, ones),
        "pairs.vectors.distance": _mean(distance, ones),
    }
    found["norms.vectors.rank_of_i"], found["norms.vectors.rank_of_j"] = _both(below)
    near = ranks(np.where(np.eye(len(measured), dtype=bool), np.inf, found["pairs.vectors.distance"]), axis=1)
    return found | {"pairs.vectors.rank_from_i": near, "pairs.vectors.rank_from_j": near.T}


def _exact_features(measured: Measurements) -> Named:
    """Zeros of one model that the other keeps, equal values, equal tensors."""
    zeros, equal = measured.pairs["zeros"], measured.pairs["equal"]
    own_zeros = np.einsum("tii->ti", zeros)
    weights, ones = measured.sizes, np.ones(len(measured.sizes))
    i, j = np.broadcast_arrays(own_zeros[:, :, None], own_zeros[:, None, :])
    nested = np.where(i > 0.002, zeros / np.maximum(i, 1e-9), np.nan)  # share of i's zeros that j has
    nested_back = np.where(j > 0.002, zeros / np.maximum(j, 1e-9), np.nan)
    both = equal - zeros  # equal, and not for being pruned
    return {
        "exact.zeros_of_i": _mean(i, weights),
        "exact.zeros_of_j": _mean(j, weights),
        "exact.zeros_kept_by_j": _mean(nested, weights),
        "exact.zeros_kept_by_i": _mean(nested_back, weights),
        "exact.more_zeros_in_j": _mean(np.sign(j - i) * (np.maximum(i, j) > 0.002), ones),
        "exact.equal": _mean(both, weights),
        "exact.equal_most": np.nan_to_num(-_least(-both)),
        "exact.equal_matrices": _mean((equal > 0.999).astype(float) + 0.0 * equal, ones),
        "exact.identical": measured.identical,
    }


def _size_features(measured: Measurements) -> Named:
    """Sizes, cut where those of training families end: a larger network is for the detector one of the largest."""
    n = len(measured)
    present = np.isfinite(measured.pairs["product"])
    common = (present * measured.sizes[:, None, None]).sum(axis=0)
    of_i = np.diag(common)[:, None]
    full = np.ones((n, n))
    return {
        "size.models": np.log(min(n, MOST_MODELS)) * full,
        "size.matrices": np.log1p(np.minimum(present.sum(axis=0), MOST_MATRICES)),
        "size.values": np.log1p(np.minimum(common, MOST_VALUES)) / 4.0,
        "size.common_of_i": common / np.maximum(of_i, 1.0),
        "size.common_of_j": common / np.maximum(of_i.T, 1.0),
        "size.self": np.eye(n),
    }


def _both(values: Array) -> tuple[Array, Array]:
    """A number per model as ``(n, n)``: of i, and of j."""
    n = len(values)
    return np.broadcast_to(values[:, None], (n, n)), np.broadcast_to(values[None, :], (n, n))


def _mean(values: Array, weights: Array) -> Array:
    """Weighted mean over the first axis of what is finite; 0 where nothing is."""
    known = np.isfinite(values)
    share = known * weights[:, None, None]
    total = share.sum(axis=0)
    found: Array = (np.where(known, values, 0.0) * share).sum(axis=0) / np.where(total > 0, total, 1.0)
    return found


def _least(values: Array) -> Array:
    known = np.where(np.isfinite(values), values, np.inf)
    least = known.min(axis=0, initial=np.inf)
    return np.where(np.isfinite(least), least, 0.0)


def _extreme(values: Array) -> Array:
    """The value of largest magnitude over the first axis; 0 where there is none, or where both signs are as large."""
    filled = np.where(np.isfinite(values), values, 0.0)
    high, low = filled.max(axis=0, initial=0.0), filled.min(axis=0, initial=0.0)
    return np.where(high > -low, high, np.where(high < -low, low, 0.0))
