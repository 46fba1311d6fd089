"""A phylogeny as Newick trees that other programs read."""

from __future__ import annotations

import math
import re

from neural_phylogeny.records import Phylogeny
from neural_phylogeny.reports.families import Family, families, not_compared, undecided
from neural_phylogeny.reports.names import safe

_PLAIN = re.compile(r"[A-Za-z0-9.-]+")
"""Labels that need no quotes; an unquoted underscore would be read as a blank."""

WEAK = "[&is_weak=true]"
"""Comment behind the branch of an edge that is less likely than not."""


def to_newick(phylogeny: Phylogeny) -> str:
    """One tree per family, a line each, the largest first; every model is a labelled node.

    A branch is 1 - similarity long, at least 0, and has no length where the similarity is unknown. A parent is an inner
    node; copies hang at length 0 under the model that stands for them. Trees of one family that no directed claim joins
    meet in an unnamed root. The comment ``[&is_weak=true]`` marks a branch that is less likely than not. Newick has no
    place for the rest: second parents, confidences, and whether a model that stands alone is unrelated or was not
    compared. Linear in the size of the result.

    References
    ----------
    J. Felsenstein et al., *The Newick tree format*, 1986.
    G. Olsen, *Gary Olsen's Interpretation of the "Newick's 8:45" Tree Format Standard*, 1990.

    Examples
    --------
    >>> from neural_phylogeny.records import Edge, ModelRecord
    >>> about = {"format": "npz", "parameters": 10, "family": 0}
    >>> models = tuple(ModelRecord(name=name, path=name, **about) for name in ("base", "child 1"))
    >>> edge = Edge(parent="base", child="child 1", kind="finetune", p_direction=0.9, similarity=0.75)
    >>> print(to_newick(Phylogeny(models=models, edges=(edge,))))
    ('child 1':0.25)base;
    """
    lines = [_family(family) for family in families(phylogeny)]
    return "\n".join(lines + [f"{label(model.name)};" for model in (*undecided(phylogeny), *not_compared(phylogeny))])


def _family(family: Family) -> str:
    if len(family.roots) == 1:
        return f"{_tree(family, family.roots[0])};"
    nearest: dict[str, float] = {}
    for pair in family.pairs:
        for name in (pair.a, pair.b):
            nearest[name] = min(nearest.get(name, math.inf), _distance(pair.similarity) / 2.0)
    return f"({','.join(_tree(family, root) + _length(nearest.get(root, math.nan)) for root in family.roots)});"


def _tree(family: Family, root: str) -> str:
    """A root and all below it; a loop rather than recursion, for runs of thousands of checkpoints are deep."""
    below: dict[str, list[str]] = {}
    stack = [(root, False)]
    while stack:
        name, visited = stack.pop()
        edges = family.children.get(name, [])
        if not visited:
            stack.append((name, True))
            stack += [(edge.child, False) for edge in edges]
            continue
        branches = [f"{label(copy)}:0" for copy in family.copies.get(name, ())]
        for edge in edges:
            mark = WEAK if edge.is_weak else ""
            branches += ["".join([*below.pop(edge.child), _length(_distance(edge.similarity)), mark])]
        below[name] = [f"({','.join(branches)})" if branches else "", label(name)]
    return "".join(below[root])


def label(name: str) -> str:
    """A name as a label of Newick and NEXUS: in quotes where it is not plain."""
    shown = safe(name)
    return shown if _PLAIN.fullmatch(shown) else "'" + shown.replace("'", "''") + "'"


def _distance(similarity: float | None) -> float:
    return math.nan if similarity is None else 1.0 - similarity


def _length(length: float) -> str:
    return f":{max(0.0, length):.6g}" if math.isfinite(length) else ""
