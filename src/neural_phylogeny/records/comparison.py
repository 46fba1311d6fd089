"""Two models side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records.claims import (
    Evidence,
    Kind,
    Measured,
    ModelRecord,
    Reasons,
    SharedComponent,
    UndecidedReason,
)

Verdict = Literal[
    "parent",
    "child",
    "related",
    "undecided",
    "shares a component",
    "unrelated",
    "copies",
    "not enough in common",
    "not comparable",
]
"""What a comparison of two models found; see ``Comparison``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorComparison:
    """One tensor of two models side by side; ``coverage`` is the share of the larger one that was compared.

    ``cosine`` is None where the tensor has no direction (all zero) or no finite values. ``matched_by`` is what pairs
    the two, ``"name"``, ``"role"``, ``"order"`` or ``"values"``; ``layout`` is how they are read where that is not as
    stored, such as ``"transposed"``.

    Examples
    --------
    >>> tensor = TensorComparison(name="fc.weight", name_in_b="head.weight", role="boundary", cosine=0.8, coverage=0.5)
    >>> tensor.matched_by
    'name'
    """

    name: str
    name_in_b: str
    role: str
    cosine: float | None
    coverage: float
    matched_by: str = "name"
    layout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedExplanation:
    """One way to describe the child's matrices given the parent's: its kind, and its price in bits a weight.

    Examples
    --------
    >>> cheapest = PricedExplanation(kind="quantized", bits=0.4, statement="the values lie on a grid of few levels")
    >>> cheapest.bits
    0.4
    """

    kind: str
    bits: float
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison(Measured):
    """The result of comparing two models; ``p_parent`` and ``p_direction`` only where one is the parent.

    Attributes
    ----------
    verdict : Verdict
        ``"parent"``: a is the parent of b. ``"child"``: b is the parent of a. ``"related"``: they are related, the
        direction is not determined. ``"undecided"``: they share an initialisation, or perhaps a missing ancestor, see
        ``undecided``. ``"shares a component"``: a part is the same in both, all else is unrelated, see ``component``.
        ``"unrelated"``. ``"copies"``: all compared weights are equal. ``"not enough in common"``: too
        small a share could be compared. ``"not comparable"``: too few finite matrices; the remarks on the models say
        why.
    undecided : UndecidedReason, optional
        Why no descent is claimed, where the verdict is ``"undecided"``.
    component : SharedComponent, optional
        The part that both hold, where the verdict is ``"shares a component"``.
    part : str
        What the larger model calls what was compared, where that is less than half of its weights; else empty.
    share_read : float
        Share of the compared weights that was read; below 1, copies are equal in all that was read.
    reasons : Reasons
        The evidence sorted by what it says of the verdict.
    what_would_change : tuple of str
        Sentences: what would change the verdict.
    tensors : tuple of TensorComparison
        The compared tensors, side by side.
    skipped : tuple of Skipped
        What was left out, with the reason.
    kind, also : Kind, tuple of Kind
        How the one was made from the other, and what holds besides; ``"unknown"`` where they are unrelated.
    explanations : tuple of PricedExplanation
        The cheapest explanations of one from the other, in bits a weight.
    matching : str
        How many tensors were matched by what, and read in which layouts; empty where all names agree.

    Examples
    --------
    >>> from neural_phylogeny import compare, demo
    >>> found = compare(demo.folder() / "godwit.safetensors", demo.folder() / "heron.safetensors")
    >>> found.verdict, 0.0 < found.similarity < 1.0, len(found.tensors)
    ('parent', True, 6)
    """

    a: ModelRecord
    b: ModelRecord
    verdict: Verdict
    undecided: UndecidedReason | None = None
    component: SharedComponent | None = None
    part: str = ""
    share_read: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    reasons: Reasons = field(default_factory=Reasons)
    what_would_change: tuple[str, ...] = ()
    tensors: tuple[TensorComparison, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    matching: str = ""
    kind: Kind = "unknown"
    also: tuple[Kind, ...] = ()
    explanations: tuple[PricedExplanation, ...] = ()

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        from neural_phylogeny.reports.comparison import verdict

        return f"<Comparison: {verdict(self)}>"

    def to_text(self) -> str:
        """The comparison as plain text, as ``nphylo compare`` prints it: of many tensors those that differ most.

        Examples
        --------
        >>> from neural_phylogeny import compare, demo
        >>> found = compare(demo.folder() / "godwit.safetensors", demo.folder() / "heron.safetensors")
        >>> found.to_text().split(" (")[0]
        'heron.safetensors was made from godwit.safetensors'
        """
        from neural_phylogeny.reports.comparison import render_comparison
        from neural_phylogeny.reports.text import plain

        return plain(render_comparison(self))

    def to_json(self) -> str:
        """The comparison as ``nphylo compare --format json`` prints it, see ``docs/result-file.md``.

        Examples
        --------
        >>> import json
        >>> from neural_phylogeny import compare, demo
        >>> found = compare(demo.folder() / "godwit.safetensors", demo.folder() / "heron.safetensors")
        >>> json.loads(found.to_json())["verdict"]
        'parent'
        """
        from neural_phylogeny.reports.json import comparison_to_json

        return comparison_to_json(self)

    def _repr_html_(self) -> str:
        """A view for notebooks that folds."""
        from neural_phylogeny.reports.html_pair import comparison_to_html

        return comparison_to_html(self)
