"""What the relations say of one group of models, as arrays over its members."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.evidence import (
    clock_evidence,
    direction_evidence,
    draw_evidence,
    exact_evidence,
    existence_evidence,
    shared_evidence,
)
from neural_phylogeny.reconstruction.reasons import HALF
from neural_phylogeny.reconstruction.relate import related_pairs
from neural_phylogeny.records import KINDS, Evidence, Kind
from neural_phylogeny.relations.clock import Clock
from neural_phylogeny.relations.components import component_name
from neural_phylogeny.relations.copies import copies
from neural_phylogeny.relations.direction import log_odds
from neural_phylogeny.relations.exact import CERTAIN, DIRECTED, GRIDDED, ROUNDED, marks_and_clock
from neural_phylogeny.relations.existence import Existence
from neural_phylogeny.relations.explanations.together import Samples
from neural_phylogeny.relations.explanations.whole import Explained, explanation
from neural_phylogeny.relations.initialisations.draws import FAR, Draw, find_draw
from neural_phylogeny.relations.initialisations.leading import Leading
from neural_phylogeny.relations.initialisations.seeds import seeds
from neural_phylogeny.relations.initialisations.streams import STREAMS
from neural_phylogeny.relations.merging.found import SUM, Merges, merges
from neural_phylogeny.relations.onward import ONE_RUN, onward
from neural_phylogeny.relations.shared import shared_values
from neural_phylogeny.relations.upcycled import upcycled
from neural_phylogeny.statistics.results import Statistics

GROWN = "grown"
"""The kind of a mixture of experts that was made of a dense model."""

LEAST_LOG_P = -300.0 * np.log(10.0)
"""Smaller p-values are reported as 1e-300: no null distribution is known that far out."""


@dataclass(frozen=True)
class Findings:
    """What the relations say of one group of models, as arrays over its members."""

    statistics: Statistics
    existence: Existence
    direction: NDArray[np.float64]
    signs: dict[str, NDArray[np.float64]]
    exact: dict[str, NDArray[np.float64]]
    clock: Clock
    """Who decayed longer, see ``relations.clock``."""
    coverage: NDArray[np.float64]
    copies: list[list[int]]
    leading: tuple[Leading, ...] = ()
    seeds: int = 0
    detected: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    """What the detector said of all members already, see ``Group``."""

    @classmethod
    def of(
        cls, statistics: Statistics, found: Existence, leading: tuple[Leading, ...] = (), seeds: int = 0
    ) -> Findings:
        """Ask all questions of one family; who is related to whom is known."""
        direction, signs = log_odds(statistics)
        exact, clock = marks_and_clock(statistics)
        coverage = statistics.alignment.coverage()
        return cls(statistics, found, direction, signs, exact, clock, coverage, copies(statistics), leading, seeds)

    def redrawn(self, rng: np.random.Generator) -> Findings:
        """The same group by other matrices, drawn with replacement; relatedness is not tested again."""
        return self._with(self.statistics.drawn(rng))

    def alone(self, matrix: int) -> Findings:
        """The same group by one matrix, given by its place among the tensors; relatedness is not tested again."""
        return self._with(self.statistics.with_matrices([matrix]))

    def _with(self, statistics: Statistics) -> Findings:
        direction, signs = log_odds(statistics)
        exact, clock = marks_and_clock(statistics)
        return replace(
            self, statistics=statistics, direction=direction, signs=signs, exact=exact, clock=clock, detected=None
        )

    @cached_property
    def related(self) -> NDArray[np.bool_]:
        """Related pairs, see ``relate.related_pairs``."""
        return related_pairs(self.statistics, self.existence, self.copies)

    def evidence(self, i: int, j: int, names: tuple[str, str]) -> tuple[Evidence, ...]:
        """All evidence on a pair, existence first."""
        relatives = np.flatnonzero(self.related[i] & self.related[j]).tolist()
        shared = shared_evidence(shared_values(self.statistics, i, j, relatives))
        exact = exact_evidence(self.exact, i, j, names) + clock_evidence(self.clock, self.exact, i, j, names)
        drawn = () if self.known_draw is None else (draw_evidence(self.known_draw),)
        first = (existence_evidence(self.existence, i, j), *drawn)
        return (*first, *shared, *exact, *direction_evidence(self.signs, i, j, names))

    @cached_property
    def draw(self) -> Draw | None:
        """The draw that the models began with, by a search over the usual seeds; about a second of one core.

        With ``seeds`` all seeds below that, in more of the stream and of all generators.
        """
        if self.seeds:
            return find_draw(self.leading, seeds(self.seeds), tuple(STREAMS), FAR)
        return find_draw(self.leading, seeds())

    @property
    def known_draw(self) -> Draw | None:
        """The same where it has been looked for already, or was requested."""
        if self.seeds:
            return self.draw
        found: Draw | None = self.__dict__.get("draw")
        return found

    def similarity(self, i: int, j: int) -> float:
        """Cosine of the compared matrices, 0 where none are."""
        cosine = float(self.existence.cosine[i, j])
        return cosine if np.isfinite(cosine) else 0.0

    def part(self, i: int, j: int) -> str:
        """What the larger of two models calls what was compared of it; empty where that is half or more."""
        if self.coverage[i, j] >= HALF:
            return ""
        parameters = self.statistics.alignment.parameters
        larger, smaller = (i, j) if parameters[i] >= parameters[j] else (j, i)
        boxes = self.statistics.compared(larger, smaller)
        return component_name([box.sources[row].name for box, _, row, _ in boxes if box.is_matrix])

    def p_value(self, i: int, j: int) -> float | None:
        """p-value of the relatedness test, at least 1e-300; None where a layer is identical, so that none is needed."""
        return None if self.existence.identical[i, j] else float(np.exp(max(self.existence.log_p[i, j], LEAST_LOG_P)))

    def kinds(self, parent: int, child: int, before: int = -1) -> tuple[Kind, tuple[Kind, ...]]:
        """How a child was made from its parent, by the cheapest explanation of its weights, and what holds besides.

        A training that goes on the way that led from the model ``before`` to the parent is of the same run.
        """
        found = self.explained(parent, child)
        main, also = ("finetune", ()) if found is None else (found.kind, found.also)
        if main == "finetune" and before >= 0 and onward(self.statistics, before, parent, child) >= ONE_RUN:
            main = "later-checkpoint"
        if self._upcycled[parent, child]:
            main, also = GROWN, tuple(kind for kind in (main, *also) if kind not in (GROWN, "copy", "converted"))
        known: dict[str, Kind] = {kind: kind for kind in KINDS}
        return known.get(main, "unknown"), tuple(known[kind] for kind in also if kind in known)

    def explained(self, parent: int, child: int) -> Explained | None:
        """The explanations of one model from another with their prices; None where no values were kept."""
        if (parent, child) not in self._explained:
            self._explained[parent, child] = explanation(self.statistics, parent, child, self._samples)
        return self._explained[parent, child]

    def merges(self, rows: tuple[int, ...]) -> Merges:
        """Which of some models of the group were put together from others of them; no part was made from its merge."""
        if rows not in self._merges:
            at = np.ix_(rows, rows)
            against = [
                np.minimum(self.exact[name][at], 0.0) for name in (*DIRECTED, ROUNDED, GRIDDED) if name in self.exact
            ]
            made = np.sum([np.zeros((len(rows),) * 2), *against], axis=0)
            self._merges[rows] = merges(self.statistics, rows).without(made <= -CERTAIN)
        return self._merges[rows]

    def how_merged(self, row: int) -> str:
        """How a merge was made, as far as it has been looked for."""
        known = (found.how.get(rows.index(row)) for rows, found in self._merges.items() if row in rows)
        return next(filter(None, known), SUM)

    @cached_property
    def _merges(self) -> dict[tuple[int, ...], Merges]:
        return {}

    @cached_property
    def _explained(self) -> dict[tuple[int, int], Explained | None]:
        return {}

    @cached_property
    def _samples(self) -> Samples:
        return Samples()

    @cached_property
    def _upcycled(self) -> NDArray[np.bool_]:
        return upcycled(self.statistics)
