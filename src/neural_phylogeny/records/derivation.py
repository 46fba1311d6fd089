"""Whether one model was derived from another, and whether what a model says of itself is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from neural_phylogeny.records.claims import Evidence

DerivationVerdict = Literal["derived", "not derived", "undetermined"]
DERIVATION_VERDICTS: tuple[DerivationVerdict, ...] = get_args(DerivationVerdict)
"""Answers to "was this model derived from that one?"."""

ClaimVerdict = Literal["confirmed", "contradicted", "unproven"]
CLAIM_VERDICTS: tuple[ClaimVerdict, ...] = get_args(ClaimVerdict)
"""What the weights say of a declared parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """Whether ``child`` was derived from ``parent``, in one step or several.

    Attributes
    ----------
    child, parent : str
        Names of models.
    verdict : DerivationVerdict
        ``"not derived"`` is claimed only where the weights exclude it at the required level.
    probability : float, optional
        Posterior of the descent: the product of ``p_parent`` along the path; None where no path was found.
    p_value : float, optional
        p-value of the relatedness test of the two; None where a layer is identical or nothing could be compared.
    p_direction : float, optional
        Least probability of the direction along the path.
    kinds : tuple of str
        Kind of each step from the parent to the child; ``("copy",)`` where all compared weights are equal.
    path : tuple of str
        Names from the parent to the child; empty where no path was found.
    exact : bool
        Whether arithmetic proves every step: a layer is identical, or the kind is one that training does not give.
    nearest : str, optional
        The parent that the weights name instead, a model or a missing ancestor.
    reasons : tuple of str
        Sentences, the decisive one first.
    evidence : tuple of Evidence
        The measurements on the steps of the path.
    """

    child: str
    parent: str
    verdict: DerivationVerdict
    probability: float | None = None
    p_value: float | None = None
    p_direction: float | None = None
    kinds: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    exact: bool = False
    nearest: str | None = None
    reasons: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a model, or a list of claims, says of a parent.

    Attributes
    ----------
    model : str
        Name or path of the model that the claim is about.
    parent : str
        The parent as it is written, such as ``"org/name"``.
    relation : str
        The relation as it is written, such as ``"finetune"``; empty where none is.
    source : str
        Where it is written: a file and a key.
    """

    model: str
    parent: str
    relation: str = ""
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedClaim:
    """A declared parent and what the weights say of it.

    Attributes
    ----------
    declared : Declared
        The claim; it never raises a verdict.
    verdict : ClaimVerdict
        ``"unproven"``: the parent is not at hand, or the weights do not decide.
    found : str, optional
        The model at hand that the claim was taken to mean.
    derivation : Derivation, optional
        What the weights say; None where the parent is not at hand.
    agrees : bool, optional
        Whether the kind of edge fits the declared relation; None where there is nothing to compare.
    reason : str
        A sentence; of a contradicted claim it names the nearest relative.
    """

    declared: Declared
    verdict: ClaimVerdict
    found: str | None = None
    derivation: Derivation | None = None
    agrees: bool | None = None
    reason: str = ""
