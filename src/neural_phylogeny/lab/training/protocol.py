"""The paper's protocol over cached collections: a detector for each collection and split, and the table of them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.lab.training.paper import PaperScore, run


@dataclass(frozen=True)
class ProtocolRun:
    """One detector: its collection, the seed of its split, what it reached, and how long it took."""

    cell: str
    collection: int
    seed: int
    score: PaperScore
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        score = self.score
        return {
            "cell": self.cell,
            "collection": self.collection,
            "run": self.seed,
            "right": score.right,
            "directed": score.directed,
            "children": score.children,
        }


def run_protocol(
    collections: Sequence[CachedCollection], runs: int, progress: Callable[[int, int], None] | None = None
) -> list[ProtocolRun]:
    """Train and test on each collection, once for each split; a second or so each.

    Raises
    ------
    SavedFileError
        When a collection was not measured as one group, or has too few children.
    """
    found = []
    for done, kept in enumerate(collections):
        if progress:
            progress(done, len(collections))
        groups = [group for group in kept.collection.groups if len(group.members) == len(kept.collection.refs)]
        if len(groups) != 1:
            raise SavedFileError(f"{kept.cell}/{kept.seed}: its models were not measured together")
        names = [kept.collection.refs[model].name for model in groups[0].members]
        parent_of = {edge.child: names.index(edge.parent) for edge in kept.truth.edges}
        parents = np.array([parent_of.get(name, -1) for name in names])
        for seed in range(runs):
            started = time.perf_counter()
            score = run(groups[0].statistics, parents, seed)
            found.append(ProtocolRun(kept.cell, kept.seed, seed, score, time.perf_counter() - started))
    return found


def protocol_table(runs: Sequence[ProtocolRun]) -> str:
    """A row a cell: right parents over all test children, the worst run, directions of pairs, seconds."""
    rows = []
    for cell in dict.fromkeys(one.cell for one in runs):
        chosen = [one for one in runs if one.cell == cell]
        children = sum(one.score.children for one in chosen)
        rows.append(
            [
                cell,
                str(len(chosen)),
                f"{sum(one.score.right for one in chosen) / children:.3f}",
                f"{min(one.score.right / one.score.children for one in chosen):.2f}",
                f"{sum(one.score.directed for one in chosen) / children:.3f}",
                f"{np.mean([one.seconds for one in chosen]):.2f}",
            ]
        )
    return table(["cell", "runs", "overall", "lowest run", "pair direction", "s / run"], rows)
