"""Who is related to whom in a collection, and what the relations say of each family."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.files.activity import announced
from neural_phylogeny.graphs import Groups
from neural_phylogeny.reconstruction.collect import Collection
from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.reconstruction.relate import PARTLY, Tested
from neural_phylogeny.relations.copies import conversion, is_converted
from neural_phylogeny.relations.explanations.whole import disguise_of
from neural_phylogeny.statistics.cache import Group


@dataclass(frozen=True)
class Examined:
    """What the relations say of a collection: the part of an answer that no method changes.

    Attributes
    ----------
    related : (n_models, n_models) of bool
        Related pairs.
    remarks : list of str
        Why a model could not be judged, or what of it was left out; empty where all is well.
    notes : list of str
        What of each model was not compared and why, whatever the verdict; empty where all was.
    compared : array, (n_models,)
        Values of each model that were compared with another one's.
    copies : list of list of int
        Models that are copies of each other.
    converted : set of int
        Copies that are stored otherwise than the first of them: names, layouts or types differ.
    families : list of (Group, Findings)
        Each family of at least two models, and what the relations say of it.
    tested : Tested
        The groups in which the families were found.
    """

    related: NDArray[np.bool_]
    remarks: list[str]
    notes: list[str]
    compared: NDArray[np.int64]
    copies: list[list[int]]
    converted: set[int]
    families: list[tuple[Group, Findings]]
    tested: Tested

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Which models have a relative or could be judged, at least in part, ``(n_models,)``."""
        judged = [remark == "" or remark.startswith(PARTLY) for remark in self.remarks]
        found: NDArray[np.bool_] = self.related.any(axis=1) | np.array(judged, dtype=bool)
        return found

    @cached_property
    def whole(self) -> list[tuple[Group, Findings]]:
        """Each group as one, for methods that separate families themselves; the last to hold a model counts."""
        groups = self.tested.groups
        later = [set[int]().union(*(group.members for group, _ in groups[k + 1 :])) for k in range(len(groups))]
        return [
            (group, Findings.of(found.statistics, found.existence))
            for (group, found), others in zip(groups, later, strict=True)
            if group.core or not others.issuperset(group.members)
        ]


def examine(collection: Collection, alpha: float) -> Examined:
    """Who is related to whom by the boxes of pairs, and all else of each family on its own."""
    n = len(collection.refs)
    tested = collection.tested(alpha)
    remarks = ["there is no other model to compare it with" if n == 1 else ""] * n
    notes, compared = [""] * n, np.zeros(n, dtype=np.int64)
    same, judged, converted = list[list[int]](), set[int](), set[int]()
    for group, relations in tested.groups:
        own = set(group.core or group.members) - judged
        for row, model in enumerate(group.members):
            if model in own:
                remarks[model], notes[model] = relations.remark(row), relations.note(row)
                compared[model] = relations.compared[row]
        for first, *rows in relations.copies:
            for row in rows:
                if (model := group.members[row]) in own:
                    is_disguised = disguise_of(group.statistics, first, row)
                    how = "" if is_disguised else _stored_otherwise(collection, group, first, row)
                    notes[model] = "; ".join(filter(None, (notes[model], how)))
                    if is_converted(group.statistics, first, row):
                        converted.add(model)
        copied = ([group.members[row] for row in rows] for rows in relations.copies)
        same += [models for models in copied if not judged.issuperset(models)]
        judged |= own
    same = _merged(same) if any(group.core for group, _ in tested.groups) else same
    words = [collection.called(models) for models in tested.families]
    return Examined(
        tested.related,
        remarks,
        notes,
        compared,
        same,
        converted,
        [
            part
            for models in announced("comparing", tested.families, words)
            for part in _family(collection, tested, models)
        ],
        tested,
    )


def _stored_otherwise(collection: Collection, group: Group, first: int, row: int) -> str:
    """How a copy is stored otherwise than the first of its copies; empty where it is not."""
    a, b = group.members[first], group.members[row]
    found = conversion(group.statistics, first, row)
    formats = collection.formats[a], collection.formats[b]
    how = [f"{formats[1]} instead of {formats[0]}"] if formats[0] != formats[1] else []
    counts = {"under other names": found.renamed, **found.layouts, "of another type": found.retyped}
    counts["equal up to rounding"] = found.rounded
    how += [f"{number} tensor{'s' * (number > 1)} {what}" for what, number in counts.items() if number]
    return f"converted: the values of {collection.refs[a].name}, stored otherwise ({', '.join(how)})" if how else ""


def _family(collection: Collection, tested: Tested, models: list[int]) -> Iterator[tuple[Group, Findings]]:
    """A family, or each of its neighbourhoods."""
    parts = tested.parts(models)
    if not parts:
        raise ValueError("a family must have been measured together")
    for group, relations, rows in parts:
        home = replace(group, core=()) if len(parts) == 1 and len(rows) == len(models) else group
        family = collection.family(home, rows)
        leading = collection.leading.get(family.members, ())
        found = Findings.of(family.statistics, relations.existence.of(rows), leading, collection.seeds)
        yield family, replace(found, detected=family.detected)


def _merged(groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups that have a member in common as one, ascending."""
    joined = Groups()
    for group in groups:
        for model in group:
            joined.join(group[0], model)
    return joined.lists(sorted({model for group in groups for model in group}))
