"""How often does ``nphylo derived`` accuse strangers or siblings, and how often does it find a true parent?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from neural_phylogeny.claims.derivation import AT_LEAST, derivation
from neural_phylogeny.evaluation.rates import upper_bound
from neural_phylogeny.evaluation.truth import match_names
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.lab.bench.cached import CachedCollection, pair_of
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.measured import statistics_of
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.judged import Judged
from neural_phylogeny.records import Phylogeny
from neural_phylogeny.statistics.cache import Group

LEVELS = (0.5, 0.8, 0.9, AT_LEAST, 0.99)
PAIRS = 100
"""Pairs of each class and suite, at most; of networks of one seed three times as many."""

ALPHA = 1e-3
POINT = "operating_point.json"

STRANGERS, ONE_SEED, SIBLINGS, PARENTS = "strangers", "one seed", "siblings", "parents"
IN_FAMILY = " in their family"
"""The same with all of the collection given."""
TITLES = {
    STRANGERS: "strangers with initialisations of their own",
    ONE_SEED: "strangers of one initialisation seed",
    SIBLINGS: "siblings, their parent not given",
    PARENTS: "child and true parent",
    SIBLINGS + IN_FAMILY: "siblings, all of their family given",
    PARENTS + IN_FAMILY: "child and true parent, all of their family given",
}


@dataclass
class Calls:
    """Pairs of one class: at which levels each is called derived, the worse of both ways round for strangers."""

    calls: list[list[bool]] = field(default_factory=list)

    def row(self, at: int) -> tuple[int, int]:
        """Pairs called derived at the level of this index, and pairs in all."""
        return sum(call[at] for call in self.calls), len(self.calls)


def called(pair: Collection, ways: Sequence[tuple[int, int]]) -> list[bool]:
    """At which of ``LEVELS`` one of the ways round, (parent, child), is called derived, of two models alone."""
    judged = Judged.measured(pair, ALPHA)
    return levels_of(judged, [(judged.names[parent], judged.names[child]) for parent, child in ways])


def levels_of(judged: Judged, ways: Sequence[tuple[str, str]]) -> list[bool]:
    """At which of ``LEVELS`` one of the ways, (parent, child) by name, is called derived."""
    found = [derivation(judged, child, parent, at_least=LEVELS[0]) for parent, child in ways]
    derived = [one for one in found if one.verdict == "derived"]
    return [any(one.probability is None or one.probability >= level for one in derived) for level in LEVELS]


def networks(sources: Sources) -> dict[str, Calls]:
    """The classes of ``hard_cases``: strangers by recipe, data, teacher, constraint or helper; and of one seed."""
    from neural_phylogeny.lab.bench.tables.hard_cases import classes
    from neural_phylogeny.lab.bench.tables.unrelated import images

    x, y = images(sources.sets)
    found = {STRANGERS: Calls(), ONE_SEED: Calls()}
    for name, make in classes().items():
        kind, pairs = (ONE_SEED, 3 * PAIRS) if name == "one seed" else (STRANGERS, PAIRS)
        n = next(n for n in range(2, 100) if n * (n - 1) // 2 >= pairs)
        collection = in_memory(make(x.flatten(1), y, n))
        for i, j in list(combinations(range(n), 2))[:pairs]:
            pair = pair_of(collection, str(i), str(j))
            assert pair is not None
            found[kind].calls.append(called(pair, ((0, 1), (1, 0))))
        sources.progress(f"{name}: {found[kind].row(LEVELS.index(AT_LEAST))[0]} called derived so far")
    return found


def in_memory(models: Sequence[Any]) -> Collection:
    """Models given as arrays as a collection, measured once."""
    statistics, n = statistics_of(models), len(models)
    return Collection(
        refs=tuple(ModelRef(name=str(k), path="", parts=()) for k in range(n)),
        formats=("memory",) * n,
        parameters=np.asarray(statistics.alignment.parameters, dtype=np.int64),
        skipped=(),
        groups=(Group(tuple(range(n)), statistics),),
        notes=(),
    )


def relatives(kept: CachedCollection) -> Iterator[tuple[str, str, str, str]]:
    """(suite's kind, model, model, parent or nothing): documented edges, and siblings of one parent."""
    names = match_names(
        kept.truth,
        Phylogeny(models=tuple(kept.collection.record(k, None, "") for k in range(len(kept.collection.refs)))),
    )
    children: dict[str, list[str]] = {}
    for edge in kept.truth.edges:
        if edge.documented and edge.parent in names and edge.child in names:
            yield PARENTS, names[edge.parent], names[edge.child], names[edge.parent]
            children.setdefault(edge.parent, []).append(names[edge.child])
    related = {frozenset((edge.parent, edge.child)) for edge in kept.truth.edges}
    for below in children.values():
        for a, b in combinations(below, 2):
            if frozenset((a, b)) not in related:
                yield SIBLINGS, a, b, ""


def suites(sources: Sources) -> dict[str, Calls]:
    """Parents and siblings of the suites, two models at a time; networks of one seed of the suite of strangers."""
    found = {kind: Calls() for kind in TITLES}
    rng = np.random.default_rng(0)
    for suite in ("mixed", "generations", "wild"):
        every = [(kept, one) for kept in sources.suite(suite, 1) for one in relatives(kept)]
        families = {id(kept): Judged.measured(kept.collection, ALPHA) for kept, _ in every}
        for kind in (PARENTS, SIBLINGS):
            some = [one for one in every if one[1][0] == kind]
            for k in rng.permutation(len(some))[:PAIRS].tolist():
                kept, (_, a, b, parent) = some[k]
                pair = pair_of(kept.collection, a, b)
                if pair is not None:
                    found[kind].calls.append(called(pair, ((0, 1),) if parent else ((0, 1), (1, 0))))
                    ways = [(a, b)] if parent else [(a, b), (b, a)]
                    found[kind + IN_FAMILY].calls.append(levels_of(families[id(kept)], ways))
            sources.progress(f"{suite}, {kind}: {found[kind].row(LEVELS.index(AT_LEAST))} so far")
    for kept in sources.suite("strangers", 1):
        kind = ONE_SEED if kept.cell.endswith("same") or "-same-" in kept.cell else STRANGERS
        names = [ref.name for ref in kept.collection.refs]
        every_pair = list(combinations(names, 2))
        for k in rng.permutation(len(every_pair))[: PAIRS // 2].tolist():
            pair = pair_of(kept.collection, *every_pair[k])
            if pair is not None:
                found[kind].calls.append(called(pair, ((0, 1), (1, 0))))
        sources.progress(f"strangers, {kept.cell}: {found[kind].row(LEVELS.index(AT_LEAST))} so far")
    return found


def page(sources: Sources) -> Page:
    """The page, and the shipped operating point; ten minutes of one core."""
    found = networks(sources)
    for kind, one in suites(sources).items():
        found.setdefault(kind, Calls()).calls.extend(one.calls)
    point = operating_point(found)
    with replacing(Path(str(files("neural_phylogeny.claims"))) / POINT) as file:
        file.write((json.dumps(point, indent=1) + "\n").encode())
    return Page(text(point))


def operating_point(found: dict[str, Calls]) -> dict[str, Any]:
    """What ships: of each kind of pairs, how many are called derived at each level."""
    return {
        "command": "nphylo lab table derived",
        "levels": list(LEVELS),
        "pairs": {
            kind: {"pairs": len(found[kind].calls), "derived": [found[kind].row(at)[0] for at in range(len(LEVELS))]}
            for kind in TITLES
        },
    }


def text(point: dict[str, Any]) -> str:
    """The page of an operating point."""
    rows = []
    for kind, title in TITLES.items():
        numbers = point["pairs"][kind]
        pairs, at = numbers["pairs"], point["levels"].index(AT_LEAST)
        bound = "" if kind.startswith(PARENTS) else f"{upper_bound(numbers['derived'][at], pairs) or 0.0:.2%}"
        rows.append([title, str(pairs), *map(str, numbers["derived"]), bound])
    header = ["pairs", "number", *(f"derived at {level:.0%}" for level in point["levels"]), "upper 95 % bound at 95 %"]
    return "\n\n".join(
        [
            "### Derived from that model?",
            "`nphylo lab table derived`.",
            "Two models alone, each way round (a pair counts once if either way is called derived); the true parent "
            "the right way round. *Strangers*: the classes of [the table of unrelated networks](unrelated.md) and the "
            "suite of strangers. *Siblings* and *parents*: up to a hundred of each of the suites mixed, generations "
            "and wild, also with all of their collection given. Two models alone cannot show that the parent of both "
            "is missing: give `derived` more of the family with `--among`.",
            table(header, rows),
        ]
    )
