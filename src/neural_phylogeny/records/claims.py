"""What is claimed of models: evidence, edges, related pairs, groups that stay undecided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "merge",
    "adapter",
    "grown",
    "pruned",
    "quantized",
    "cast",
    "copy",
    "converted",
    "permuted",
    "rescaled",
    "rotated",
    "noised",
    "later-checkpoint",
    "finetune",
    "unknown",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Kinds of relation that a claim can have; documented in ``docs/glossary.md``."""

Favours = Literal["related", "unrelated", "parent", "no parent", "neither"]
FAVOURS: tuple[Favours, ...] = get_args(Favours)
"""What a piece of evidence can support; see ``Evidence``."""

UndecidedReason = Literal["common initialisation", "common initialisation or missing ancestor"]
UNDECIDED_REASONS: tuple[UndecidedReason, ...] = get_args(UndecidedReason)
"""Why no descent is claimed of models with common weights."""


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

    Examples
    --------
    >>> first = answer.edges[0].evidence[0]
    >>> first.feature, first.favours, first.strength
    ('unit-matching', 'related', 1.0)
    """

    feature: str
    value: float
    favours: Favours
    strength: float
    statement: str
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One model of a result.

    Attributes
    ----------
    name : str
        Its name in all claims: the path below the folder that holds all models, or the key of a mapping.
    path : str
        The file or folder; empty for a model in memory.
    format : str
        How it is stored, such as ``"safetensors"``.
    parameters : int
        Number of its weights, buffers left out.
    family : int, optional
        Equal numbers mean one family; None for a model that could not be compared or is undecided.
    remark : str
        Why it could not be judged, or what of it was left out; empty where all is well.
    compared : float, optional
        Share of its parameters that was compared with those of a relative, or without a relative of any other model;
        None in result files of older versions.
    p_root : float, optional
        Probability that none of the models is its parent, over all forests of its family; None for copies, for a model
        without a relative and for methods that do not compute it.
    rootstrap : float, optional
        Of a root of several models, where support was asked for: the share of resamples of the matrices in which it is
        a root too.
    sha256 : str
        SHA-256 of its file, 64 hexadecimal digits, as ``sha256sum`` prints it; of a model in several files that of the
        lines ``sha256sum`` prints, in the order of their names. Empty unless ``hashes`` was requested.
    copy_kind : Kind, optional
        Of all copies of a model but the first, ``"copy"`` (bit for bit, in whatever container) or ``"converted"``
        (under other names, in another layout or type); None for all others.

    Examples
    --------
    >>> first = answer.models[0]
    >>> first.name, first.format, first.parameters, first.family
    ('avocet.safetensors', 'safetensors', 7770, 0)
    """

    name: str
    path: str
    format: str
    parameters: int
    family: int | None
    remark: str = ""
    compared: float | None = None
    sha256: str = ""
    p_root: float | None = None
    rootstrap: float | None = None
    copy_kind: Kind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredibleRoots:
    """The models of a family among which its root lies, as far as the weights show: a 95 % credible set.

    Attributes
    ----------
    family : int
        As in ``ModelRecord.family``.
    models : tuple of str
        The fewest whose probabilities add up to 0.95, the most probable first.
    probabilities : tuple of float
        Probability of each to be the root, given that one of the family's models is.

    Examples
    --------
    >>> found = CredibleRoots(family=0, models=("base.pt", "tuned.pt"), probabilities=(0.71, 0.24))
    >>> found.models[0]
    'base.pt'
    """

    family: int
    models: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """How far a layer moved from one model to another: ``‖child − parent‖ / ‖parent‖`` over its compared weights.

    ``layer`` is what the child calls it: a module, or a block of modules in deep networks.

    Examples
    --------
    >>> LayerChange(layer="encoder.layer.3", change=0.02).change
    0.02
    """

    layer: str
    change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityTable:
    """Cosines of the compared matrices of all pairs of one family.

    ``cosines`` holds the lower triangle without the diagonal, row by row: the pair (i, j) of ``models``, j < i, is at
    ``i (i - 1) / 2 + j``. None where the two could not be compared. Rounded to three digits.

    Examples
    --------
    >>> table = SimilarityTable(models=("a", "b", "c"), cosines=(0.9, 0.8, 0.95))
    >>> table.of(2, 1), table.of(1, 2), table.of(1, 1)
    (0.95, 0.95, 1.0)
    """

    models: tuple[str, ...]
    cosines: tuple[float | None, ...]

    def of(self, i: int, j: int) -> float | None:
        """The cosine of two models by their positions in ``models``.

        Examples
        --------
        >>> answer.similarities[0].of(0, 0)
        1.0
        """
        upper, lower = max(i, j), min(i, j)
        return 1.0 if i == j else self.cosines[upper * (upper - 1) // 2 + lower]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The numbers of a claim about two models. A number that is not known is None.

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
    """

    p_parent: float | None = None
    p_direction: float | None = None
    p_value: float | None = None
    similarity: float | None = None
    coverage: float | None = None

    @property
    def confidence(self) -> float | None:
        """``p_parent`` where it is known, else ``p_direction``."""
        return self.p_direction if self.p_parent is None else self.p_parent

    @property
    def is_weak(self) -> bool:
        """Whether the claim is less likely than not."""
        return self.confidence is not None and self.confidence < 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Measured):
    """``child`` was made from ``parent``.

    Attributes
    ----------
    parent, child : str
        Names of models; the parent may be a missing ancestor.
    kind : Kind
        How the child was made, the cheapest explanation of its weights; see ``docs/glossary.md``.
    also : tuple of Kind
        What holds besides: of a model that was pruned and trained on, ``("finetune",)``.
    support : float, optional
        Bootstrap support: the share of resamples of the matrices that recover the edge.
    concordance : float, optional
        Of the matrices that alone give the child a parent, the share that gives it this one.
    p_if_present : float, optional
        Probability that this model is the parent, given that the parent is among the models; None in families of two
        and for methods that do not compute it.
    part : str
        What the larger model calls what was compared, where that is less than half of its weights; else empty.
    evidence : tuple of Evidence
        The measurements, that of relatedness first.
    layers : tuple of LayerChange
        How far each layer moved, in the stored order; empty where the parent is missing and in older files.

    Examples
    --------
    >>> edge = answer.edges[0]
    >>> 0.0 <= edge.confidence <= 1.0, edge.kind, edge.support is None
    (True, 'finetune', True)
    """

    parent: str
    child: str
    kind: Kind
    also: tuple[Kind, ...] = ()
    support: float | None = None
    concordance: float | None = None
    p_if_present: float | None = None
    part: str = ""
    evidence: tuple[Evidence, ...] = ()
    layers: tuple[LayerChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedPair:
    """``a`` and ``b`` are related, but the weights do not show which came first. Numbers as those of an ``Edge``.

    ``kind`` and ``also`` are those of ``b`` as made from ``a``, where the weights show that; ``layers`` are the changes
    from ``a`` to ``b``.

    Examples
    --------
    >>> pair = RelatedPair(a="left.pt", b="right.pt", p_value=2e-9, similarity=0.93)
    >>> pair.a, pair.b, pair.coverage is None
    ('left.pt', 'right.pt', True)
    """

    a: str
    b: str
    kind: Kind = "unknown"
    also: tuple[Kind, ...] = ()
    p_value: float | None = None
    similarity: float | None = None
    coverage: float | None = None
    part: str = ""
    evidence: tuple[Evidence, ...] = ()
    layers: tuple[LayerChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedComponent:
    """``a`` and ``b`` have a component in common, such as a frozen helper or a vision tower; no descent.

    Attributes
    ----------
    component, component_in_b : str
        What ``a`` and ``b`` call it: the common prefix of its tensors, empty where they have none.
    contained : bool
        Whether ``a`` is nothing but the component: ``b`` contains it.
    changed : bool
        Whether it was trained on in one of the two: related, and not the same. Most of the other weights of one of
        them are those of a third model here.
    p_value : float, optional
        p-value of the relatedness test on everything but the component; None where nothing else could be compared.
    share_of_a, share_of_b : float
        Share of either's weights that the component is.

    Examples
    --------
    >>> shared = SharedComponent(
    ...     a="one.pt", b="two.pt", component="helper.", component_in_b="helper.", share_of_a=0.3, share_of_b=0.2)
    >>> shared.component, shared.contained
    ('helper.', False)
    """

    a: str
    b: str
    component: str
    component_in_b: str
    contained: bool = False
    changed: bool = False
    p_value: float | None = None
    share_of_a: float
    share_of_b: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """The evidence of a claim by which way it points, the strongest first.

    ``neutral`` is evidence that does not decide.

    Examples
    --------
    >>> answer.explain("heron.safetensors").claims[0].reasons.supporting[0].feature
    'unit-matching'
    """

    supporting: tuple[Evidence, ...] = ()
    opposing: tuple[Evidence, ...] = ()
    neutral: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingAncestor:
    """An ancestor that must have existed but is not in the collection; edges name it as a parent.

    It is a model, or the initialisation that its children share: the weights do not always show which.

    Examples
    --------
    >>> answer.missing
    ()
    """

    name: str
    family: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UndecidedGroup:
    """Models with common weights of which no descent is claimed: they share an initialisation, or perhaps an ancestor.

    Members that are related to no other model by descent have no family. ``draw`` says in words how and under which
    seed the initialisation was drawn; it is empty where that is not known.

    Examples
    --------
    >>> group = UndecidedGroup(models=("a.pt", "b.pt"), reason="common initialisation")
    >>> group.models
    ('a.pt', 'b.pt')
    """

    models: tuple[str, ...]
    reason: UndecidedReason
    draw: str = ""
