r"""Where in which stream a tensor was drawn: correlation with every place at once, by Fourier transforms.

*False alarms.* A uniform or normal number of variance 1 is sub-Gaussian with parameter 1, and so is the sum
:math:`z = \sum_k x_k s(p + k)` for any fixed x of length 1, however it was trained. So a place that has nothing to do
with a tensor reaches z with a probability of at most :math:`\exp(-z^2/2)` (Chernoff), and one of N places with at most
N times that. The threshold makes it 10^-6 for a whole search: 8.0 for 10^8 places.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.streams import STREAMS, Stream

Values = NDArray[np.float64]
Spectra = list[list[NDArray[np.complex64]]]

FALSE_ALARMS = 1e-6
"""Probability that a search of a family finds a draw where there is none."""

LEAST = 48
"""Values of a tensor that is looked for; of fewer none could be found."""


@dataclass(frozen=True, order=True)
class Hit:
    """A place at which a tensor correlates with a stream: ``z`` standard deviations above chance."""

    z: float
    stream: str
    seed: int
    place: int
    template: int


def threshold(places: int) -> float:
    """Least z that unrelated values reach at one of so many places with a probability of ``FALSE_ALARMS``.

    Examples
    --------
    >>> round(threshold(10**8), 1)
    8.0
    """
    return math.sqrt(2.0 * math.log(max(places, 1) / FALSE_ALARMS))


def standardised(values: Values) -> Values:
    """Values less their mean, at length 1; zeros where they are constant or not finite: ``(n,) -> (n,)``."""
    centred = values - values.mean() if values.size else values
    length = float(np.linalg.norm(centred))
    found: Values = centred / length if np.isfinite(length) and length > 0 else np.zeros_like(values)
    return found


class Search:
    """Some templates, ready to be correlated with streams of ``places`` words.

    Parameters
    ----------
    templates : sequence of (n,)
        Values in the order in which they were drawn.
    streams : sequence of str
        Names in ``STREAMS``.
    places : int
        Words of a stream that are searched at a time, a power of two.
    starts : sequence of int
        Where in the stream that begins.
    """

    def __init__(
        self, templates: Sequence[Values], streams: Sequence[str], places: int, starts: Sequence[int] = (0,)
    ) -> None:
        self.templates = [standardised(template[: places // 4]) for template in templates]
        self.streams = [STREAMS[name] for name in streams]
        self.places, self.starts = places, starts
        self._first = _first_of_equal(self.templates)

    @cached_property
    def _spectra(self) -> dict[int, Spectra]:
        """Of the templates, by the period of a stream: made by the first search, for many a search is left out."""
        return {stream.period: self._of(stream) for stream in self.streams}

    def hits(self, seeds: Iterable[int]) -> list[Hit]:
        """The best place of each template under each seed and stream, the best first."""
        found = [hit for seed in seeds for stream in self.streams for hit in self._in(stream, seed)]
        return sorted(found, reverse=True)

    def first(self, seeds: Sequence[int], more: int = 0) -> Hit | None:
        """The first place, by seeds in their order, that chance does not explain; None where there is none.

        ``more`` places are tried elsewhere, and count for the threshold too.
        Two transforms of ``places`` for every seed, stream and part, and one for each template; the streams in single
        precision first.
        """
        needed = threshold(self.tried(len(seeds)) + more)
        for seed in seeds:
            roughly = (hit.z for stream in self.streams for hit in self._in(stream, seed, is_rough=True))
            if max(roughly, default=0.0) < needed - ROUGH:
                continue
            best = max((hit for stream in self.streams for hit in self._in(stream, seed)), default=None)
            if best is not None and best.z >= needed:
                return best
        return None

    def tried(self, n_seeds: int) -> int:
        """How many places are tried under so many seeds, those of each template for themselves."""
        return n_seeds * len(self.streams) * len(self.templates) * self.places * len(self.starts)

    def _in(self, stream: Stream, seed: int, is_rough: bool = False) -> list[Hit]:
        return [hit for start in self.starts for hit in self._from(stream, seed, start, is_rough)]

    def _from(self, stream: Stream, seed: int, start: int, is_rough: bool) -> list[Hit]:
        is_kept = is_rough and start == 0 and self.places <= KEPT_PLACES
        parts = (_kept_spectra if is_kept else _stream_spectra)(stream, seed, start, self.places, is_rough)
        found = []
        for k, spectra in enumerate(self._spectra[stream.period]):
            if is_rough and self._first[k] != k:
                continue
            product = sum(part * spectrum for part, spectrum in zip(parts, spectra, strict=True))
            z = np.fft.irfft(product, self.places)[: self.places - len(self.templates[k])]
            at = int(np.argmax(z))
            found.append(Hit(float(z[at]), stream.name, seed, start + at, k))
        return found

    def _of(self, stream: Stream) -> Spectra:
        halves = range(1 if stream.period == 1 else 2)
        return [
            [np.conj(np.fft.rfft(stream.aligned(template, q).astype(np.float32), self.places)) for q in halves]
            for template in self.templates
        ]


def _first_of_equal(templates: Sequence[Values]) -> list[int]:
    """The first template that is equal to each, up to rounding: that of a first tensor may be that of all."""
    found: list[int] = []
    for k, one in enumerate(templates):
        same = (i for i in range(k) if found[i] == i and len(templates[i]) == len(one))
        found.append(next((i for i in same if float(np.abs(templates[i] - one).max(initial=0.0)) < EQUAL), k))
    return found


EQUAL = 1e-12
"""Difference of two templates of length 1 that rounding leaves."""

KEPT, KEPT_PLACES = 256, 1 << 15
"""Streams whose spectra are kept from family to family, and places of the longest: those of the usual seeds, 50 MB."""


ROUGH = 1e-2
"""Standard deviations by which single precision may miss a correlation, many times over."""


def _stream_spectra(
    stream: Stream, seed: int, start: int, places: int, is_rough: bool
) -> list[NDArray[np.complexfloating]]:
    """Of each part of a stream from a place on, ``(places // 2 + 1,)``."""
    if not is_rough:
        return [np.fft.rfft(part.astype(np.float32)) for part in stream.parts(seed, start, places)]
    parts = (stream.rough or stream.parts)(seed, start, places)
    # NumPy transforms in single precision, in a third of the time, only where it has a factor to multiply by.
    return [np.fft.rfft(part.astype(np.float32), norm="forward") * np.float32(places) for part in parts]


_kept_spectra = lru_cache(maxsize=KEPT)(_stream_spectra)
