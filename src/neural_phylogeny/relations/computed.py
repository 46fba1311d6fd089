"""Computed tables are not evidence: masks, filter banks and sines are alike in unrelated models.

They are left out of every comparison of two models, and of the parameters that could be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.statistics.results import Statistics, taken
from neural_phylogeny.statistics.tables import RULES
from neural_phylogeny.tensors.roles import Role

FOUND = "tables.computed"
"""The result of the pass that holds the rule each member meets."""


@dataclass(frozen=True)
class ComputedTable:
    """A tensor that a formula computes: what the model calls it, the rule that it meets, its number of values."""

    name: str
    rule: str
    size: int


def without_tables(statistics: Statistics) -> tuple[Statistics, Mapping[int, tuple[ComputedTable, ...]]]:
    """The statistics without computed tables, and the tables of each model that has any.

    A tensor that is a table in one box is left out of all. The same object where there are none; else linear in the
    number of boxes.
    """
    found = _found(statistics)
    if not found:
        return statistics, {}
    tensors, results = [], []
    for tensor, arrays in statistics:
        held = zip(tensor.members, tensor.sources, strict=True)
        rows = [row for row, (member, source) in enumerate(held) if (member, source.name) not in found]
        if (part := tensor.of(rows)) is not None:
            box, chosen = part
            tensors.append(box)
            results.append({key: taken(array, chosen, key in statistics.pairwise) for key, array in arrays.items()})
    parameters, in_matrices = statistics.alignment.parameters.copy(), statistics.alignment.in_matrices.copy()
    tables: dict[int, list[ComputedTable]] = {}
    names = ("", *RULES)
    for (member, name), (source, rule, is_matrix) in found.items():
        tables.setdefault(member, []).append(ComputedTable(name, names[rule], source.size))
        parameters[member] -= source.size
        in_matrices[member] -= source.size if is_matrix else 0
    alignment = replace(
        statistics.alignment,
        tensors=tuple(tensors),
        parameters=np.maximum(parameters, 0),
        in_matrices=np.maximum(in_matrices, 0),
    )
    kept = replace(statistics, alignment=alignment, arrays=tuple(results))
    return kept, {member: tuple(some) for member, some in sorted(tables.items())}


def names_of_tables(statistics: Statistics) -> Mapping[int, frozenset[str]]:
    """What each member calls the tensors that a formula computes; members without any are left out."""
    names: dict[int, set[str]] = {}
    for member, name in _found(statistics):
        names.setdefault(member, set()).add(name)
    return {member: frozenset(some) for member, some in names.items()}


def _found(statistics: Statistics) -> dict[tuple[int, str], tuple[TensorInfo, int, bool]]:
    """By member and name: the tensor, the number of the rule that it meets, and whether it counts as a matrix."""
    found: dict[tuple[int, str], tuple[TensorInfo, int, bool]] = {}
    for tensor, arrays in statistics:
        if FOUND not in arrays:
            continue
        for member, source, rule in zip(tensor.members, tensor.sources, arrays[FOUND].tolist(), strict=True):
            if rule:
                found.setdefault((member, source.name), (source, rule, tensor.role is not Role.VECTOR))
    return found
