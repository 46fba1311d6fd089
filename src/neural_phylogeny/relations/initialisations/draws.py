r"""The draw of a family: the seed, where each tensor lies in the stream, and what is left of it in every model.

Where every tensor has a key of its own, see ``keyed_search``. Else one place is found by a search over seeds. All
other tensors are then looked for in the same stream, near it: there are few places, so that little correlation is
enough, and each confirms the first. A tensor that was drawn is :math:`\theta = b z + e` with its draw z; b is the
share that training kept, e what it added.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.fake_init import Fans
from neural_phylogeny.relations.initialisations.derivations import DERIVATIONS, derivations_of
from neural_phylogeny.relations.initialisations.keyed_search import KeyedHit, KeyedSearch, keyed_places
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


ON_GPU = ("cuda",)
"""Derivations where names are PyTorch's: its CPU draws from a stream."""

GPU_SEEDS = 24
"""Number of first seeds that are tried where a GPU may have drawn the tensors."""


@dataclass(frozen=True, kw_only=True)
class DrawnTensor:
    """Where one tensor was drawn, and what is left of the draw.

    Attributes
    ----------
    stream : str
        Its name in ``STREAMS``, or that of its derivation in ``DERIVATIONS``.
    place : int
        Words of the stream before it; of a key, its number.
    z : float
        Standard deviations of its correlation above chance, over all models together.
    scheme : str
        Name of the scheme, empty where the deviation is that of none.
    deviation : float
        Standard deviation of the draw.
    kept : (n_models,)
        The share of the draw that each model kept, b.
    standard : (n,)
        The draw of its leading values at mean 0 and deviation 1.
    """

    name: str
    stream: str
    distribution: str
    place: int
    z: float
    scheme: str
    deviation: float
    kept: Values
    standard: Values

    @property
    def library(self) -> str:
        """Whose generator drew it."""
        return (STREAMS.get(self.stream) or DERIVATIONS[self.stream]).library

    @property
    def where(self) -> str:
        """Where its library drew it, in words."""
        if self.stream in DERIVATIONS:
            return DERIVATIONS[self.stream].where.format(self.place)
        return f"at place {self.place:,} of its stream"


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
        first = self.first
        if not first.scheme:
            what = f"{first.library}'s {first.distribution} numbers"
        else:
            what = first.scheme if first.library in first.scheme else f"{first.scheme} of {first.library}"
        return f"drawn by {what} under seed {self.seed}, {first.where}"


def find_draw(
    tensors: Sequence[Leading], seeds: Sequence[int], streams: Sequence[str] = DEFAULT_STREAMS, places: int = PLACES
) -> Draw | None:
    """The draw that models have in common, or None where no place stands out from chance.

    Streams and keys are searched; where no name is PyTorch's, the keys of other libraries first. The threshold counts
    all places and keys together. See ``Search.first`` and ``KeyedSearch.first`` for the cost.
    """
    usable = [tensor for tensor in tensors if tensor.values.shape[1] >= LEAST]
    matrices = sorted((t for t in usable if t.is_matrix), key=lambda t: -t.values.shape[1])
    if not matrices:
        return None
    names = derivations_of([tensor.own_name for tensor in matrices])
    keyed = KeyedSearch(matrices, names)
    tried_seeds = seeds[:GPU_SEEDS] if names == ON_GPU and places < FAR else seeds
    stream = StreamSearch.of(tensors, matrices, seeds, streams, places)
    tried = stream.tried + keyed.tried(len(tried_seeds))
    found = stream.first(tried) if names == ON_GPU else None
    if found is None and (key := keyed.first(tried_seeds, stream.tried)) is not None:
        return _draw(key.seed, _under_keys(usable, key), tried, key.z)
    if found is None and names != ON_GPU:
        found = stream.first(tried)
    return None if found is None else _draw(found.seed, located(usable, found), tried, found.z)


def _draw(seed: int, tensors: tuple[DrawnTensor, ...], tried: int, z: float) -> Draw | None:
    return Draw(seed, tensors, min(math.log(tried) - z**2 / 2.0, 0.0)) if tensors else None


