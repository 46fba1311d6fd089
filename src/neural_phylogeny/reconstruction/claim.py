"""From the forests of the groups to claims: edges, undecided pairs, missing ancestors, each with its evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.reconstruction.changes import layer_changes, similarity_table
from neural_phylogeny.reconstruction.evidence import merge_evidence, part_evidence
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.reconstruction.reasons import RUNNER_UP
from neural_phylogeny.reconstruction.support import Support
from neural_phylogeny.reconstruction.told import told_of
from neural_phylogeny.records import (
    UNDECIDED_REASONS,
    Edge,
    Evidence,
    LayerChange,
    MissingAncestor,
    RelatedPair,
    SharedComponent,
    SimilarityTable,
    UndecidedGroup,
    UndecidedReason,
)
from neural_phylogeny.relations.between import part_of_step
from neural_phylogeny.relations.components import SharedPart, component_name
from neural_phylogeny.relations.exact import CERTAIN
from neural_phylogeny.relations.explanations.whole import DISGUISES, TRAINED
from neural_phylogeny.relations.odds import probability
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.wording import percent

SIBLINGS = 8
"""Nearest siblings of which a part of the step is looked for in a model."""

UNDECIDED = 0.05
"""An edge whose direction is less than this far from even odds is reported without a direction."""


SURE_OF_MERGE = float(probability(CERTAIN))
"""How sure an exact mean is to have been made from its parts."""


def shared_components(names: Sequence[str], parts: Sequence[SharedPart]) -> list[SharedComponent]:
    """The models that share a component and nothing else, by their positions in ``names``."""
    return [
        SharedComponent(
            a=names[part.i],
            b=names[part.j],
            component=component_name(part.names),
            component_in_b=component_name(part.names_in_j),
            contained=part.contained,
            changed=part.is_changed,
            p_value=math.exp(part.log_p) if part.is_tested else None,
            share_of_a=part.share_of_i,
            share_of_b=part.share_of_j,
        )
        for part in parts
    ]


@dataclass(frozen=True)
class Answer:
    """A method's forest over the rows of a group: all that could be judged, one of each set of copies.

    ``support`` says how much of it stays with other matrices, where that was asked for.
    """

    group: Group
    found: Findings
    rows: list[int]
    forest: Forest
    support: Support | None = None

    @property
    def claimed(self) -> NDArray[np.bool_]:
        """Which of the rows this answer speaks of: all, or those in the core of a neighbourhood, ``(n_rows,)``."""
        core = self.group.core or self.group.members
        return np.isin([self.group.members[row] for row in self.rows], core)


def claims(answer: Answer, names: Sequence[str], among: Iterable[int]) -> tuple[list[Edge], list[RelatedPair]]:
    """Directed and undirected claims of an answer on some of its models, by their places, each with its evidence."""
    edges: list[Edge] = []
    undirected: list[RelatedPair] = []
    group, found, rows, forest = answer.group, answer.found, answer.rows, answer.forest
    for k in among:
        above = int(forest.parents[k])
        if forest.merged is not None and np.count_nonzero(forest.merged[:, k]) > 1:
            edges += _merged(answer, names, k)
            continue
        if above < 0:
            continue
        parent, child = rows[above], rows[k]
        pair = (names[group.members[parent]], names[group.members[child]])
        reasons = found.evidence(parent, child, pair)
        p_direction = float(forest.p_direction[k])
        reasons = (reasons[0], *_told(answer, names, k, pair), *reasons[1:])
        kind, also = found.kinds(parent, child, _row(rows, int(forest.parents[above])))
        if kind == TRAINED:
            reasons += _part_of_step(answer, names, k)
        if p_direction < 0.5 + UNDECIDED:
            undirected.append(
                RelatedPair(
                    a=pair[0], b=pair[1], kind=kind, also=also, **measured(found, parent, child), evidence=reasons
                )
            )
            continue
        edges.append(
            Edge(
                parent=pair[0],
                child=pair[1],
                kind=kind,
                also=also,
                **told_of(forest, k),
                p_direction=None if math.isnan(p_direction) else p_direction,
                **measured(found, parent, child),
                support=_support(answer, "edges", k),
                concordance=_support(answer, "concordance", k),
                evidence=reasons,
            )
        )
    return edges, undirected


def _part_of_step(answer: Answer, names: Sequence[str], k: int) -> tuple[Evidence, ...]:
    """Where a model has a part of the step of a sibling or of its parent evenly, or they of its own.

    A sum lies nearer to the base than its parts, so that the shorter step is the one that has a part of the other.
    """
    parents = answer.forest.parents
    above = int(parents[k])
    nearest = answer.found.existence.cosine[answer.rows[k], answer.rows]
    siblings = [s for s in np.argsort(-nearest).tolist() if s != k and parents[s] == above][:SIBLINGS]
    steps = [(above, s) for s in siblings] + [(int(parents[above]), above)] * bool(parents[above] >= 0)
    called = [names[model] for model in answer.group.members]
    found = []
    for base, relative in steps:
        i, j, child = (answer.rows[place] for place in (base, relative, k))
        both = [(part_of_step(answer.found.statistics, i, *pair), *pair) for pair in ((j, child), (child, j))]
        parts = [(part.share, part.left, part, a, b) for part, a, b in both if part is not None]
        if parts:
            share, left, part, a, b = min(parts, key=lambda one: one[0])
            found.append((left, share, part_evidence(part, called[i], called[a], called[b])))
    return (min(found, key=lambda one: one[:2])[-1],) if found else ()


def _row(rows: Sequence[int], place: int) -> int:
    """The row of a model of a forest, -1 where there is none."""
    return rows[place] if place >= 0 else -1


def disguised_copies(names: Sequence[str], families: Sequence[tuple[Group, Findings]]) -> list[RelatedPair]:
    """Copies that are permuted, rescaled or rotated, each with the first of its copies: no direction costs less."""
    pairs = []
    for group, found in families:
        for first, *others in found.copies:
            for row in others:
                if group.core and group.members[row] not in group.core:
                    continue
                kind, also = found.kinds(first, row)
                if kind in DISGUISES:
                    pair = names[group.members[first]], names[group.members[row]]
                    evidence = found.evidence(first, row, pair)
                    pairs.append(
                        RelatedPair(
                            a=pair[0], b=pair[1], kind=kind, also=also, **measured(found, first, row), evidence=evidence
                        )
                    )
    return pairs


class Measured(TypedDict):
    """What was measured of a pair, by the names that its record gives them."""

    p_value: float | None
    similarity: float
    coverage: float
    part: str
    layers: tuple[LayerChange, ...]


def measured(found: Findings, i: int, j: int) -> Measured:
    """The numbers of a pair of rows that its record holds, whatever the claim."""
    return {
        "p_value": found.p_value(i, j),
        "similarity": found.similarity(i, j),
        "coverage": float(found.coverage[i, j]),
        "part": found.part(i, j),
        "layers": layer_changes(found.statistics, i, j),
    }


def similarity_tables(
    names: Sequence[str], forests: Sequence[Answer], labels: NDArray[np.int64]
) -> list[SimilarityTable]:
    """The cosines of all pairs of each family; those of one or two models, and very large ones, have no table."""
    found = []
    for answer in forests:
        if answer.group.core:
            continue
        members = [answer.group.members[row] for row in answer.rows]
        for label in dict.fromkeys(labels[members].tolist()):
            rows = [row for row, member in zip(answer.rows, members, strict=True) if labels[member] == label]
            table = similarity_table([names[answer.group.members[row]] for row in rows], answer.found, rows)
            found += [table] if table is not None else []
    return found


def _support(answer: Answer, name: str, k: int) -> float | None:
    """A share of ``Support`` of the edge above a model; None where there is none."""
    return None if answer.support is None else answer.support.of(name, k)


def _merged(answer: Answer, names: Sequence[str], k: int) -> list[Edge]:
    """The edges to a merge from all of its parts, the forest's parent first."""
    assert answer.forest.merged is not None
    column, main = answer.forest.merged[:, k], int(answer.forest.parents[k])
    parts = sorted(np.flatnonzero(column).tolist(), key=lambda part: (part != main, -abs(column[part])))
    members, child = answer.group.members, answer.rows[k]
    named = {names[members[answer.rows[part]]]: float(column[part]) for part in parts}
    how = answer.found.how_merged(answer.rows[k])
    found = []
    for part in parts:
        row = answer.rows[part]
        pair = (names[members[row]], names[members[child]])
        first, *others = answer.found.evidence(row, child, pair)
        found.append(
            Edge(
                parent=pair[0],
                child=pair[1],
                kind="merge",
                p_parent=SURE_OF_MERGE,
                p_direction=SURE_OF_MERGE,
                **measured(answer.found, row, child),
                support=_support(answer, "edges", k) if part == main else None,
                concordance=_support(answer, "concordance", k) if part == main else None,
                evidence=(first, merge_evidence(named, how, *pair, SURE_OF_MERGE), *others),
            )
        )
    return found


