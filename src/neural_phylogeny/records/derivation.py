"""Whether one model was derived from another, and whether what a model says of itself is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

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

    Examples
    --------
    >>> from neural_phylogeny import demo, derived
    >>> birds = demo.folder()
    >>> one = derived(birds / "heron.safetensors", birds / "godwit.safetensors", among=birds).derivations[0]
    >>> one.verdict, one.kinds, one.path
    ('derived', ('finetune',), ('godwit.safetensors', 'heron.safetensors'))
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

    def __str__(self) -> str:
        from neural_phylogeny.reports.derivation import sentence

        return sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data, as in the JSON of ``nphylo derived``.

        Examples
        --------
        >>> Derivation(child="b.pt", parent="a.pt", verdict="undetermined").to_dict()["verdict"]
        'undetermined'
        """
        from neural_phylogeny.reports.json import as_dict

        return as_dict(self)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Derivations:
    """Whether a model was derived from one of some candidates, and from which.

    Attributes
    ----------
    child : str
        Name of the model.
    at_least : float
        Least probability of a descent that counts.
    derivations : tuple of Derivation
        A verdict for each candidate, in the order in which they were given.
    operating_point : mapping
        How often the question was answered wrongly on models of known descent, as measured and shipped.
    notes : tuple of str
        What limits the answer, a sentence each.

    Examples
    --------
    >>> from neural_phylogeny import demo, derived
    >>> birds = demo.folder()
    >>> found = derived(birds / "heron.safetensors", [birds / "egret.safetensors", birds / "godwit.safetensors"],
    ...                 among=birds)
    >>> found.verdict, found.which
    ('derived', ('godwit.safetensors',))
    """

    child: str
    at_least: float
    derivations: tuple[Derivation, ...]
    operating_point: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> DerivationVerdict:
        """Derived from one of the candidates, from none, or undetermined."""
        verdicts = {one.verdict for one in self.derivations}
        found: tuple[DerivationVerdict, ...] = ("derived", "undetermined")
        return next((verdict for verdict in found if verdict in verdicts), "not derived")

    @property
    def which(self) -> tuple[str, ...]:
        """Names of the candidates that the model was derived from, the nearest first."""
        derived = [one for one in self.derivations if one.verdict == "derived"]
        return tuple(one.parent for one in sorted(derived, key=lambda one: (len(one.path), -(one.probability or 1.0))))

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return f"<Derivations: {'; '.join(str(one) for one in self.derivations)}>"

    def to_text(self) -> str:
        """The verdicts with their reasons as plain text, as ``nphylo derived`` prints them."""
        from neural_phylogeny.reports.derivation import render_derivations
        from neural_phylogeny.reports.text import plain

        return plain(render_derivations(self))

    def to_json(self) -> str:
        """The verdicts as ``nphylo derived --format json`` prints them."""
        from neural_phylogeny.reports.derivation import derivations_to_json

        return derivations_to_json(self)

    def to_dict(self) -> dict[str, Any]:
        """What ``to_json`` writes, as plain data."""
        from neural_phylogeny.reports.derivation import derivations_as_dict

        return derivations_as_dict(self)

    def _repr_html_(self) -> str:
        """A view for notebooks that folds."""
        from neural_phylogeny.reports.html_claims import derivations_to_html

        return derivations_to_html(self)


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

    Examples
    --------
    >>> Declared(model="ours", parent="org/base", relation="finetune", source="README.md: base_model").parent
    'org/base'
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
    path : str
        Where the model lies that the claim is about; empty where it is not at hand or in memory.

    Examples
    --------
    >>> claim = Declared(model="ours", parent="org/base", source="README.md: base_model")
    >>> print(CheckedClaim(declared=claim, verdict="unproven", reason="the parent org/base is not at hand"))
    ours from org/base: unproven, the parent org/base is not at hand
    """

    declared: Declared
    verdict: ClaimVerdict
    found: str | None = None
    derivation: Derivation | None = None
    agrees: bool | None = None
    reason: str = ""
    path: str = ""

    def __str__(self) -> str:
        from neural_phylogeny.reports.names import safe

        why = f", {self.reason}" if self.reason else ""
        return safe(f"{self.declared.model} from {self.declared.parent}: {self.verdict}{why}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data, as in the JSON of ``nphylo verify``.

        Examples
        --------
        >>> claim = Declared(model="ours", parent="org/base", source="README.md: base_model")
        >>> CheckedClaim(declared=claim, verdict="unproven").to_dict()["declared"]["parent"]
        'org/base'
        """
        from neural_phylogeny.reports.json import as_dict

        return as_dict(self)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Verification:
    """What models say of their parents, checked against their weights.

    Attributes
    ----------
    claims : tuple of CheckedClaim
        A verdict for each claim.
    at_least : float
        Least probability of a descent that counts.
    problems : tuple of str
        What could not be read, a sentence each.

    Examples
    --------
    >>> from neural_phylogeny import demo, verify
    >>> claims = [{"model": "heron", "parent": "godwit"}, {"model": "ibis", "parent": "egret"}]
    >>> [claim.verdict for claim in verify(demo.folder(), claims=claims).claims]
    ['confirmed', 'contradicted']
    """

    claims: tuple[CheckedClaim, ...]
    at_least: float
    problems: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[ClaimVerdict, int]:
        """Number of claims by verdict."""
        found = Counter(one.verdict for one in self.claims)
        return {verdict: found[verdict] for verdict in CLAIM_VERDICTS}

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        from neural_phylogeny.reports.verification import summary

        return f"<Verification: {summary(self.claims)}>"

    def to_text(self) -> str:
        """The claims with their verdicts as plain text, as ``nphylo verify`` prints them."""
        from neural_phylogeny.reports.text import plain
        from neural_phylogeny.reports.verification import render_verification

        return plain(render_verification(self))

    def to_json(self) -> str:
        """The claims as ``nphylo verify --format json`` prints them."""
        from neural_phylogeny.reports.verification import verification_to_json

        return verification_to_json(self)

    def to_dict(self) -> dict[str, Any]:
        """What ``to_json`` writes, as plain data."""
        from neural_phylogeny.reports.verification import verification_as_dict

        return verification_as_dict(self)

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        from neural_phylogeny.reports.html_claims import verification_to_html

        return verification_to_html(self)
