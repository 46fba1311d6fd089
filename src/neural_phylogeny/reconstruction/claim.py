"""From the forests of the groups to claims: edges, undecided pairs, hidden ancestors, each with its evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.evidence import merge_evidence
from neural_phylogeny.reconstruction.examine import Findings
from neural_phylogeny.records import Edge, Evidence, Hidden, Kinship
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.merging import MERGED
from neural_phylogeny.wording import NOBODY, RUNNER_UP, percent

UNDECIDED = 0.05
"""An edge whose direction is less than this far from even odds is reported without a direction."""


SURE_OF_MERGE = 1.0 / (1.0 + math.exp(-MERGED))
"""How sure an exact mean is to have been made from its parts."""


@dataclass(frozen=True)
class Answer:
    """A method's forest over the rows of a group: all that could be judged, one of each set of copies.

    ``support`` is the share of draws of the matrices in which each row has the same parent.
    """

    group: Group
    found: Findings
    rows: list[int]
    forest: Forest
    support: NDArray[np.float64] | None = None


def claims(names: Sequence[str], forests: list[Answer]) -> tuple[list[Edge], list[Kinship]]:
    """Directed and undirected claims of all groups."""
    edges: list[Edge] = []
    undirected: list[Kinship] = []
    for answer in forests:
        group, found, rows, forest = answer.group, answer.found, answer.rows, answer.forest
        for k, above in enumerate(forest.parents.tolist()):
            if forest.merged is not None and np.count_nonzero(forest.merged[:, k]) > 1:
                edges += _merged(answer, names, k)
                continue
            if above < 0:
                continue
            parent, child = rows[above], rows[k]
            pair = (names[group.members[parent]], names[group.members[child]])
            direction, kinship = float(forest.p_direction[k]), found.kinship(parent, child)
            shared = (found.similarity(parent, child), float(found.coverage[parent, child]))
            reasons = found.evidence(parent, child, pair)
            support = math.nan if answer.support is None else float(answer.support[k])
            sure = (direction, math.nan)
            if forest.p_parent is not None:
                sure = (float(forest.p_parent[k]), direction)
                reasons = (reasons[0], _parenthood(sure[0], pair), *_runner_up(answer, names, k), *reasons[1:])
            if direction < 0.5 + UNDECIDED:
                undirected.append(Kinship(*pair, kinship, *shared, reasons))
            else:
                edges.append(Edge(*pair, "finetune", sure[0], *shared, reasons, kinship, sure[1], support))
    return edges, undirected


def _merged(answer: Answer, names: Sequence[str], k: int) -> list[Edge]:
    """The edges to a mean from all of its parts, the forest's parent first."""
    assert answer.forest.merged is not None
    column, main = answer.forest.merged[:, k], int(answer.forest.parents[k])
    parts = sorted(np.flatnonzero(column).tolist(), key=lambda part: (part != main, -column[part]))
    members, child = answer.group.members, answer.rows[k]
    named = {names[members[answer.rows[part]]]: float(column[part]) for part in parts}
    support = math.nan if answer.support is None else float(answer.support[k])
    found = []
    for part in parts:
        row = answer.rows[part]
        pair, kinship = (names[members[row]], names[members[child]]), answer.found.kinship(row, child)
        first, *others = answer.found.evidence(row, child, pair)
        reasons = (first, merge_evidence(named, *pair, SURE_OF_MERGE), *others)
        shared = (answer.found.similarity(row, child), float(answer.found.coverage[row, child]))
        told = support if part == main else math.nan
        found.append(Edge(*pair, "merge", SURE_OF_MERGE, *shared, reasons, kinship, SURE_OF_MERGE, told))
    return found


def hidden_ancestors(
    names: Sequence[str], forests: list[Answer], families: dict[int, int], labels: NDArray[np.int64]
) -> tuple[list[Hidden], list[Edge]]:
    """One ancestor for the siblings of each family whose parent is not here, and its edges.

    The likeness of such an edge is that of the siblings among each other.
    """
    hidden: list[Hidden] = []
    edges: list[Edge] = []
    for answer in forests:
        if answer.forest.missing is None:
            continue
        siblings: dict[int, list[int]] = {}
        for k in np.flatnonzero(answer.forest.missing > 0).tolist():
            siblings.setdefault(int(labels[answer.group.members[answer.rows[k]]]), []).append(k)
        for label, rows in siblings.items():
            name = f"hidden ancestor {len(hidden) + 1}"
            while name in names:
                name = f"({name})"
            hidden.append(Hidden(name, families[label]))
            found = [answer.rows[k] for k in rows]
            for k, row in zip(rows, found, strict=True):
                others = [other for other in found if other != row]
                likeness = float(np.mean([answer.found.similarity(row, other) for other in others]))
                coverage = float(np.mean([answer.found.coverage[row, other] for other in others]))
                child, sure = names[answer.group.members[row]], float(answer.forest.missing[k])
                edges.append(Edge(name, child, "finetune", sure, likeness, coverage, (_orphan(name, child, sure),)))
    return hidden, edges


def _parenthood(sure: float, pair: tuple[str, str]) -> Evidence:
    statement = f"of all models here and none, {pair[0]} is the parent of {pair[1]} with probability {percent(sure)}"
    return Evidence("detector", sure, pair[0], sure, statement)


def _runner_up(answer: Answer, names: Sequence[str], k: int) -> tuple[Evidence, ...]:
    """Who else could be the parent of a model, by a method that knows it."""
    rivals, child = answer.forest.rivals, names[answer.group.members[answer.rows[k]]]
    if rivals is None:
        return ()
    sure, at = float(rivals.probability[k]), int(rivals.parents[k])
    rival = NOBODY if at < 0 else names[answer.group.members[answer.rows[at]]]
    said = f"that {child} has no parent here" if at < 0 else f"that {rival} is the parent of {child}"
    return (Evidence(RUNNER_UP, sure, rival, sure, f"next likely is {said}, with probability {percent(sure)}"),)


def _orphan(name: str, child: str, sure: float) -> Evidence:
    statement = (
        f"{child} and its siblings have a parent that is not here with probability {percent(sure)}; "
        "models that were trained alike from one initialisation can look the same"
    )
    return Evidence("detector", sure, name, sure, statement)


NAMED = 3
"""So many models of one start are named in a remark, the others counted."""

_START = {
    True: "it shares its initialisation with {}; nothing trained is shared",
    False: "it shares its initialisation with {}, or an ancestor that is not here; the weights do not tell which",
}


def note_starts(remarks: list[str], names: Sequence[str], forests: list[Answer]) -> None:
    """Adds to the remarks with whom a model shares its initialisation, where that is all its weights tell."""
    for answer in forests:
        for start in answer.forest.common_initialisations:
            models = [answer.group.members[answer.rows[k]] for k in start.members]
            for model in models:
                others = [names[other] for other in models if other != model]
                more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
                said = _START[start.certain].format(", ".join(others[:NAMED]) + more)
                remarks[model] = "; ".join(filter(None, (remarks[model], said)))