def missing_ancestors(
    names: Sequence[str], forests: Sequence[Answer], families: dict[int, int], labels: NDArray[np.int64]
) -> tuple[list[MissingAncestor], list[Edge]]:
    """One ancestor for the siblings of each family whose parent is not here, and its edges.

    The likeness of such an edge is that of the siblings among each other, those in one neighbourhood of a large family.
    """
    ancestors: dict[int, MissingAncestor] = {}
    edges: list[Edge] = []
    for answer in forests:
        if answer.forest.missing is None:
            continue
        siblings: dict[int, list[int]] = {}
        for k in np.flatnonzero(answer.forest.missing > 0).tolist():
            siblings.setdefault(int(labels[answer.group.members[answer.rows[k]]]), []).append(k)
        for label, rows in siblings.items():
            if label not in ancestors:
                name = f"missing ancestor {len(ancestors) + 1}"
                while name in names:
                    name = f"({name})"
                ancestors[label] = MissingAncestor(name=name, family=families[label])
            edges += _from_missing(answer, names, ancestors[label].name, rows)
    return list(ancestors.values()), edges


def _from_missing(answer: Answer, names: Sequence[str], ancestor: str, siblings: Sequence[int]) -> Iterator[Edge]:
    """The edges from a missing ancestor to some models of a forest."""
    assert answer.forest.missing is not None
    found = [answer.rows[k] for k in siblings]
    for k, row in zip(siblings, found, strict=True):
        others = [other for other in found if other != row]
        child, sure = names[answer.group.members[row]], float(answer.forest.missing[k])
        yield Edge(
            parent=ancestor,
            child=child,
            kind="finetune",
            p_parent=sure,
            similarity=float(np.mean([answer.found.similarity(row, other) for other in others] or [0.0])),
            coverage=float(np.mean([answer.found.coverage[row, other] for other in others] or [0.0])),
            evidence=(_orphan(ancestor, child, sure),),
        )


