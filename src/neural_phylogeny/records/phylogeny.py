"""The answer for a collection. Its methods import what renders and explains it when they are called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records.claims import (
    CredibleRoots,
    Edge,
    MissingAncestor,
    ModelRecord,
    RelatedPair,
    SharedComponent,
    SimilarityTable,
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
    """The answer for a collection: which models descend from which, with which probability, and why.

    Printed, it is the tree as text; in a notebook, a drawing with the numbers below it, folded.

    Attributes
    ----------
    models : tuple of ModelRecord
        All models that were opened, in the order in which they were given.
    edges : tuple of Edge
        Directed claims. A model has one parent, a merged model several, its main parent first.
    undirected : tuple of RelatedPair
        Related models whose direction is not determined.
    missing : tuple of MissingAncestor
        Common parents that are not in the collection; edges name them as parents.
    undecided : tuple of UndecidedGroup
        Models that share an initialisation, or perhaps a missing ancestor.
    components : tuple of SharedComponent
        Models that have a component in common, such as a frozen helper or a vision tower; no descent.
    copies : tuple of tuple of str
        Names of models whose compared weights are all equal. Claims name the first of them only.
    credible_roots : tuple of CredibleRoots
        By family those among which its root lies; none where it is missing or a method has no posterior.
    similarities : tuple of SimilarityTable
        Cosines of all pairs of each family of up to 2,000 models; empty in older files.
    skipped : tuple of Skipped
        Paths that were looked at and left out, with the reason.
    provenance : mapping
        Software, parameters, environment and notes, as in the result file.

    Examples
    --------
    >>> from neural_phylogeny import demo, reconstruct
    >>> answer = reconstruct(demo.folder())
    >>> answer
    <Phylogeny: 14 models, 2 families, 12 edges>
    >>> answer.roots
    ('dunlin.safetensors', 'egret.safetensors')
    >>> {edge.child for edge in answer.edges if edge.parent == "kestrel.safetensors"} == {
    ...     "avocet.safetensors", "osprey.safetensors"}
    True
    """

    models: tuple[ModelRecord, ...] = ()
    edges: tuple[Edge, ...] = ()
    undirected: tuple[RelatedPair, ...] = ()
    missing: tuple[MissingAncestor, ...] = ()
    undecided: tuple[UndecidedGroup, ...] = ()
    components: tuple[SharedComponent, ...] = ()
    copies: tuple[tuple[str, ...], ...] = ()
    credible_roots: tuple[CredibleRoots, ...] = ()
    similarities: tuple[SimilarityTable, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        from neural_phylogeny.reports.families import summary

        return f"<Phylogeny: {summary(self)}>"

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Phylogeny:
        """Read a result file, of this version or an older one. Linear in its size.

        Raises
        ------
        SavedFileError
            When the file cannot be read or is not a result file.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     answer.save(f"{folder}/result.json")
        ...     Phylogeny.load(f"{folder}/result.json") == answer
        True
        """
        from neural_phylogeny.reports.json import load

        found: Phylogeny = load(path)
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result file of ``docs/result-file.md``; it is complete or absent.

        Raises
        ------
        OSError
            When the system refuses to write.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     answer.save(f"{folder}/result.json")
        """
        from neural_phylogeny.reports.json import save

        save(self, path)

    @property
    def share_read(self) -> float:
        """The share of the weights that the answer rests on, from its provenance; 1 where that does not say.

        Examples
        --------
        >>> answer.share_read
        1.0
        """
        found: Any = self.provenance
        for key in ("parameters", "sample", "read"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return float(found) if isinstance(found, int | float) and 0.0 < found < 1.0 else 1.0

    @property
    def prior(self) -> str:
        """Whether parents were taken to be present: ``likely``, ``unknown`` or ``unlikely``; empty in older files.

        Examples
        --------
        >>> answer.prior
        'unknown'
        """
        parameters = self.provenance.get("parameters")
        return str(parameters.get("prior", "")) if isinstance(parameters, Mapping) else ""

    @property
    def roots(self) -> tuple[str, ...]:
        """Names of the compared models without a parent, missing ancestors left out; copies count as one.

        Models that are related to no other are roots too. Undecided models and those not compared are not.

        Examples
        --------
        >>> answer.roots
        ('dunlin.safetensors', 'egret.safetensors')
        """
        children = {edge.child for edge in self.edges}
        copies = {name for group in self.copies for name in group[1:]}
        named = (model.name for model in self.models if model.family is not None)
        return tuple(name for name in named if name not in children | copies)

    def parent_of(self, name: str) -> str | None:
        """Name of the main parent of a model, a model or a missing ancestor; None for a root.

        Raises
        ------
        UnknownChoiceError
            When the result has no such model; the message has the nearest names. So do the methods below.

        Examples
        --------
        >>> answer.parent_of("heron.safetensors")
        'godwit.safetensors'
        >>> answer.parent_of("dunlin.safetensors") is None
        True
        """
        name = self._representative(name)
        return next((edge.parent for edge in self.edges if edge.child == name), None)

    def children_of(self, name: str) -> tuple[str, ...]:
        """Names of the models that were made from a model or a missing ancestor.

        Examples
        --------
        >>> answer.children_of("godwit.safetensors")
        ('heron.safetensors',)
        """
        name = self._representative(name)
        return tuple(edge.child for edge in self.edges if edge.parent == name)

    def ancestors_of(self, name: str) -> tuple[str, ...]:
        """Names of the main parent of a model, its main parent and so on up to the root.

        Examples
        --------
        >>> answer.ancestors_of("heron.safetensors")
        ('godwit.safetensors', 'dunlin.safetensors')
        """
        found: list[str] = []
        above = self.parent_of(name)
        while above is not None and above not in found:
            found.append(above)
            above = next((edge.parent for edge in self.edges if edge.child == above), None)
        return tuple(found)

    def family_of(self, name: str) -> tuple[str, ...]:
        """Names of the models of a model's family, itself included; itself alone where it has none.

        Examples
        --------
        >>> len(answer.family_of("heron.safetensors"))
        8
        """
        self._representative(name)
        families = {model.name: model.family for model in self.models}
        family = families[name] if name in families else next(a.family for a in self.missing if a.name == name)
        return (name,) if family is None else tuple(model.name for model in self.models if model.family == family)

    def explain(self, name: str) -> Explanation:
        """The claims about a model or missing ancestor, with the evidence for and against and what would change each.

        Near-linear in the size of the result.

        Raises
        ------
        UnknownChoiceError
            When the result has neither such a model nor such an ancestor.

        Examples
        --------
        >>> found = answer.explain("heron.safetensors")
        >>> [(claim.relation, claim.other) for claim in found.claims]
        [('child', 'godwit.safetensors')]
        """
        from neural_phylogeny.reconstruction.explain import explain

        return explain(self, name)

    def _representative(self, name: str) -> str:
        """The first of the copies of a model, which the claims name."""
        known = [model.name for model in self.models]
        if name not in known and name not in {ancestor.name for ancestor in self.missing}:
            raise UnknownChoiceError("model", name, known)
        return next((group[0] for group in self.copies if name in group), name)

    def to_networkx(self, *, pairs: bool = False) -> nx.DiGraph[str]:
        """The directed claims as a networkx graph, parent to child, that every writer of networkx can write.

        Nodes are named as the models, with characters that cannot be printed escaped. All attributes are scalar; what
        is not known has none. Nodes have ``missing``, ``copy_of`` and the fields of a ``ModelRecord``, edges ``kind``,
        ``part`` and the numbers of an ``Edge``. Evidence is left out. Linear in the size of the
        result.

        Parameters
        ----------
        pairs : bool
            Add each related pair without a direction as two edges of kind ``"related"``, one each way.

        Examples
        --------
        >>> import io, networkx
        >>> graph = answer.to_networkx()
        >>> networkx.is_branching(graph), graph.edges["godwit.safetensors", "heron.safetensors"]["kind"]
        (True, 'finetune')
        >>> networkx.write_graphml(graph, io.BytesIO())
        """
        from neural_phylogeny.reports.graph import to_networkx

        return to_networkx(self, pairs=pairs)

    def to_frame(self, of: Table = "edges") -> pd.DataFrame:
        """A table of the result as a pandas data frame: one row an edge, a related pair or a model.

        Columns are the fields of ``Edge``, ``RelatedPair`` or ``ModelRecord`` without the evidence; what is not known
        is NaN or NA. Linear in the size of the result.

        Parameters
        ----------
        of : {"edges", "pairs", "models"}
            Which table.

        Raises
        ------
        MissingExtraError
            When pandas is not installed; it comes with ``pip install 'neural-phylogeny[pandas]'``.
        UnknownChoiceError
            When there is no such table.

        Examples
        --------
        >>> answer.to_frame().sort_values("confidence")[["parent", "child"]]  # doctest: +SKIP
        """
        from neural_phylogeny.reports.frame import to_frame

        return to_frame(self, of)

    def to_json(self) -> str:
        """The content of the result file, see ``docs/result-file.md``. Linear in the size of the result.

        Examples
        --------
        >>> import json
        >>> json.loads(answer.to_json())["format"]
        'neural-phylogeny'
        """
        from neural_phylogeny.reports.json import to_json

        return to_json(self)

    def save_html(self, path: str | os.PathLike[str]) -> None:
        """Write a report as one page that works offline; it is complete or absent. Near-linear in the result.

        The page has a summary for the record, the family tree to pan, fold and search, the evidence of every claim,
        the similarities and tables, in light and dark; it can be printed. Nothing in it comes from outside.

        Raises
        ------
        OSError
            When the system refuses to write.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     answer.save_html(f"{folder}/report.html")
        """
        from neural_phylogeny.reports.page import save_page

        save_page(self, path)

    def to_svg(self, *, colour: Literal["family", "kind"] = "family", theme: Literal["light", "dark"] = "light") -> str:
        """The family tree as an SVG picture. Near-linear in the size of the result.

        Parameters
        ----------
        colour : {"family", "kind"}
            What the colours mean.
        theme : {"light", "dark"}
            The ground.

        Examples
        --------
        >>> answer.to_svg().startswith("<svg")
        True
        """
        from neural_phylogeny.reports.svg import to_svg

        return to_svg(self, colour=colour, theme=theme)

    def to_newick(self) -> str:
        """One Newick tree per family, a line each; see ``docs/result-file.md``. Linear in the size of the result.

        Examples
        --------
        >>> len(answer.to_newick().splitlines())
        2
        """
        from neural_phylogeny.reports.newick import to_newick

        return to_newick(self)

    def to_text(self, *, evidence: bool = False) -> str:
        """The tree as plain text, as ``nphylo tree`` prints it. Near-linear in the size of the result.

        Parameters
        ----------
        evidence : bool
            List the evidence under each edge.

        Examples
        --------
        >>> answer.to_text().splitlines()[0]
        '14 models, 2 families, 12 edges'
        """
        from neural_phylogeny.reports.text import to_text

        return to_text(self, evidence=evidence)

    def _repr_html_(self) -> str:
        """The family tree as a drawing, and the numbers below it, folded."""
        from neural_phylogeny.reports.notebook import to_notebook

        return to_notebook(self)
