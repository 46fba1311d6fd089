r"""Where in which stream a tensor was drawn: correlation with every place at once, by Fourier transforms.

*False alarms.* A uniform or normal number of variance 1 is sub-Gaussian with parameter 1, and so is the sum
:math:`z = \sum_k x_k s(p + k)` for any fixed x of length 1, however it was trained. So a place that has nothing to do
with a tensor reaches z with a probability of at most :math:`\exp(-z^2/2)` (Chernoff), and one of N places with at most
N times that. The threshold makes it 10^-6 for a whole search: 8.0 for 10^8 places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.initialisations.streams import STREAMS, Stream

Values = NDArray[np.float64]
Spectra = list[list[NDArray[np.complex64]]]
Seeds = tuple[int, ...]
Folding = Callable[[Stream, Seeds, int, int, int], list[NDArray[np.complexfloating]]]

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
        self._made: dict[tuple[int, int], Spectra] = {}

    def _spectra(self, stream: Stream, folds: int) -> Spectra:
        """Of the templates, by the period of a stream and its folds: made when first asked for, for many are not.

        No template is longer than a fold.
        """
        if (stream.period, folds) not in self._made:
            halves, places = range(1 if stream.period == 1 else 2), self.places // folds
            self._made[stream.period, folds] = [
                [np.conj(np.fft.rfft(stream.aligned(template, q).astype(np.float32), places)) for q in halves]
                for template in self.templates
            ]
        return self._made[stream.period, folds]

    def hits(self, seeds: Iterable[int]) -> list[Hit]:
        """The best place of each template under each seed and stream, the best first."""
        found = [hit for seed in seeds for stream in self.streams for hit in self._in(stream, seed)]
        return sorted(found, reverse=True)

    def first(self, seeds: Sequence[int], more: int = 0) -> Hit | None:
        """The first place, by seeds in their order, that chance does not explain; None where there is none.

        ``more`` places are tried elsewhere, and count for the threshold too.
        A transform of ``places`` for every seed, stream and template, in single precision; of long templates one of
        ``places / FOLDS``, 50 us at the usual size, and the other for one stream in a hundred.
        """
        needed = threshold(self.tried(len(seeds)) + more)
        together = max(1, min(AT_ONCE, KEPT_PLACES * AT_ONCE // self.places))
        for some in (tuple(seeds[start : start + together]) for start in range(0, len(seeds), together)):
            may_be = np.any([self._may_be_in(stream, some, needed - ROUGH) for stream in self.streams], axis=0)
            for seed in np.array(some)[may_be].tolist():
                best = max((hit for stream in self.streams for hit in self._in(stream, seed)), default=None)
                if best is not None and best.z >= needed:
                    return best
        return None

    def tried(self, n_seeds: int) -> int:
        """How many places are tried under so many seeds, those of each template for themselves."""
        return n_seeds * len(self.streams) * len(self.templates) * self.places * len(self.starts)

    def _may_be_in(self, stream: Stream, seeds: Seeds, needed: float) -> NDArray[np.bool_]:
        """Under which seeds a template reaches ``needed`` in a stream, in single precision: ``(n_seeds,)``.

        Long templates are looked for in the folded stream first, see ``FOLDS``.
        """
        kept = _kept_folds if self.places <= KEPT_PLACES else _folds
        if max(map(len, self.templates)) < LONG:
            return self._highest(stream, seeds, 1, kept) >= needed
        common = math.sqrt(2.0 * FOLDS * math.log(10.0 * self.places / FOLDS))
        found = self._highest(stream, seeds, FOLDS, kept) >= common
        if found.any():
            found[found] = self._highest(stream, tuple(np.array(seeds)[found].tolist()), 1, _folds) >= needed
        return found

    def _highest(self, stream: Stream, seeds: Seeds, folds: int, spectra_of: Folding) -> NDArray[np.float32]:
        """The most that a template reaches in the folded stream of each seed, in single precision: ``(n_seeds,)``."""
        found, places = np.zeros(len(seeds), dtype=np.float32), self.places // folds
        for start in self.starts:
            parts = spectra_of(stream, seeds, start, self.places, folds)
            for k, spectra in enumerate(self._spectra(stream, folds)):
                if self._first[k] == k:
                    product = reduce(np.add, map(np.multiply, parts, spectra))
                    z = np.fft.irfft(product, places)[:, : places - (len(self.templates[k]) if folds == 1 else 0)]
                    np.maximum(found, z.max(axis=1), out=found)
        return found

    def _in(self, stream: Stream, seed: int) -> list[Hit]:
        return [hit for start in self.starts for hit in self._from(stream, seed, start)]

    def _from(self, stream: Stream, seed: int, start: int) -> list[Hit]:
        parts = [np.fft.rfft(part.astype(np.float32)) for part in stream.parts(seed, start, self.places)]
        found = []
        for k, spectra in enumerate(self._spectra(stream, 1)):
            product = reduce(np.add, map(np.multiply, parts, spectra))
            z = np.fft.irfft(product, self.places)[: self.places - len(self.templates[k])]
            at = int(np.argmax(z))
            found.append(Hit(float(z[at]), stream.name, seed, start + at, k))
        return found


def _first_of_equal(templates: Sequence[Values]) -> list[int]:
    """The first template that is equal to each, up to rounding: that of a first tensor may be that of all."""
    found: list[int] = []
    for k, one in enumerate(templates):
        same = (i for i in range(k) if found[i] == i and len(templates[i]) == len(one))
        found.append(next((i for i in same if float(np.abs(templates[i] - one).max(initial=0.0)) < EQUAL), k))
    return found


EQUAL = 1e-12
"""Difference of two templates of length 1 that rounding leaves."""

LONG, FOLDS = 1 << 12, 2
r"""A stream is folded for templates of this many values: into so many equal parts, one added to the other. Where a
template lies in one of them it correlates with the sum at its z, with noise of deviation 1.4 instead of 1. Where that
is what chance reaches in one stream of a hundred, the stream is looked at unfolded. Missed are 16 of 100 draws at z =
8, 1 of 150 at 9 and none from 10 on, which 1 % of the squares of 8,192 values gives."""

AT_ONCE = 8
"""Seeds that are tried together: NumPy transforms four and more rows in half the time of one by one."""

KEPT, KEPT_PLACES = 40, 1 << 15
"""Streams of ``AT_ONCE`` seeds whose spectra are kept from family to family, and places of the longest: those of the
usual seeds, 30 MB of folded ones, 60 MB of whole ones."""


ROUGH = 1e-2
"""Standard deviations by which single precision may miss a correlation, many times over."""


def _folds(stream: Stream, seeds: Seeds, start: int, places: int, folds: int) -> list[NDArray[np.complexfloating]]:
    """Each part of the streams from a place on, folded, in single precision: ``(n_seeds, frequencies)``."""
    streams = [(stream.rough or stream.parts)(seed, start, places) for seed in seeds]
    parts = [np.stack([part.reshape(folds, -1).sum(axis=0) for part in each]) for each in zip(*streams, strict=True)]
    # NumPy transforms in single precision, in a third of the time, only where it has a factor to multiply by.
    return [np.fft.rfft(part.astype(np.float32), norm="forward") * np.float32(part.shape[1]) for part in parts]


_kept_folds = lru_cache(maxsize=KEPT)(_folds)
