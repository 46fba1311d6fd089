"""What an index answers about one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from neural_phylogeny.records.phylogeny import Phylogeny

Standing = Literal["copy", "parent", "child", "related", "initialisation", "component", "family"]
"""What a relative is to the model: *initialisation* and *component* where they share these only, or an ancestor that is
missing, *family* where others lie between them."""

STANDINGS: tuple[Standing, ...] = get_args(Standing)


@dataclass(frozen=True, kw_only=True)
class Relative:
    """A model of an index that is a relative of another one.

    Attributes
    ----------
    name, path : str
        What the index calls it, and where it lay when it was added.
    relation : Standing
        What it is to the model that was asked about.
    kind : str
        How one was made from the other, as of an ``Edge``; empty where no step joins them.
    similarity : float, optional
        Cosine of the compared weights.
    p_parent, p_direction : float, optional
        As of an ``Edge``.
    p_value : float, optional
        Probability that any model of an index of this size matches so well by chance: the p-value of the test of
        relatedness times the number of models (Bonferroni).

    Examples
    --------
    >>> Relative(name="base.pt", relation="parent", kind="finetune").relation
    'parent'
    """

    name: str
    path: str = ""
    relation: Standing
    kind: str = ""
    similarity: float | None = None
    p_parent: float | None = None
    p_direction: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Relatives:
    """The relatives of one model among all of an index, copies and parents first, and their tree.

    ``searched`` is the number of models in the index, ``compared`` of those that were compared in full.

    Examples
    --------
    >>> found = Relatives(model="a.pt", searched=0, compared=0, relatives=(), tree=Phylogeny())
    >>> found.relatives
    ()
    """

    model: str
    searched: int
    compared: int
    relatives: tuple[Relative, ...]
    tree: Phylogeny
