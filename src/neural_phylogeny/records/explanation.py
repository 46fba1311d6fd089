"""Why a model has its place in a result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from neural_phylogeny.records.claims import Measured, ModelRecord, Reasons

Relation = Literal["child", "related", "child of a missing ancestor"]
"""What an explained model is to the other model of a claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedClaim(Measured):
    """One claim about a model and its reasons.

    ``relation`` is what the model is to ``other``; the numbers are those of the ``Edge`` or ``RelatedPair``;
    ``what_would_change`` are sentences.

    Examples
    --------
    >>> claim = answer.explain("heron.safetensors").claims[0]
    >>> claim.relation, claim.other
    ('child', 'godwit.safetensors')
    """

    relation: Relation
    other: str
    support: float | None = None
    reasons: Reasons = field(default_factory=Reasons)
    what_would_change: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Explanation:
    """Every claim about one model with its reasons, what cannot be known, and which models were made from it.

    ``representative`` is the model that the claims name: the first of its copies, in most cases the model itself.
    ``warnings`` are sentences; ``children`` are names. Printed, it is the text; in a notebook, a view that folds.

    Examples
    --------
    >>> found = answer.explain("kestrel.safetensors")
    >>> [claim.other for claim in found.claims], found.children
    (['dunlin.safetensors'], ('avocet.safetensors', 'osprey.safetensors'))
    """

    model: ModelRecord
    representative: str
    claims: tuple[ExplainedClaim, ...] = ()
    warnings: tuple[str, ...] = ()
    children: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        first = next((line for line in self.to_text().splitlines() if line), self.model.name)
        return f"<Explanation: {first}>"

    def to_text(self) -> str:
        """The explanation as plain text, as ``nphylo tree --explain`` prints it.

        Examples
        --------
        >>> answer.explain("heron.safetensors").to_text().split(" (")[0]
        'heron.safetensors was made from godwit.safetensors'
        """
        from neural_phylogeny.reports.reasons import render_explanation
        from neural_phylogeny.reports.text import plain

        return plain(render_explanation(self))

    def to_json(self) -> str:
        """The explanation as ``nphylo tree --explain MODEL --format json`` prints it, see ``docs/result-file.md``.

        Examples
        --------
        >>> import json
        >>> json.loads(answer.explain("heron.safetensors").to_json())["representative"]
        'heron.safetensors'
        """
        from neural_phylogeny.reports.json import explanation_to_json

        return explanation_to_json(self)

    def _repr_html_(self) -> str:
        """A view for notebooks that folds."""
        from neural_phylogeny.reports.html_pair import explanation_to_html

        return explanation_to_html(self)
