"""Which tensor of one layout is which of another: a question about two models, whatever else there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.layouts import Layout

BY_NAME, BY_ROLE, BY_ORDER, BY_VALUES = "name", "role", "order", "values"
"""What a pairing of tensors rests on: equal names; names that mean the same; shape and place; the values alone."""


@dataclass(frozen=True, slots=True)
class Match:
    """A tensor of a first layout and one of a second that are compared, each as it is read, and what says so."""

    key: str
    other: str
    first: TensorInfo
    second: TensorInfo
    by: str

    @property
    def layout(self) -> str:
        """How one of the two is read to compare with the other; empty where both are as stored."""
        views = (tensor.view for tensor in (self.first, self.second))
        return " and ".join(view.layout for view in views if view is not None)

    @property
    def flipped(self) -> Match:
        """The same seen from the second layout."""
        return Match(self.other, self.key, self.second, self.first, self.by)


@dataclass(frozen=True)
class Correspondence:
    """The tensors of a first layout and those of a second that are compared with them.

    ``matches`` is None where equal names correspond as they are, and shapes may differ; ``found`` counts the
    parameters in tensors of equal shape. ``choices`` is the natural logarithm of the number of alignments among which
    the values chose; 0 where they were not read.
    """

    matches: tuple[Match, ...] | None
    found: int
    choices: float = 0.0

    def pairs(self, first: Layout, second: Layout) -> Sequence[Match]:
        """What is compared with what."""
        if self.matches is not None:
            return self.matches
        return [
            Match(key, key, tensor, second.tensors[key], BY_NAME)
            for key, tensor in first.tensors.items()
            if key in second.tensors
        ]

    @property
    def flipped(self) -> Correspondence:
        """The same seen from the second layout."""
        if self.matches is None:
            return self
        return replace(self, matches=tuple(match.flipped for match in self.matches))

    @property
    def is_by_name(self) -> bool:
        """Whether all names are equal that correspond."""
        return self.matches is None or all(match.by == BY_NAME for match in self.matches)


def summary(matches: Sequence[tuple[str, str]]) -> str:
    """What pairings rest on, each given as ``(by, layout)``, as words.

    Examples
    --------
    >>> summary([("name", ""), ("role", "transposed"), ("role", "transposed")])
    '1 by name, 2 by role; 2 transposed'
    """
    by = Counter(by for by, _ in matches)
    layouts = Counter(layout for _, layout in matches if layout)
    first = ", ".join(f"{by[how]} by {how}" for how in (BY_NAME, BY_ROLE, BY_ORDER, BY_VALUES) if by[how])
    second = ", ".join(f"{count} {layout}" for layout, count in layouts.most_common())
    return "; ".join(filter(None, (first, second)))
