"""The frozen records that cross rooms: plain data, no behaviour beyond small derived values.

``Phylogeny`` offers ``to_*`` conveniences; they import ``reports`` inside the method, the one listed
exception to the rule that rooms only know the rooms before them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.inputs import Fold as Fold
from neural_phylogeny.inputs import ModelRef as ModelRef
from neural_phylogeny.inputs import Part as Part
from neural_phylogeny.inputs import Skipped as Skipped
from neural_phylogeny.inputs import TensorInfo as TensorInfo
from neural_phylogeny.inputs import Unread as Unread
from neural_phylogeny.inputs import View as View

if TYPE_CHECKING:
    import networkx as nx

Kind = Literal["merge", "pruned", "cast", "quantized", "shrunk", "finetune", "unknown"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Kinds of relation that an edge can claim, the most specific first; documented in ``docs/result-file.md``."""

Favours = Literal["related", "unrelated", "parent", "no parent", "neither"]
FAVOURS: tuple[Favours, ...] = get_args(Favours)
"""What a piece of evidence can support; see ``Evidence``."""

Verdict = Literal["parent", "child", "related", "unrelated", "copies", "not enough in common", "not comparable"]
"""What a comparison of two models found; ``"not enough in common"``: too small a share could be compared."""

UndecidedReason = Literal["common initialisation", "common initialisation or missing ancestor"]
UNDECIDED_REASONS: tuple[UndecidedReason, ...] = get_args(UndecidedReason)
"""Why no descent is claimed of models with common weights."""

