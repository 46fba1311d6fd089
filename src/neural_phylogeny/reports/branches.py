"""The branches of a family as they are drawn: one place for each model, whatever joins it to its relatives."""

from __future__ import annotations

from collections.abc import Sequence

from neural_phylogeny.graphs import Groups
from neural_phylogeny.records import Edge, RelatedPair
from neural_phylogeny.reports.families import Family

RUN = 3
"""This many single children in a row, or more, are drawn straight down."""

RUN_MARK = "then "

Branches = dict[str, list[tuple[Edge | RelatedPair, str]]]


def hang_pairs(family: Family) -> tuple[Branches, list[str], list[tuple[str, RelatedPair]]]:
    """Branches below each name, the names drawn at the top, and pairs whose ends both have another place.

    A tree hangs under a model of another tree when an undirected pair joins its root to that model; the smaller hangs
    when both are roots.
    """
    below: Branches = {name: [] for name in family.names}
    trees = Groups()
    weight = dict.fromkeys(family.names, 0)
    for parent, edges in family.children.items():
        for edge in edges:
            below[parent].append((edge, edge.child))
            trees.join(parent, edge.child)
    for name in family.names:
        weight[str(trees.leader(name))] += 1
    loose: list[tuple[str, RelatedPair]] = []
    tops = dict.fromkeys(family.roots)
    for pair in family.pairs:
        a, b = pair.a, pair.b
        if (tops.keys() >= {a, b} and weight[a] < weight[b]) or b not in tops:
            a, b = b, a
        upper = str(trees.leader(a))
        if b not in tops or upper == b:
            loose.append((a, pair))
            continue
        trees.join(a, b)
        weight[upper] += weight[b]
        del tops[b]
        below[a].append((pair, b))
    return below, list(tops), loose


def run_from(name: str, below: Branches) -> list[str]:
    """The models of the run of single children that starts below a name; none when it is short. Linear in the run."""
    run = []
    while len(branches := below.get(name, [])) == 1:
        name = branches[0][1]
        run.append(name)
    return run if len(run) >= RUN else []


def subtree_sizes(below: Branches, tops: Sequence[str]) -> dict[str, int]:
    """By name, the number of models in its subtree, itself included. Linear."""
    order = list(tops)
    for name in order:
        order += [other for _, other in below.get(name, [])]
    sizes = dict.fromkeys(order, 1)
    for name in reversed(order):
        sizes[name] += sum(sizes[other] for _, other in below.get(name, []))
    return sizes
