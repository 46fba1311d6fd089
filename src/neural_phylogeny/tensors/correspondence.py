"""Which tensor of one layout is which of another: a question about two layouts, whatever else there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from neural_phylogeny.tensors.layouts import Layout

ENOUGH_BY_NAME = 0.5
"""Share of the smaller layout's parameters that must be found by name and shape before order is not tried."""

ENOUGH_BY_ORDER = 0.25
"""Share of the smaller layout's parameters that order must find before it is believed over names."""


@dataclass(frozen=True)
class Correspondence:
    """The tensors of a first layout and those of a second that are compared with them, one to one.

    ``renamed`` is None where equal names correspond, and shapes may differ; ``found`` counts the parameters in tensors
    of equal shape.
    """

    renamed: Mapping[str, str] | None
    found: int

    def pairs(self, first: Layout, second: Layout) -> Mapping[str, str]:
        """Names in the second layout by those in the first."""
        if self.renamed is not None:
            return self.renamed
        return {key: key for key in first.tensors if key in second.tensors}


def correspond(first: Layout, second: Layout) -> Correspondence:
    """The tensors of two layouts that correspond: by name or, if names find too little, by shape and order.

    Linear in the number of tensors by name, quadratic by shape and order. Order breaks where equal shapes were
    reordered between two formats.
    """
    total = min(first.parameters, second.parameters)
    named = _found_by_name(first, second)
    if named < ENOUGH_BY_NAME * total:
        least = max(named, ENOUGH_BY_ORDER * total)
        if _most_by_shape(first, second) > least:
            pairs = _match_by_order(first, second)
            found = sum(first.tensors[key].size for key in pairs)
            if found > least:
                return Correspondence(pairs, found)
    return Correspondence(None, named)


def _found_by_name(first: Layout, second: Layout) -> int:
    """Parameters that both hold under the same name and in the same shape."""
    return sum(first.tensors[key].size for key, _ in first.named_shapes & second.named_shapes)


def _most_by_shape(first: Layout, second: Layout) -> int:
    """Parameters in tensors of equal matrix shape: no correspondence of equal shapes finds more."""
    common = first.shape_counts & second.shape_counts
    return sum(units * inputs * n for (units, inputs), n in common.items())


def _match_by_order(first: Layout, second: Layout) -> dict[str, str]:
    """Pairs of keys whose matrices have equal shapes in the same order, then shapes unique among the rest.

    Convolutions and their unrolled matrices count as equal. Vectors are paired only when both layouts have as
    many: a batch norm folded into its convolution leaves no vector that means the same.
    """
    pairs: dict[str, str] = {}
    for is_vector in (False, True):
        left, right = (
            {key: shape for key, shape in layout.matrix_shapes.items() if (shape[1] == 1) == is_vector}
            for layout in (first, second)
        )
        if not is_vector or len(left) == len(right):
            pairs |= _match_sequences(left, right)
    return pairs


def _match_sequences(left: dict[str, tuple[int, int]], right: dict[str, tuple[int, int]]) -> dict[str, str]:
    keys, others = list(left), list(right)
    matcher = SequenceMatcher(None, list(left.values()), list(right.values()), autojunk=False)
    pairs = {
        keys[block.a + i]: others[block.b + i] for block in matcher.get_matching_blocks() for i in range(block.size)
    }
    used = set(pairs.values())
    rest = {key: shape for key, shape in left.items() if key not in pairs}
    rest_of_others = {other: shape for other, shape in right.items() if other not in used}
    counts, counts_of_others = Counter(rest.values()), Counter(rest_of_others.values())
    by_shape = {shape: other for other, shape in rest_of_others.items()}
    for key, shape in rest.items():
        if counts[shape] == counts_of_others[shape] == 1:
            pairs[key] = by_shape[shape]
    return pairs