def _told(answer: Answer, names: Sequence[str], k: int, pair: tuple[str, str]) -> tuple[Evidence, ...]:
    """The probabilities of a model's parent as evidence: its own and the rival's."""
    told = told_of(answer.forest, k)
    if (p := told["p_parent"]) is None:
        return ()
    return (_parent_posterior(p, told["p_if_present"], pair), *_runner_up(answer, names, k))


def _parent_posterior(p: float, present: float | None, pair: tuple[str, str]) -> Evidence:
    given = "" if present is None else f"; {percent(present)} if the parent is among them"
    statement = (
        f"{pair[0]} is the parent of {pair[1]} with probability {percent(p)}, against every other model here or none"
        f"{given}"
    )
    return Evidence(feature="detector", value=p, favours="parent", model=pair[0], strength=p, statement=statement)


def _runner_up(answer: Answer, names: Sequence[str], k: int) -> tuple[Evidence, ...]:
    """The next likely parent of a model, by a method that knows it."""
    rivals, child = answer.forest.rivals, names[answer.group.members[answer.rows[k]]]
    if rivals is None:
        return ()
    p, at = float(rivals.probability[k]), int(rivals.parents[k])
    rival = None if at < 0 else names[answer.group.members[answer.rows[at]]]
    claim = f"{child} has no parent here" if rival is None else f"{rival} is the parent of {child}"
    return (
        Evidence(
            feature=RUNNER_UP,
            value=p,
            favours="no parent" if rival is None else "parent",
            model=rival,
            strength=p,
            statement=f"the next likely answer is that {claim}, with probability {percent(p)}",
        ),
    )


def _orphan(name: str, child: str, p: float) -> Evidence:
    statement = (
        f"the parent of {child} and its siblings is missing with probability {percent(p)}; "
        "models that were trained alike from one initialisation can look the same"
    )
    return Evidence(feature="detector", value=p, favours="parent", model=name, strength=p, statement=statement)


NAMED = 3
"""This many models of one start are named in a remark, the others counted."""

_COMMON: dict[UndecidedReason, str] = {
    "common initialisation": "same random initialisation as {}, trained independently",
    "common initialisation or missing ancestor": (
        "same random initialisation as {}, or a missing ancestor; the weights do not show which"
    ),
}


def undecided_groups(names: Sequence[str], forests: list[Answer]) -> list[UndecidedGroup]:
    """Models that share an initialisation or perhaps an ancestor; a model is in one group at most."""
    groups: list[tuple[set[int], bool, str]] = []
    for answer in forests:
        drawn = "" if answer.found.known_draw is None else str(answer.found.known_draw)
        for one in answer.forest.common_initialisations:
            members, certain = {answer.group.members[answer.rows[k]] for k in one.members}, one.certain
            for other in [group for group in groups if group[0] & members]:
                groups.remove(other)
                members, certain = members | other[0], certain and other[1]
            groups.append((members, certain, drawn))
    return [
        UndecidedGroup(
            models=tuple(names[k] for k in sorted(members)), reason=UNDECIDED_REASONS[0 if certain else 1], draw=drawn
        )
        for members, certain, drawn in groups
    ]


def common_remarks(groups: Sequence[UndecidedGroup]) -> dict[str, str]:
    """By name, a remark on the models with which a model shares its initialisation."""
    found = {}
    for group in groups:
        for name in group.models:
            others = [other for other in group.models if other != name]
            more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
            found[name] = _COMMON[group.reason].format(", ".join(others[:NAMED]) + more)
            found[name] += f" ({group.draw})" if group.draw else ""
    return found
