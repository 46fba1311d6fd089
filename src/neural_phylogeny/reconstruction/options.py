"""Options of the facade: one checker per concept, each raises InvalidOptionError with a sentence."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import cast

from neural_phylogeny.errors import InvalidOptionError, UnknownChoiceError
from neural_phylogeny.statistics.one_pass import Progress
from neural_phylogeny.trees.methods import Method
from neural_phylogeny.trees.prior import PRIORS, PriorName


@dataclass(frozen=True)
class Reading:
    """How to find and read models; see ``neural_phylogeny.reconstruct`` for the fields.

    Raises
    ------
    InvalidOptionError
        When a field is outside its range.
    """

    threads: int | None = None
    memory: int = 1 << 30
    seed: int = 0
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    component: str | None = None
    stats: str | os.PathLike[str] | None = None
    save_stats: str | os.PathLike[str] | None = None
    progress: Progress | None = None
    sample: float | None = None
    alpha: float = 1e-3
    hashes: bool = False
    seeds: int = 0

    def __post_init__(self) -> None:
        checked = {
            "threads": checked_threads(self.threads),
            "memory": checked_count("memory", self.memory, 1),
            "seed": checked_count("seed", self.seed, 0),
            "seeds": checked_count("seeds", self.seeds, 0),
            "sample": checked_share(self.sample),
            "alpha": checked_alpha(self.alpha),
            "include": checked_patterns("include", self.include),
            "exclude": checked_patterns("exclude", self.exclude),
        }
        for option, value in checked.items():
            object.__setattr__(self, option, value)

    @property
    def cores(self) -> int:
        """Cores to use: as many as ``threads``, or all."""
        return self.threads or os.cpu_count() or 1


def checked_alpha(alpha: float) -> float:
    """The level of the relatedness test, in (0, 1)."""
    if not _is_number(alpha) or not 0.0 < alpha < 1.0:
        raise InvalidOptionError("alpha", "a probability above 0 and below 1", alpha)
    return float(alpha)


def with_prior_of(method: Method, prior: str) -> Method:
    """The method with this prior of parents being present; methods without a posterior ignore it."""
    if prior not in PRIORS:
        raise UnknownChoiceError("prior", prior, list(PRIORS))
    return replace(method, options=replace(method.options, prior=cast(PriorName, prior)))


def checked_share(sample: float | None) -> float | None:
    """The share of the values to read, in (0, 1]; None for the default."""
    if sample is not None and not (_is_number(sample) and 0.0 < sample <= 1.0):
        raise InvalidOptionError("sample", "a share above 0 and at most 1, or None for the default", sample)
    return None if sample is None else float(sample)


def checked_count(option: str, value: int, least: int) -> int:
    """A whole number of at least ``least``: threads, bytes of memory, resamples, a seed."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InvalidOptionError(option, f"a whole number of at least {least}", value)
    return int(value)


def checked_threads(threads: int | None) -> int | None:
    """The number of workers; None for all cores."""
    return None if threads is None else checked_count("threads", threads, 1)


def checked_patterns(option: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """Shell patterns; a single string is one pattern."""
    found = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    if not all(isinstance(pattern, str) for pattern in found):
        raise InvalidOptionError(option, "a sequence of shell patterns", patterns)
    return found


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
