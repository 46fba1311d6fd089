"""Who is related to whom, and who could not be judged: the first question, answered for every pair as if alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.graphs import components
from neural_phylogeny.reconstruction.forms import MOST_SHAPES
from neural_phylogeny.relations.assembled import assembled_parts
from neural_phylogeny.relations.components import SharedPart, apart_from, shared_parts
from neural_phylogeny.relations.computed import ComputedTable, without_tables
from neural_phylogeny.relations.copies import copies
from neural_phylogeny.relations.existence import ENOUGH, Existence, existence
from neural_phylogeny.statistics.cache import Group
from neural_phylogeny.statistics.counters import EMPTY
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.wording import percent

PARTLY = "left out:"
"""How the remark on a model begins that was judged all the same."""

WORTH_A_NOTE = 0.1
"""A smaller share of the weights that could not be compared is not noted."""

NAMED = 3
"""Number of tables that a note names; the others are counted."""

NOT_ENOUGH = (
    "not enough in common with any other model: too few usable matrices, or less than "
    f"{ENOUGH:.0%} of the smaller one's weights could be compared"
)


@dataclass(frozen=True)
class Relations:
    """Which models of a group are related, from the boxes of its pairs.

    Attributes
    ----------
    pairs : (n_models, n_models) of bool
        Related by the test, or because the two are copies with matrices that are not constant.
    """

    statistics: Statistics
    """Without computed tables."""
    existence: Existence
    copies: list[list[int]]
    tables: Mapping[int, tuple[ComputedTable, ...]] = field(default_factory=dict)
    """Computed tables of each row that has any; they are not compared."""
    components: Sequence[SharedPart] = ()
    """Pairs that share a component, the same or trained on, and no descent."""

    @classmethod
    def of(cls, statistics: Statistics, alpha: float, n_pairs: int) -> Self:
        """Test all pairs of a group at level ``alpha`` for ``n_pairs`` pairs in all."""
        trained, tables = without_tables(statistics)
        found = existence(trained, alpha, n_pairs)
        parts = shared_parts(trained, found, math.log(alpha) - math.log(max(n_pairs, 1)))
        found = apart_from(found, parts)
        changed = assembled_parts(trained, found)
        return cls(trained, apart_from(found, changed), copies(trained), tables, [*parts, *changed])

    @cached_property
    def pairs(self) -> NDArray[np.bool_]:
        """Which two models are related."""
        return related_pairs(self.statistics, self.existence, self.copies)

    def remark(self, row: int) -> str:
        """Why a model could not be judged, or which of its tensors were left out; empty when all is well."""
        tensors = self._tensors[row]
        broken = list(dict.fromkeys(name for name, _, is_finite in tensors if not is_finite))
        matrices = [name for name, is_matrix, _ in tensors if is_matrix]
        if not tensors and row in self.tables:
            return "nothing to compare: what it has in common with others are tables that a formula computes"
        is_empty = row in self.statistics.counts.get(EMPTY, {}) and not self.statistics.alignment.parameters[row]
        if not tensors and is_empty:
            return "all tensors are empty: saved without gathering"
        if not tensors:
            return "it has no floating-point tensor in common with any other model"
        if not matrices:
            return "not enough evidence: it shares no matrices, and vectors or single rows prove nothing"
        if set(matrices) <= set(broken):
            return f"its weights are NaN, infinite, too large or unreadable, {broken[0]!r} first"
        if not self.pairs[row].any() and not self.existence.conclusive[row].any():
            if not self.existence.large_enough[row]:
                return "too small: even an identical copy would not be statistically significant"
            return NOT_ENOUGH
        return f"{PARTLY} NaN, infinite, too large or unreadable values in {', '.join(broken)}" if broken else ""

    @cached_property
    def relatives(self) -> NDArray[np.bool_]:
        """Which two models are related, or share a component."""
        found = self.pairs.copy()
        for part in self.components:
            found[part.i, part.j] = found[part.j, part.i] = True
        return found

    @cached_property
    def compared(self) -> NDArray[np.int64]:
        """Values of each row that were compared with a relative's; of a row without a relative, with any other row's.

        So the share of a model in a family does not depend on unrelated models.
        """
        counted = self.relatives | ~self.relatives.any(axis=1, keepdims=True)
        return self.statistics.alignment.compared(counted)

    def note(self, row: int) -> str:
        """What of a model was not compared and why: computed tables, weights without a counterpart; empty if nothing.

        A tenth without a counterpart, as a new head is, is not worth a sentence. A model without a relative has no
        counterparts: what of it other models could be compared with depends on which ones there are.
        """
        trained, compared = int(self.statistics.alignment.parameters[row]), int(self.compared[row])
        notes = [self._tables_of(row)]
        empty = self.statistics.counts.get(EMPTY, {}).get(row, 0)
        if empty and trained:
            notes.append(f"{empty:,} tensors are empty: saved without gathering")
        is_part = self.relatives[row].any() and 0 < compared < (1.0 - WORTH_A_NOTE) * trained
        if is_part and len(self._shapes[row]) < MOST_SHAPES:  # what is left out of more shapes is said elsewhere
            notes.append(f"{percent(1.0 - compared / trained)} of its weights have no counterpart in another model")
        return "; ".join(filter(None, notes))

    def _tables_of(self, row: int) -> str:
        tables = self.tables.get(row, ())
        if not tables:
            return ""
        named = ", ".join(table.name for table in tables[:NAMED])
        more = f" and {len(tables) - NAMED} more" if len(tables) > NAMED else ""
        return f"not compared: {len(tables)} computed table{'s' * (len(tables) > 1)} ({named}{more})"

    @cached_property
    def _shapes(self) -> list[set[tuple[int, ...]]]:
        """Shapes of each model's compared tensors."""
        found: list[set[tuple[int, ...]]] = [set() for _ in range(self.statistics.alignment.n_models)]
        for tensor in self.statistics.alignment.tensors:
            for member, source in zip(tensor.members, tensor.sources, strict=True):
                found[member].add(source.shape)
        return found

    @cached_property
    def _tensors(self) -> list[list[tuple[str, bool, bool]]]:
        """Of each model its compared tensors: the name, whether it is a matrix, whether its values are finite."""
        found: list[list[tuple[str, bool, bool]]] = [[] for _ in range(self.statistics.alignment.n_models)]
        for tensor, arrays in self.statistics:
            finite = np.isfinite(np.diag(arrays["gram"])).tolist()
            for member, is_finite in zip(tensor.members, finite, strict=True):
                found[member].append((tensor.name, tensor.is_matrix, is_finite))
        return found


