r"""The draw of a family: the seed, where each tensor lies in the stream, and what is left of it in every model.

One place is found by a search over seeds. All other tensors are then looked for in the same stream, near it: there are
few places, so that little correlation is enough, and each confirms the first. A tensor that was drawn is
:math:`\theta = b z + e` with its draw z; b is the share that training kept, e what it added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.fake_init import Fans
from neural_phylogeny.relations.initialisations.leading import MOST, Leading
from neural_phylogeny.relations.initialisations.schemes import deviations, scheme_of
from neural_phylogeny.relations.initialisations.search import LEAST, Hit, Search, threshold
from neural_phylogeny.relations.initialisations.streams import STREAMS

Values = NDArray[np.float64]

DEFAULT_STREAMS = ("torch-uniform", "torch-normal")
"""Searched by default."""

PLACES = 1 << 15
"""Words of each stream that are searched by default."""

FAR = 1 << 18
"""Words that are searched where seeds are requested."""

FARTHEST = 1 << 20
"""Values of the largest network that is also looked for behind its own construction, where a second pass draws it
again: there the stream begins as many words later."""

BEHIND = 18
"""Number of first seeds that are tried."""

AROUND, NEAR = 4, 1 << 17
"""Other tensors are looked for within so many times the size of the network around the first one; within so many words
at most."""


@dataclass(frozen=True)
class DrawnTensor:
    """Where one tensor was drawn, and what is left of the draw.

    Attributes
    ----------
    place : int
        Words of the stream before it.
    z : float
        Standard deviations of its correlation above chance, over all models together.
    scheme : str
        Name of the scheme, empty where the deviation is that of none.
    deviation : float
        Standard deviation of the draw.
    kept : (n_models,)
        The share of the draw that each model kept, b.
    """

    name: str
    stream: str
    place: int
    z: float
    scheme: str
    deviation: float
    kept: Values


@dataclass(frozen=True)
class Draw:
    """The draw that some models have in common.

    Attributes
    ----------
    log_p : float
        Logarithm of the largest probability of such a match, for all seeds and places that were tried.
    """

    seed: int
    tensors: tuple[DrawnTensor, ...]
    log_p: float

    @property
    def z(self) -> float:
        """All tensors together: the root of the sum of squares."""
        return math.sqrt(sum(tensor.z**2 for tensor in self.tensors))

    @property
    def first(self) -> DrawnTensor:
        """The tensor that was drawn first."""
        return min(self.tensors, key=lambda tensor: tensor.place)

    def __str__(self) -> str:
        """Scheme, seed and place in words."""
        stream = STREAMS[self.first.stream]
        scheme = self.first.scheme
        if not scheme:
            what = f"{stream.library}'s {stream.distribution} numbers"
        else:
            what = scheme if stream.library in scheme else f"{scheme} of {stream.library}"
        return f"drawn by {what} under seed {self.seed}, at place {self.first.place:,} of its stream"


def find_draw(
    tensors: Sequence[Leading], seeds: Sequence[int], streams: Sequence[str] = DEFAULT_STREAMS, places: int = PLACES
) -> Draw | None:
    """The draw that models have in common, or None where no place stands out from chance.

    Three templates: all tensors in the order given, as if each began where the one before ends; the matrices alone, as
    where a second pass draws them again; and the largest matrix. See ``Search.first`` for the cost.
    """
    usable = [tensor for tensor in tensors if tensor.values.shape[1] >= LEAST]
    matrices = sorted((t for t in usable if t.is_matrix), key=lambda t: -t.values.shape[1])
    if not matrices:
        return None
    templates = [matrices[0].mean()]
    if len(tensors) > 1:
        templates.append(joined(tensors, places // 4))
    if 1 < len(matrices) < len(tensors):
        templates.append(joined([tensor for tensor in tensors if tensor.is_matrix], places // 4))
    total = sum(tensor.size for tensor in tensors)
    usual = seeds[:BEHIND] if places // 4 <= total <= FARTHEST else ()
    search, behind = (Search(templates, streams, places, (start,)) for start in (0, total))
    tried = search.tried(len(seeds)) + behind.tried(len(usual))
    hit = search.first(seeds, tried - search.tried(len(seeds)))
    if hit is None and usual:
        hit = behind.first(usual, tried - behind.tried(len(usual)))
    if hit is None:
        return None
    found = located(usable, hit)
    return Draw(hit.seed, found, min(math.log(tried) - hit.z**2 / 2.0, 0.0)) if found else None


def joined(tensors: Sequence[Leading], most: int) -> Values:
    """Consecutive draws as one template, from the first tensor on; a tensor that was not read to its end ends it."""
    found, length = [], 0
    for tensor in tensors:
        mean = tensor.mean()
        found.append(mean * math.sqrt(len(mean)))
        length += len(mean)
        if len(mean) < tensor.size or length >= most:
            break
    return np.concatenate(found)[:most]


def located(tensors: Sequence[Leading], hit: Hit) -> tuple[DrawnTensor, ...]:
    """All tensors that lie in the stream of a hit, near it. One transform for each tensor and stream."""
    reach = min(AROUND * sum(tensor.size for tensor in tensors), NEAR)
    start = max(hit.place - reach // 2, 0)
    places = 1 << max(12, (reach + MOST - 1).bit_length())
    library = STREAMS[hit.stream].library
    streams = [name for name, stream in STREAMS.items() if stream.library == library]
    search = Search([tensor.mean() for tensor in tensors], streams, places, (start,))
    needed = threshold(places * len(streams) * len(tensors))
    best: dict[int, Hit] = {}
    for found in search.hits([hit.seed]):
        best.setdefault(found.template, found)
    return _named(tensors, [found for _, found in sorted(best.items()) if found.z >= needed])


def _named(tensors: Sequence[Leading], hits: Sequence[Hit]) -> tuple[DrawnTensor, ...]:
    """What each tensor kept of its draw, and the scheme by which those of one distribution were drawn."""
    slopes = [_slopes(tensors[hit.template], hit) for hit in hits]
    by_stream: dict[str, list[tuple[Fans, int, float]]] = {}
    for hit, slope in zip(hits, slopes, strict=True):
        tensor = tensors[hit.template]
        if tensor.is_matrix:
            by_stream.setdefault(hit.stream, []).append((tensor.fans, tensor.size, float(np.nanmax(slope))))
    schemes = {name: scheme_of(STREAMS[name].distribution, found) for name, found in by_stream.items()}
    found = []
    for hit, slope in zip(hits, slopes, strict=True):
        tensor, scheme = tensors[hit.template], schemes.get(hit.stream, "")
        usual = deviations(STREAMS[hit.stream].distribution, tensor.fans).get(scheme)
        deviation = usual if usual is not None else float(np.nanmax(slope))
        found.append(DrawnTensor(tensor.name, hit.stream, hit.place, hit.z, scheme, deviation, slope / deviation))
    return tuple(found)


def _slopes(tensor: Leading, hit: Hit) -> Values:
    """Regression of each model on the standardised draw: ``(n_models,)``; NaN for one with values not finite."""
    draw = STREAMS[hit.stream].values(hit.seed, hit.place, tensor.values.shape[1])
    known = np.isfinite(tensor.values).all(axis=1, keepdims=True)
    values = np.where(known, tensor.values, np.nan)[:, : len(draw)].astype(np.float64)
    return values @ draw / max(len(draw), 1)
