"""The frozen records that cross rooms: plain data, no behaviour beyond small derived values.

``Phylogeny`` offers ``to_*`` conveniences; they import ``reports`` inside the method, the one listed
exception to the rule that rooms only know the rooms before them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx as nx

KINDS = ("merge", "finetune", "unknown")
"""Kinds of relation an edge can claim, most specific first; documented in ``docs/result-file.md``."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Unread:
    """Weights of a checkpoint that cannot be compared: codes that the file does not say how to read.

    ``tensors`` are the names of the stored tensors, ``weights`` how many weights they stand for (an estimate where the
    bits of a code are not known), ``reason`` says why, without a full stop.
    """

    tensors: tuple[str, ...]
    weights: int
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """One weight file of a model; its tensors are named ``prefix + name``.

    Where ``tensor`` is given, the file holds one tensor only, and ``tensor`` is what the model calls it.
    """

    file: str
    prefix: str = ""
    tensor: str = ""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Skipped:
    """A path that was looked at and left out, with the reason as a sentence.

    ``is_model`` is False for what is certainly no further model: training states, data, a second copy of a model.
    """

    path: str
    reason: str
    is_model: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measurement that speaks for or against a claim.

    Attributes
    ----------
    witness : str
        What was measured, a short stable identifier such as ``"aligned-cosine"``.
    value : float
        The measured number; its unit is the witness's own.
    favours : str
        Which way it points: a model's name as parent, ``"kin"``, ``"strangers"`` or ``"neither"``.
    strength : float
        How strongly, from 0 (says nothing) to 1 (certain).
    statement : str
        The same in plain words.
    """

    witness: str
    value: float
    favours: str
    strength: float
    statement: str


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One model of a result. Equal ``family`` means related; None means it could not be compared."""

    name: str
    path: str
    format: str
    parameters: int
    family: int | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """``child`` was made from ``parent``.

    Attributes
    ----------
    confidence : float
        Probability that this and nobody else, here or missing, is the parent; by methods that do not know it, that of
        the direction.
    similarity, coverage : float
        Cosine of the compared matrices; share of the larger model's parameters that were compared.
    kinship : float
        One less the chance that unrelated models match so well.
    direction : float
        Probability of this direction, given that one of the two was made from the other; NaN where that is the
        confidence.
    support : float
        Share of draws of the matrices, with replacement, in which the edge is found again; NaN where none were drawn.
    """

    parent: str
    child: str
    kind: str
    confidence: float
    similarity: float
    coverage: float
    evidence: tuple[Evidence, ...] = ()
    kinship: float = math.nan
    direction: float = math.nan
    support: float = math.nan


@dataclass(frozen=True, slots=True)
class Kinship:
    """``a`` and ``b`` are related, but the weights do not say who came first.

    ``confidence`` is one less the chance that unrelated models match so well.
    """

    a: str
    b: str
    confidence: float
    similarity: float
    coverage: float
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class TensorComparison:
    """One tensor of two models side by side; ``coverage`` is the share of the larger one that was compared."""

    name: str
    name_in_b: str
    role: str
    cosine: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """The evidence of a claim by which way it points, the strongest first."""

    supporting: tuple[Evidence, ...] = ()
    opposing: tuple[Evidence, ...] = ()
    neutral: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is known of two models.

    ``verdict`` is one of ``parent`` (a is the parent of b), ``child``, ``related`` (direction undecided),
    ``unrelated``, ``copies``, ``not comparable``; ``confidence`` is, for the first two, the probability that it is so
    and that the two are not siblings, else that of the kinship. ``kinship`` and ``direction`` are those of an ``Edge``.
    ``reasons`` is the evidence sorted; ``what_would_change`` are sentences.
    ``share_read`` is the share of the compared weights that was read: below 1, copies are equal in all that was read,
    and how sure that makes them copies is not known (NaN).
    """

    a: ModelRecord
    b: ModelRecord
    verdict: str
    confidence: float
    similarity: float
    coverage: float
    evidence: tuple[Evidence, ...] = ()
    tensors: tuple[TensorComparison, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    kinship: float = math.nan
    direction: float = math.nan
    share_read: float = 1.0
    reasons: Reasons = Reasons()
    what_would_change: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hidden:
    """An ancestor that must have existed but is not in the collection."""

    name: str
    family: int


@dataclass(frozen=True, slots=True)
class ExplainedClaim:
    """One claim on a model, and why.

    ``relation`` says what the model is to ``other``: one of ``child``, ``related``, ``child of a hidden ancestor``.
    The probabilities are those of the ``Edge`` or ``Kinship``; ``what_would_change`` are sentences.
    """

    relation: str
    other: str
    confidence: float
    kinship: float
    direction: float
    support: float
    similarity: float
    coverage: float
    reasons: Reasons
    what_would_change: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one model stands where it does: every claim on it, what cannot be known, and what was made from it.

    ``told_of`` is the model that the claims are told of: the first of its copies, mostly the model itself. ``warnings``
    are sentences; ``children`` names.
    """

    model: ModelRecord
    told_of: str
    claims: tuple[ExplainedClaim, ...] = ()
    warnings: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


@dataclass(frozen=True)
class Phylogeny:
    """The answer: which models descend from which, how sure, and why.

    ``edges`` holds directed claims only, the main parent first; ``copies`` groups models whose weights are all
    equal, of which the first stands in ``edges`` and the others do not.
    """

    models: tuple[ModelRecord, ...]
    edges: tuple[Edge, ...] = ()
    undirected: tuple[Kinship, ...] = ()
    hidden: tuple[Hidden, ...] = ()
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