Relation = Literal["child", "related", "child of a missing ancestor"]
"""What an explained model is to the other model of a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One measurement that supports or opposes a claim.

    Attributes
    ----------
    feature : str
        What was measured, a short stable identifier such as ``"kurtosis"``.
    value : float
        The measured number, in the feature's own unit.
    favours : Favours
        ``"related"`` or ``"unrelated"``; ``"parent"``: ``model`` is the parent; ``"no parent"``: no model of the
        collection is; ``"neither"``: the measurement does not decide.
    strength : float
        From 0 (says nothing) to 1 (certain).
    statement : str
        The measurement in plain words.
    model : str, optional
        Name of the favoured parent; None unless ``favours`` is ``"parent"``.
    """

    feature: str
    value: float
    favours: Favours
    strength: float
    statement: str
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One model of a result. Equal ``family`` means related; None: it could not be compared or is undecided."""

    name: str
    path: str
    format: str
    parameters: int
    family: int | None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """``child`` was made from ``parent``. A number that is not known is None.

    Attributes
    ----------
    p_parent : float, optional
        Probability that this model is the parent, against every other model of the collection and none of them.
    p_direction : float, optional
        Probability of this direction, given that one of the two models was made from the other.
    p_value : float, optional
        p-value of the relatedness test of the pair, not corrected for the number of pairs; None where no test was
        needed because a layer is identical.
    similarity, coverage : float, optional
        Cosine of the compared matrices; share of the larger model's parameters that were compared.
    support : float, optional
        Bootstrap support: the share of resamples of the matrices that recover the edge.
    """

    parent: str
    child: str
    kind: Kind
    p_parent: float | None = None
    p_direction: float | None = None
    p_value: float | None = None
    similarity: float | None = None
    coverage: float | None = None
    support: float | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def confidence(self) -> float | None:
        """``p_parent`` where it is known, else ``p_direction``."""
        return self.p_direction if self.p_parent is None else self.p_parent


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedPair:
    """``a`` and ``b`` are related, but the weights do not show which came first. Numbers as those of an ``Edge``."""

    a: str
    b: str
    p_value: float | None = None
    similarity: float | None = None
    coverage: float | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorComparison:
    """One tensor of two models side by side; ``coverage`` is the share of the larger one that was compared.

    ``cosine`` is None where the tensor has no direction (all zero) or no finite values.
    """

    name: str
    name_in_b: str
    role: str
    cosine: float | None
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """The evidence of a claim by which way it points, the strongest first."""

    supporting: tuple[Evidence, ...] = ()
    opposing: tuple[Evidence, ...] = ()
    neutral: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The result of comparing two models. A number that is not known is None.

    Attributes
    ----------
    verdict : Verdict
        ``"parent"``: a is the parent of b; ``"child"``: b is the parent of a; ``"related"``: the direction is
        undecided.
    p_parent, p_direction, p_value, similarity, coverage : float, optional
        As those of an ``Edge``; the first two only where the verdict is ``"parent"`` or ``"child"``.
    share_read : float
        Share of the compared weights that was read; below 1, copies are equal in all that was read.
    reasons : Reasons
        The evidence sorted by what it says of the verdict.
    what_would_change : tuple of str
        Sentences: what would change the verdict.
    """

    a: ModelRecord
    b: ModelRecord
    verdict: Verdict
    p_parent: float | None = None
    p_direction: float | None = None
    p_value: float | None = None
    similarity: float | None = None
    coverage: float | None = None
    share_read: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    reasons: Reasons = Reasons()
    what_would_change: tuple[str, ...] = ()
    tensors: tuple[TensorComparison, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def confidence(self) -> float | None:
        """``p_parent`` where it is known, else ``p_direction``."""
        return self.p_direction if self.p_parent is None else self.p_parent


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingAncestor:
    """An ancestor that must have existed but is not in the collection; edges name it as a parent."""

    name: str
    family: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedGroup:
    """Models with common weights of which no descent is claimed: they share an initialisation, or perhaps an ancestor.

    Members that are related to no other model by descent have no family.
    """

    models: tuple[str, ...]
    reason: UndecidedReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedClaim:
    """One claim about a model and its reasons.

    ``relation`` is what the model is to ``other``; the numbers are those of the ``Edge`` or ``RelatedPair``;
    ``what_would_change`` are sentences.
    """

    relation: Relation
    other: str
    p_parent: float | None = None
    p_direction: float | None = None
    p_value: float | None = None
    similarity: float | None = None
    coverage: float | None = None
    support: float | None = None
    reasons: Reasons = Reasons()
    what_would_change: tuple[str, ...] = ()

    @property
    def confidence(self) -> float | None:
        """``p_parent`` where it is known, else ``p_direction``."""
        return self.p_direction if self.p_parent is None else self.p_parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Every claim about one model with its reasons, what cannot be known, and which models were made from it.

    ``representative`` is the model that the claims name: the first of its copies, in most cases the model itself.
    ``warnings`` are sentences; ``children`` are names.
    """

    model: ModelRecord
    representative: str
    claims: tuple[ExplainedClaim, ...] = ()
    warnings: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Phylogeny:
    """The answer: which models descend from which, how sure, and why.

    ``edges`` holds directed claims only, the main parent first; ``copies`` groups models whose weights are all
    equal, of which the first stands in ``edges`` and the others do not.
    """

    models: tuple[ModelRecord, ...] = ()
    edges: tuple[Edge, ...] = ()
    undirected: tuple[RelatedPair, ...] = ()
    missing: tuple[MissingAncestor, ...] = ()
    undecided: tuple[UndecidedGroup, ...] = ()
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
        from neural_phylogeny.reports.explanation import explain

        return explain(self, name)

    def _representative(self, name: str) -> str:
        """The first of the copies of a model, which the claims name."""
        known = [model.name for model in self.models]
        if name not in known:
            raise UnknownChoiceError("model", name, known)
        return next((group[0] for group in self.copies if name in group), name)

    @property
    def graph(self) -> nx.DiGraph[str]:
        """The directed claims as a networkx graph; nodes and edges carry the records' fields."""
        from neural_phylogeny.reports.graph import to_networkx

        return to_networkx(self)

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
        from neural_phylogeny.reports.text import to_html

        return to_html(self)