@dataclass(frozen=True)
class StreamSearch:
    """The search of streams, from their beginning and behind the construction of the network itself."""

    begin: Search
    behind: Search
    seeds: Sequence[int]
    usual: Sequence[int]

    @classmethod
    def of(
        cls,
        tensors: Sequence[Leading],
        matrices: Sequence[Leading],
        seeds: Sequence[int],
        streams: Sequence[str],
        places: int,
    ) -> StreamSearch:
        """Three templates: all tensors in the order given, as if each began where the one before ends; the matrices
        alone, as where a second pass draws them again; and the largest matrix.
        """
        templates = [matrices[0].mean()]
        if len(tensors) > 1:
            templates.append(joined(tensors, places // 4))
        if 1 < len(matrices) < len(tensors):
            templates.append(joined([tensor for tensor in tensors if tensor.is_matrix], places // 4))
        total = sum(tensor.size for tensor in tensors)
        usual = seeds[:BEHIND] if places // 4 <= total <= FARTHEST else ()
        begin, behind = (Search(templates, streams, places, (start,)) for start in (0, total))
        return cls(begin, behind, seeds, usual)

    @property
    def tried(self) -> int:
        """How many places are tried in all."""
        return self.begin.tried(len(self.seeds)) + self.behind.tried(len(self.usual))

    def first(self, tried: int) -> Hit | None:
        """The first place that chance does not explain, where so many are tried in all."""
        hit = self.begin.first(self.seeds, tried - self.begin.tried(len(self.seeds)))
        if hit is None and self.usual:
            hit = self.behind.first(self.usual, tried - self.behind.tried(len(self.usual)))
        return hit


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
    return _named([_Match.at(tensors[at], found) for at, found in sorted(best.items()) if found.z >= needed])


def _under_keys(tensors: Sequence[Leading], hit: KeyedHit) -> tuple[DrawnTensor, ...]:
    """All tensors that were drawn under the seed of a hit."""
    found = keyed_places(tensors, hit)
    return _named([_Match(each, at.derivation, at.distribution, at.place, at.z, drawn) for each, at, drawn in found])


@dataclass(frozen=True)
class _Match:
    """A tensor and its draw."""

    tensor: Leading
    stream: str
    distribution: str
    place: int
    z: float
    drawn: Values

    @classmethod
    def at(cls, tensor: Leading, hit: Hit) -> _Match:
        """Of a place in a stream."""
        stream = STREAMS[hit.stream]
        drawn = stream.values(hit.seed, hit.place, tensor.values.shape[1])
        return cls(tensor, hit.stream, stream.distribution, hit.place, hit.z, drawn)

    def slopes(self) -> Values:
        """Regression of each model on the standardised draw: ``(n_models,)``; NaN for one with values not finite."""
        known = np.isfinite(self.tensor.values).all(axis=1, keepdims=True)
        values = np.where(known, self.tensor.values, np.nan)[:, : len(self.drawn)].astype(np.float64)
        found: Values = values @ self.drawn / max(len(self.drawn), 1)
        return found


def _named(matches: Sequence[_Match]) -> tuple[DrawnTensor, ...]:
    """What each tensor kept of its draw, and the scheme by which those of one distribution were drawn."""
    slopes = [match.slopes() for match in matches]
    by_kind: dict[str, list[tuple[Fans, int, float]]] = {}
    for match, slope in zip(matches, slopes, strict=True):
        if match.tensor.is_matrix:
            size = (match.tensor.fans, match.tensor.size, float(np.nanmax(slope)))
            by_kind.setdefault(match.distribution, []).append(size)
    schemes = {kind: scheme_of(kind, found) for kind, found in by_kind.items()}
    found = []
    for match, slope in zip(matches, slopes, strict=True):
        scheme = schemes.get(match.distribution, "")
        usual = deviations(match.distribution, match.tensor.fans).get(scheme)
        deviation = usual if usual is not None else float(np.nanmax(slope))
        found.append(
            DrawnTensor(
                name=match.tensor.name,
                stream=match.stream,
                distribution=match.distribution,
                place=match.place,
                z=match.z,
                scheme=scheme,
                deviation=deviation,
                kept=slope / deviation,
                standard=match.drawn,
            )
        )
    return tuple(found)