@dataclass(frozen=True)
class Tested:
    """The relatedness tests of a collection of ``n`` models: those of each group of models that were measured together.

    Of a pair that several groups hold, the first one counts.
    """

    groups: tuple[tuple[Group, Relations], ...]
    n: int

    @classmethod
    def of(cls, groups: Sequence[Group], alpha: float, n: int) -> Self:
        """Test all pairs of the groups at level ``alpha`` for all pairs of the collection."""
        n_pairs = n * (n - 1) // 2
        return cls(tuple((group, Relations.of(group.statistics, alpha, n_pairs)) for group in groups), n)

    @cached_property
    def related(self) -> NDArray[np.bool_]:
        """Related pairs, ``(n, n)``."""
        related, judged = np.zeros((self.n, self.n), dtype=bool), np.zeros((self.n, self.n), dtype=bool)
        for group, relations in self.groups:
            at = np.ix_(group.members, group.members)
            related[at] |= relations.pairs & ~judged[at]
            judged[at] = True
        return related

    @cached_property
    def components(self) -> list[SharedPart]:
        """Pairs of models that share a component only: as many as join the families that hold it.

        Of one that was trained on as many as join families that nothing else joins.
        """
        labels, judged = components(self.related), np.zeros((self.n, self.n), dtype=bool)
        joined: dict[tuple[str, ...], NDArray[np.int64]] = {}
        found: list[SharedPart] = []
        for group, relations in self.groups:
            for part in relations.components:
                i, j = group.members[part.i], group.members[part.j]
                holders = joined.setdefault(part.names, labels.copy())
                is_known = part.is_changed and any(known[i] == known[j] for known in joined.values())
                if not judged[i, j] and holders[i] != holders[j] and not is_known:
                    holders[holders == holders[j]] = holders[i]
                    found.append(replace(part, i=i, j=j))
            judged[np.ix_(group.members, group.members)] = True
        return found

    @cached_property
    def families(self) -> list[list[int]]:
        """Models that related pairs join, at least two each; a model that is related to none is in no family."""
        labels = components(self.related)
        found = (np.flatnonzero(labels == label).tolist() for label in range(int(labels.max(initial=-1)) + 1))
        return [models for models in found if len(models) > 1]

    def home(self, models: Sequence[int]) -> tuple[Group, Relations, list[int]] | None:
        """The first group that holds all of some models, its test, and their rows in it."""
        for group, relations in self.groups:
            if len(models) <= len(group.members) and set(models) <= set(group.members):
                return group, relations, [group.members.index(model) for model in models]
        return None

    def parts(self, models: Sequence[int]) -> list[tuple[Group, Relations, list[int]]]:
        """Where a family was measured, as ``home``: as one, or in neighbourhoods, each with the rows of its models."""
        home = self.home(models)
        if home is not None:
            return [home]
        chosen = set(models)
        return [
            (group, relations, [row for row, model in enumerate(group.members) if model in chosen])
            for group, relations in self.groups
            if not chosen.isdisjoint(group.core)
        ]


def related_pairs(statistics: Statistics, found: Existence, same: list[list[int]]) -> NDArray[np.bool_]:
    """Which two models are related: by the test, or as copies, ``same``, with matrices that are not constant."""
    related = found.related.copy()
    for group in same:
        if any(
            tensor.is_matrix
            and group[0] in tensor.members
            and arrays["moments.distinct"][tensor.members.index(group[0])] > 1
            for tensor, arrays in statistics
        ):
            related[np.ix_(group, group)] = True
    np.fill_diagonal(related, False)
    return related
