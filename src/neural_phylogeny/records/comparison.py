"""Two models side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records.claims import Evidence, Measured, ModelRecord, Reasons

Verdict = Literal["parent", "child", "related", "unrelated", "copies", "not enough in common", "not comparable"]
"""What a comparison of two models found; ``"not enough in common"``: too small a share could be compared."""


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
class Comparison(Measured):
    """The result of comparing two models; ``p_parent`` and ``p_direction`` only where one is the parent.

    Attributes
    ----------
    verdict : Verdict
        ``"parent"``: a is the parent of b; ``"child"``: b is the parent of a; ``"related"``: the direction is
        undecided.
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
    share_read: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    reasons: Reasons = field(default_factory=Reasons)
    what_would_change: tuple[str, ...] = ()
    tensors: tuple[TensorComparison, ...] = ()
    skipped: tuple[Skipped, ...] = ()
