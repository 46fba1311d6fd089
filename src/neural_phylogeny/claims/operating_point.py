"""How often ``derived`` accuses wrongly, as measured and shipped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from neural_phylogeny.errors import SavedFileError

FILE = "operating_point.json"

KINDS = ("strangers", "one seed", "siblings", "parents", "siblings in their family", "parents in their family")
"""Pairs of: strangers of initialisations of their own; of one seed; siblings without their parent; child and parent;
the last two again with all of their collection given."""


@dataclass(frozen=True)
class OperatingPoint:
    """Pairs that were called derived, at the highest measured level that is not above the required one.

    Attributes
    ----------
    level : float
        The measured level; the lowest of all where a lower one is required.
    counts : dict
        By each of ``KINDS``, pairs called derived and pairs in all; two models at a time.
    command : str
        What measures it again.
    """

    level: float
    counts: dict[str, tuple[int, int]]
    command: str

    def sentence(self) -> str:
        """The rates in words."""
        strangers, seed, siblings, parents, among, found = (_of(self.counts[kind]) for kind in KINDS)
        return (
            f"Operating point at {self.level:.0%}, two models at a time. Pairs called derived: {strangers} of "
            f"strangers, {seed} of strangers of one initialisation seed, {siblings} of siblings, {parents} of children "
            f"and their parents. With all of the family given: {among} of siblings, {found} of children and their "
            f"parents. ({self.command})"
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts = {kind: {"derived": derived, "pairs": pairs} for kind, (derived, pairs) in self.counts.items()}
        return {"level": self.level, "command": self.command, **counts}


def _of(count: tuple[int, int]) -> str:
    return f"{count[0]:,}/{count[1]:,}"


def operating_point(at_least: float) -> OperatingPoint:
    """The shipped measurement nearest below a level. Raises SavedFileError when its file is damaged."""
    try:
        stored = _stored()
        levels = [float(level) for level in stored["levels"]]
        at = max((k for k, level in enumerate(levels) if level <= at_least), default=0)
        rows = {kind: stored["pairs"][kind] for kind in KINDS}
        counts = {kind: (int(row["derived"][at]), int(row["pairs"])) for kind, row in rows.items()}
        return OperatingPoint(levels[at], counts, stored["command"])
    except (LookupError, TypeError, ValueError) as error:
        raise SavedFileError(f"{FILE}: cannot be read ({error}); install the package again") from error


@lru_cache(maxsize=1)
def _stored() -> Any:
    return json.loads((files("neural_phylogeny.claims") / FILE).read_text(encoding="utf-8"))
