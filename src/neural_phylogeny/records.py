"""The frozen records that cross rooms: plain data, no behaviour beyond small derived values.

``Phylogeny`` offers ``to_*`` conveniences; they import ``reports`` inside the method, the one listed
exception to the rule that rooms only know the rooms before them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import networkx as nx

Kind = Literal["merge", "finetune", "unknown"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Kinds of relation that an edge can claim, the most specific first; documented in ``docs/result-file.md``."""

Favours = Literal["related", "unrelated", "parent", "no parent", "neither"]
FAVOURS: tuple[Favours, ...] = get_args(Favours)
"""What a piece of evidence can support; see ``Evidence``."""

Verdict = Literal["parent", "child", "related", "unrelated", "copies", "not comparable"]
"""What a comparison of two models found."""

Relation = Literal["child", "related", "child of a missing ancestor"]
"""What an explained model is to the other model of a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """What a checkpoint says of one tensor before any of its values are read.

    ``dtype`` is the NumPy or ml_dtypes name of the values that ``read`` returns, and ``output_axis`` the axis
    of the output units: 0 in PyTorch and ONNX convolutions, -1 in Keras. ``codes`` is the scheme of codes that the
    values are stored as, such as ``"gptq"``, and ``code_bits`` the bits of a code; empty and 0 for plain numbers.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    output_axis: int = 0
    codes: str = ""
    code_bits: int = 0

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Weights of a checkpoint that cannot be compared: codes that the file does not say how to read.

    ``tensors`` are the names of the stored tensors, ``weights`` how many weights they stand for (an estimate where the
    bits of a code are not known), ``reason`` says why, without a full stop.
    """

    tensors: tuple[str, ...]
    weights: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One weight file of a model; its tensors are named ``prefix + name``.

    Where ``tensor`` is given, the file holds one tensor only, and ``tensor`` is what the model calls it.
    """

    file: str
    prefix: str = ""
    tensor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """One model that a source found: where it lies, not what is in it.

    ``path`` is the file or folder as given or as found by the walk; ``parts`` the weight files behind it. ``found_in``
    is the folder or pattern in which the model was found, empty where it was named itself; ``index`` the shard index.
    """

    name: str
    path: str
    parts: tuple[Part, ...]
    component: str | None = None
    found_in: str = ""
    index: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A path that was looked at and left out, with the reason as a sentence.

    ``is_model`` is False for what is certainly no further model: training states, data, a second copy of a model.
    """

    path: str
    reason: str
    is_model: bool = True


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
    """One model of a result. Equal ``family`` means related; None means that the model could not be compared."""

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
    copies: tuple[tuple[str, ...], ...] = ()
    skipped: tuple[Skipped, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

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
