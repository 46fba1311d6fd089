"""Which families stand together in a drawing: those of which members share an initialisation."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from neural_phylogeny.graphs import Groups
from neural_phylogeny.records import UndecidedGroup
from neural_phylogeny.reports.families import Family


@dataclass
class Joined:
    """Families that are drawn together, the groups that join them, and the members of these without a family."""

    families: list[Family] = field(default_factory=list)
    groups: list[tuple[str, ...]] = field(default_factory=list)
    loose: list[str] = field(default_factory=list)


def joined_families(families: Sequence[Family], groups: Sequence[UndecidedGroup]) -> list[Joined]:
    """Families in their order, those joined by a group together; groups of models without a family last."""
    near = Groups()
    home: dict[str, int] = {}
    for k, family in enumerate(families):
        near.join(("family", k), ("family", k))
        home |= dict.fromkeys((*family.names, *(copy for some in family.copies.values() for copy in some)), k)
    keys: list[tuple[str, int]] = [("family", k) for k in range(len(families))]
    for k, group in enumerate(groups):
        keys.append(("group", k))
        for name in group.models:
            near.join(("family", home[name]) if name in home else ("model", name), ("group", k))
    found: dict[Hashable, Joined] = {}
    for key in keys:
        joined = found.setdefault(near.leader(key), Joined())
        kind, k = key
        if kind == "family":
            joined.families.append(families[k])
        else:
            joined.groups.append(groups[k].models)
            joined.loose += [name for name in groups[k].models if name not in home and name not in joined.loose]
    return list(found.values())
