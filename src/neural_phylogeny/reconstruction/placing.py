"""The models of each family placed by a method, and what is claimed of them; large collections in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.files.cores import cores
from neural_phylogeny.reconstruction.claim import Answer, claims
from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.family_data import families_of
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.reconstruction.forked import Shares, shared
from neural_phylogeny.reconstruction.large import stitched
from neural_phylogeny.reconstruction.support import Support, support
from neural_phylogeny.records import Edge, RelatedPair
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.methods import METHODS, Method

FEWEST = 64
"""Models from which several processes are worth their start: one is placed in some 20 ms."""

AT_A_TIME = 8
"""Models of one large family that are explained by a process before the next ones."""

Claims = tuple[list[Edge], list[RelatedPair]]
"""Directed and undirected ones."""


@dataclass(frozen=True)
class Placement:
    """One family, and how a method is to place those of its models that can be judged.

    ``labels`` are the families that a test made, ``(n_rows,)``; ``draws`` resamples show how well an answer is founded.
    """

    group: Group
    found: Findings
    rows: list[int]
    labels: NDArray[np.int64]
    names: Sequence[str]
    method: Method
    seed: int
    draws: int

    def answer(self, forest: Forest, shares: Support | None) -> Answer:
        """A forest over these models as an answer."""
        return Answer(self.group, self.found, self.rows, forest, shares)


def _solved(one: Placement, _: None) -> tuple[Forest, Support | None]:
    """The method's forest, and how well it is founded where that was asked for."""
    forest = one.method.solve(families_of(one.found, one.rows, one.labels, one.seed))
    if not one.draws:
        return forest, None
    return forest, support(one.found, one.rows, one.labels, one.method, forest, one.draws, one.seed)


def _claimed(one: Placement, asked: tuple[Forest, Support | None, Sequence[int]]) -> Claims:
    """What a forest claims of some models; it may be another than the method's own where families were put together."""
    forest, shares, models = asked
    return claims(one.answer(forest, shares), one.names, models)


@dataclass(frozen=True)
class Placed:
    """The placements of a collection, and the processes that they are shared out to."""

    placements: Sequence[Placement]
    words: Sequence[str]
    shares: Shares

    def forests(self) -> list[Answer]:
        """The method's forest for each family, that of neighbourhoods over all of them."""
        found = self.shares.each("placing", _solved, [None] * len(self.placements), self.words)
        return stitched([one.answer(*solved) for one, solved in zip(self.placements, found, strict=True)])

    def claims(self, forests: Sequence[Answer]) -> Claims:
        """Directed and undirected claims of the forests, in the order of the families and of their models."""
        edges, undirected = list[Edge](), list[RelatedPair]()
        for directed, others in self._claims(forests):
            edges += directed
            undirected += others
        return edges, undirected

    def _claims(self, forests: Sequence[Answer]) -> Sequence[Claims]:
        """By the processes that know the families; a single one, which was placed here, in parts."""
        asked = [(answer.forest, answer.support, np.flatnonzero(answer.claimed).tolist()) for answer in forests]
        if len(forests) != 1 or len(forests[0].rows) < FEWEST:
            return self.shares.each("explaining", _claimed, asked, self.words)
        ((forest, support_of, models),) = asked
        starts = range(0, len(models), AT_A_TIME)
        parts = [(forest, support_of, models[start : start + AT_A_TIME]) for start in starts]
        with shared([*self.placements] * len(parts), [1.0] * len(parts), cores()) as shares:
            return shares.each("explaining", _claimed, parts, [*self.words] * len(parts))


@contextmanager
def placing(
    collection: Collection,
    families: Sequence[tuple[Group, Findings]],
    labels: NDArray[np.int64],
    settled: NDArray[np.bool_],
    method: Method,
    *,
    seed: int,
    draws: int,
) -> Iterator[Placed]:
    """Families of at least two models that can be judged, to be placed by a method.

    Those of many models are shared out to as many processes as there are cores to use. A function that a user brings
    runs in this process, since it may keep something.
    """
    names = [ref.name for ref in collection.refs]
    made = []
    for group, found in families:
        duplicates = {row for rows in found.copies for row in rows[1:]}
        rows = [row for row, model in enumerate(group.members) if settled[model] and row not in duplicates]
        if len(rows) > 1:
            own = labels[[group.members[row] for row in rows]]
            made.append(Placement(group, found, rows, own, names, method, seed, draws))
    sizes = [len(one.rows) for one in made]
    is_ours = method.name in METHODS and method.kernel is METHODS[method.name].kernel
    processes = cores() if is_ours and sum(sizes) >= FEWEST else 1
    with shared(made, [size + size**2 / 20 for size in sizes], processes) as shares:
        yield Placed(made, [collection.called(one.group.members) for one in made], shares)
