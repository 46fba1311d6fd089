"""What changed between two models, tensor by tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from neural_phylogeny.inputs import Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorChange:
    """The step from one tensor of ``a`` to its counterpart in ``b``.

    Attributes
    ----------
    name, name_in_b : str
        What the two models call it.
    role : str
        ``"kernel"``, ``"boundary"`` or ``"vector"``.
    shape : tuple of int
        Of what was compared.
    changed : float
        Norm of the step over the norm in ``a``; infinite where ``a`` is zero and ``b`` is not; NaN where values are not
        finite.
    equal : float
        Share of entries that are equal to the last bit of float32.
    effective_rank : float, optional
        Exponential of the entropy of the singular values of the step, by their share of the sum; None for a vector and
        for a step of zero.
    full_rank : int
        The largest that the rank can be, of the rows and columns that were read for it.
    new_rows, dropped_rows : int
        Rows of ``b`` beyond those of ``a``, and the reverse, as of a larger vocabulary.

    Examples
    --------
    >>> from neural_phylogeny import demo, diff
    >>> first = diff(demo.folder() / "godwit.safetensors", demo.folder() / "heron.safetensors").tensors[1]
    >>> first.role, 0 < first.changed < 1, first.is_frozen
    ('kernel', True, False)
    """

    name: str
    name_in_b: str
    role: str
    shape: tuple[int, ...]
    changed: float
    equal: float
    effective_rank: float | None
    full_rank: int
    new_rows: int = 0
    dropped_rows: int = 0

    @property
    def is_frozen(self) -> bool:
        """Whether every compared entry is equal."""
        return self.equal == 1.0

    @property
    def values(self) -> int:
        """Number of compared entries."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Changes:
    """What changed from model ``a`` to model ``b``.

    Attributes
    ----------
    a, b : str
        Names of the models.
    changed : float
        Norm of the step over the norm of ``a``, over all compared tensors.
    similarity : float
        Cosine of all compared entries.
    equal : float
        Share of all compared entries that are equal.
    tensors : tuple of TensorChange
        In the order of ``a``.
    only_in_a, only_in_b : tuple of str
        Trained tensors without a counterpart.
    skipped : tuple of Skipped
        What could not be read, with the reason.

    Examples
    --------
    >>> import numpy as np
    >>> from neural_phylogeny import diff
    >>> base = {"w": np.ones((8, 8)), "b": np.ones(8)}
    >>> found = diff(base, {"w": 1.1 * base["w"], "b": base["b"]})
    >>> [(tensor.name, round(tensor.changed, 3), tensor.is_frozen) for tensor in found.tensors]
    [('w', 0.1, False), ('b', 0.0, True)]
    """

    a: str
    b: str
    changed: float
    similarity: float
    equal: float
    tensors: tuple[TensorChange, ...]
    only_in_a: tuple[str, ...] = ()
    only_in_b: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        from neural_phylogeny.reports.difference import summary

        return f"<Changes: {'; '.join(summary(self)[:2])}>"

    def to_text(self) -> str:
        """The changes as plain text, as ``nphylo diff`` prints them: of many tensors those that changed most."""
        from neural_phylogeny.reports.difference import render_changes
        from neural_phylogeny.reports.text import plain

        return plain(render_changes(self))

    def to_json(self) -> str:
        """The changes as ``nphylo diff --format json`` prints them."""
        from neural_phylogeny.reports.difference import changes_to_json

        return changes_to_json(self)

    def to_dict(self) -> dict[str, Any]:
        """What ``to_json`` writes, as plain data."""
        from neural_phylogeny.reports.difference import changes_as_dict

        return changes_as_dict(self)

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        from neural_phylogeny.reports.html_claims import changes_to_html

        return changes_to_html(self)
