"""Every shipped parameter file by one command: batches are made where they are missing, then everything is fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.lab.families.batches import batch_path
from neural_phylogeny.lab.families.make import make_batches
from neural_phylogeny.lab.families.prior import read_prior
from neural_phylogeny.lab.fitting import fusion, initialisation
from neural_phylogeny.lab.fitting.parameters import SHIPPED, Fitted

Made = Callable[[str, int, int], None]
"""Called with (prior, batches there, batches in all)."""


@dataclass(frozen=True)
class Share:
    """Batches of one prior for fits: from which number on, and how many by default."""

    first: int
    count: int


SHARES = {"tiny": Share(2000, 74), "wide": Share(5106, 6), "strangers": Share(9000, 52)}
"""Numbers that the shipped detector was not trained on: it saw 864 of 1001 to 1899.
The odd ones are left out of the fits."""

NEEDS = {"fusion": ("tiny", "wide"), "initialisation": ("tiny", "strangers")}
"""What each fit is made of."""


def make_missing(
    priors: Sequence[str],
    work: Path,
    data: Path | None,
    counts: Mapping[str, int] | None = None,
    made: Made = lambda prior, there, count: None,
) -> dict[str, list[Path]]:
    """The batches of each prior in ``work/PRIOR``, trained where they are not there yet.

    About seven seconds of a core for each batch; an interrupted making goes on where it stopped.
    """
    found = {}
    for prior in priors:
        first, count = SHARES[prior].first, (counts or {}).get(prior, SHARES[prior].count)
        numbers = range(first, first + count)

        def each(path: Path, families: int, prior: str = prior, first: int = first, count: int = count) -> None:
            made(prior, int(path.stem.rpartition("-")[2]) - first + 1, count)

        make_batches(work / prior, numbers, read_prior(prior), data=data, made=each)
        found[prior] = [batch_path(work / prior, number) for number in numbers]
    return found


def fit(name: str, batches: Mapping[str, Sequence[Path]]) -> Fitted:
    """One of the parameter files from batches by prior, half of which are left out and reported on.

    Raises
    ------
    UnknownChoiceError
        When there is no such fit.
    """
    if name not in SHIPPED:
        raise UnknownChoiceError("fit", name, SHIPPED)
    if name == "initialisation":
        return initialisation.fit(batches["tiny"], batches["strangers"])
    return fusion.fit([path for prior in NEEDS[name] for path in batches[prior]])


def fit_all(
    names: Sequence[str],
    work: Path,
    data: Path | None,
    counts: Mapping[str, int] | None = None,
    made: Made = lambda prior, there, count: None,
) -> dict[str, Fitted]:
    """Several parameter files; see ``make_missing`` and ``fit``."""
    for name in names:
        if name not in NEEDS:
            raise UnknownChoiceError("fit", name, NEEDS)
    needed = dict.fromkeys(prior for name in names for prior in NEEDS[name])
    batches = make_missing(list(needed), work, data, counts, made)
    return {name: fit(name, batches) for name in names}
