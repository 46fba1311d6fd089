"""The answer for a collection. Its methods import what renders and explains it when they are called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records.claims import (
    Edge,
    MissingAncestor,
    ModelRecord,
    RelatedPair,
    SharedComponent,
    UndecidedGroup,
)
from neural_phylogeny.records.explanation import Explanation

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

Table = Literal["edges", "pairs", "models"]
"""A table that a result can be turned into."""


@dataclass(frozen=True, kw_only=True)
class Phylogeny:
    """The answer: which models descend from which, how sure, and why.

    ``edges`` holds directed claims only, the main parent first; ``copies`` groups models whose weights are all
    equal, of which the first stands in ``edges`` and the others do not. ``components`` are no descent: models that
    share a part and are otherwise unrelated.
    """

    models: tuple[ModelRecord, ...] = ()
    edges: tuple[Edge, ...] = ()
    undirected: tuple[RelatedPair, ...] = ()
    missing: tuple[MissingAncestor, ...] = ()
    undecided: tuple[UndecidedGroup, ...] = ()
    components: tuple[SharedComponent, ...] = ()
    copies: tuple[tuple[str, ...], ...] = ()
    skipped: tuple[Skipped, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        from neural_phylogeny.reports.families import summary

        return f"<Phylogeny: {summary(self)}>"

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Phylogeny:
        """A result file, of this version or an older one.

        Raises
        ------
        SavedFileError
            When the file cannot be read or is not a result file.
        """
        from neural_phylogeny.reports.json import load

        found: Phylogeny = load(path)
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result file; it is complete or absent."""
        from neural_phylogeny.reports.json import save

        save(self, path)

    @property
    def share_read(self) -> float:
        """The share of the weights that the answer rests on, from its provenance; 1 where that does not say."""
        found: Any = self.provenance
        for key in ("parameters", "sample", "read"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return float(found) if isinstance(found, int | float) and 0.0 < found < 1.0 else 1.0

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the compared models without a parent, missing ancestors left out; copies count as one."""
        children = {edge.child for edge in self.edges}
        copies = {name for group in self.copies for name in group[1:]}
        named = (model.name for model in self.models if model.family is not None)
        return tuple(name for name in named if name not in children | copies)

    def parent_of(self, name: str) -> str | None:
        """Name of the main parent of a model, a model or a missing ancestor; None for a root.

        Raises
        ------
        UnknownChoiceError
            When the result has no such model; so do the methods below.
        """
        name = self._representative(name)
        return next((edge.parent for edge in self.edges if edge.child == name), None)

    def children_of(self, name: str) -> tuple[str, ...]:
        """Names of the models that were made from a model."""
        name = self._representative(name)
        return tuple(edge.child for edge in self.edges if edge.parent == name)

    def ancestors_of(self, name: str) -> tuple[str, ...]:
        """Names of the main parent of a model, its main parent and so on up to the root."""
        found: list[str] = []
        above = self.parent_of(name)
        while above is not None and above not in found:
            found.append(above)
            above = next((edge.parent for edge in self.edges if edge.child == above), None)
        return tuple(found)

    def family_of(self, name: str) -> tuple[str, ...]:
        """Names of the models of a model's family, itself included; itself alone where it has none."""
        self._representative(name)
        family = next(model.family for model in self.models if model.name == name)
        return (name,) if family is None else tuple(model.name for model in self.models if model.family == family)

    def explain(self, name: str) -> Explanation:
        """The claims about a model with the evidence for and against each."""
        from neural_phylogeny.reconstruction.explain import explain

        return explain(self, name)

    def _representative(self, name: str) -> str:
        """The first of the copies of a model, which the claims name."""
        known = [model.name for model in self.models]
        if name not in known:
            raise UnknownChoiceError("model", name, known)
        return next((group[0] for group in self.copies if name in group), name)

    def to_networkx(self, *, pairs: bool = False) -> nx.DiGraph[str]:
        """The directed claims as a networkx graph, parent to child, that every writer of networkx can write.

        ``pairs`` adds each related pair without a direction as two edges of kind ``"related"``, one each way.
        """
        from neural_phylogeny.reports.graph import to_networkx

        return to_networkx(self, pairs=pairs)

    def to_frame(self, of: Table = "edges") -> pd.DataFrame:
        """A table of the result as a pandas data frame: one row an edge, a related pair or a model.

        Raises MissingExtraError when pandas is not installed, UnknownChoiceError when there is no such table.
        """
        from neural_phylogeny.reports.frame import to_frame

        return to_frame(self, of)

    def to_json(self) -> str:
        """The result file, see ``docs/result-file.md``."""
        from neural_phylogeny.reports.json import to_json

        return to_json(self)

    def to_newick(self) -> str:
        """One Newick tree per family, a line each."""
        from neural_phylogeny.reports.newick import to_newick

        return to_newick(self)

    def to_text(self, *, evidence: bool = False) -> str:
        """The tree as plain text, as ``nphylo tree`` prints it."""
        from neural_phylogeny.reports.text import to_text

        return to_text(self, evidence=evidence)

    def _repr_html_(self) -> str:
        """A view for notebooks that folds."""
        from neural_phylogeny.reports.html import to_html

        return to_html(self)
