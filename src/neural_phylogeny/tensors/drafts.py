"""What two layouts leave to choose: pairings by name, by role, by shape and order, each with the views that fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.correspondence import BY_NAME, BY_ORDER, BY_ROLE, Match
from neural_phylogeny.tensors.fused import fused_pairs, slices
from neural_phylogeny.tensors.layouts import Layout
from neural_phylogeny.tensors.neutral import BIAS, WEIGHT
from neural_phylogeny.tensors.norms import MEAN, VARIANCE
from neural_phylogeny.tensors.views import views_of

ENOUGH_BY_NAME = 0.5
"""Share of the smaller layout's parameters that must be found by name and shape before anything else is tried."""

ENOUGH_BY_ORDER = 0.25
"""Share of the smaller layout's parameters that roles and order must find before they are believed over names."""

SEQUENCES = 1 << 20
"""Pairs of tensors beyond which sequences are not aligned: the k-th of a shape is then the k-th of that shape."""

Way = tuple[Match, ...]
"""One way to pair a tensor, or the parts of a fused one."""


@dataclass(frozen=True)
class Draft:
    """The pairings of two layouts before any value is read.

    ``ways`` holds for each pairing the ways to read it, the likely one first. ``pools`` are tensors of one size, by
    name in the first layout and in the second, that order pairs and that might be paired otherwise. ``folds``: one
    layout has batch norms where the other has none.
    """

    ways: tuple[tuple[Way, ...], ...]
    pools: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    found: int
    folds: bool

    @property
    def is_open(self) -> bool:
        """Whether values could change anything."""
        return self.folds or bool(self.pools) or any(len(ways) > 1 for ways in self.ways)

    def of(self, first: Layout, second: Layout) -> Draft:
        """The same for two models of these layouts that call their tensors something else."""
        ways = tuple(tuple(tuple(_named(match, first, second) for match in way) for way in ways) for ways in self.ways)
        return replace(self, ways=ways)

    @property
    def likely(self) -> tuple[Match, ...]:
        """What shapes and names say."""
        return tuple(match for ways in self.ways for match in ways[0])


def draft(first: Layout, second: Layout) -> Draft | None:
    """The pairings of two layouts; None where equal names correspond as they are and nothing is left to choose.

    Linear in the number of tensors by name and role; by shape and order quadratic up to ``SEQUENCES`` pairs.
    """
    total = min(first.parameters, second.parameters)
    named = _found_by_name(first, second)
    if named < ENOUGH_BY_NAME * total:
        least = max(named, ENOUGH_BY_ORDER * total)
        found = _by_role_and_order(first, second) if _could_find(first, second, least) else None
        if found is not None and found.found > least:
            return found
    return _by_name(first, second, named)


def ways_of(first: Layout, second: Layout, key: str, other: str, by: str) -> tuple[Way, ...]:
    """The ways to compare two tensors, the second read in the layout of the first, likely ones first."""
    wanted, stored = first.tensors[key], second.tensors[other]
    return tuple(
        (Match(key, other, wanted, view, by),) for view in views_of(stored, wanted, second.channels.get(other, 0))
    )


def _named(match: Match, first: Layout, second: Layout) -> Match:
    stored = first.tensors[match.key], second.tensors[match.other]
    if all((t.name, t.pieces) == (m.name, m.pieces) for t, m in zip(stored, (match.first, match.second), strict=True)):
        return match
    one, other = (
        replace(tensor, name=named.name, pieces=named.pieces)
        for tensor, named in zip((match.first, match.second), stored, strict=True)
    )
    return replace(match, first=one, second=other)


def _by_name(first: Layout, second: Layout, named: int) -> Draft | None:
    """Equal names; of turned matrices also the turned view, and fused ones with their parts."""
    common = [key for key in first.tensors if key in second.tensors]
    turned = {key for key in common if _is_turned(first.tensors[key], second.tensors[key])}
    fused: list[tuple[Way, ...]] = []
    if len(common) < min(len(first.tensors), len(second.tensors)) or len(first.tensors) != len(second.tensors):
        fused = list(_fused(first, second, set(common)))
    folds = _folds(first, second, [(key, key) for key in common])
    if not turned and not fused and not folds:
        return None
    ways: list[tuple[Way, ...]] = []
    for key in common:
        plain: Way = (Match(key, key, first.tensors[key], second.tensors[key], BY_NAME),)
        others: tuple[Way, ...] = ()
        if turned and (key in turned or len(set(first.tensors[key].shape)) == 1):
            others = tuple(way for way in ways_of(first, second, key, key, BY_NAME) if way[0].second.view is not None)
        is_forced = key in turned and first.units_last != second.units_last and others
        ways.append(others if is_forced else (plain, *others))
    extra = sum(match.first.size for way in fused for match in way[0])
    return Draft((*ways, *fused), (), named + extra, folds)


def _by_role_and_order(first: Layout, second: Layout) -> Draft:
    fused = list(_fused(first, second, ()))
    used = {match.key for way in fused for match in way[0]}
    used_others = {match.other for way in fused for match in way[0]}
    ways = [way for way in _by_role(first, second) if way[0][0].key not in used and way[0][0].other not in used_others]
    found = sum(way[0][0].first.size for way in ways)
    in_fused = sum(match.first.size for way in fused for match in way[0])
    if found + in_fused < ENOUGH_BY_NAME * min(first.parameters, second.parameters):
        ways, found = [], 0
    used |= {way[0][0].key for way in ways}
    used_others |= {way[0][0].other for way in ways}
    left = {key: t for key, t in first.tensors.items() if key not in used}
    right = {key: t for key, t in second.tensors.items() if key not in used_others}
    ordered = _by_order(first, second, left, right)
    total = found + in_fused + sum(way[0][0].first.size for way in ordered)
    every = [*fused, *ways, *ordered]
    pairs = [(match.key, match.other) for way in every for match in way[0]]
    return Draft(tuple(every), tuple(_pools(left, right, ordered)), total, _folds(first, second, pairs))


def _fused(first: Layout, second: Layout, common: Collection[str]) -> Iterator[tuple[Way, ...]]:
    """Fused tensors of either layout with their parts in the other; those that both call alike apart."""
    for parts, fused, is_flipped in ((first, second, False), (second, first, True)):
        for key, members in fused_pairs(fused, parts):
            if key in common or not set(members).isdisjoint(common):
                continue
            wanted = [parts.tensors[member] for member in members]
            token = fused.paths[key][-2]
            found = []
            for views in slices(fused.tensors[key], wanted, token):
                matches = [Match(m, key, w, v, BY_ROLE) for m, w, v in zip(members, wanted, views, strict=True)]
                found.append(tuple(match.flipped if is_flipped else match for match in matches))
            if found:
                yield tuple(found)


def _by_role(first: Layout, second: Layout) -> Iterator[tuple[Way, ...]]:
    counts, counts_of_others = Counter(first.paths.values()), Counter(second.paths.values())
    by_path = second.by_path
    for key, path in first.paths.items():
        if counts[path] == counts_of_others[path] == 1:
            by = BY_NAME if by_path[path] == key else BY_ROLE
            ways = ways_of(first, second, key, by_path[path], by)
            if ways:
                yield ways


def _by_order(
    first: Layout, second: Layout, left: Mapping[str, TensorInfo], right: Mapping[str, TensorInfo]
) -> list[tuple[Way, ...]]:
    """Pairs whose matrices have equal shapes in the same order, or equal sizes where that finds more.

    Vectors are paired only when both layouts have as many: a batch norm folded into its convolution leaves no vector
    that means the same.
    """
    best: list[tuple[Way, ...]] = []
    for by_size in (False, True):
        found: list[tuple[Way, ...]] = []
        for is_vector in (False, True):
            sides = []
            for layout, kept in ((first, left), (second, right)):
                shapes = {
                    key: layout.matrix_shapes[key] for key in kept if layout.paths[key][-1] not in (*MEAN, *VARIANCE)
                }
                chosen = {key: shape for key, shape in shapes.items() if (shape[1] == 1) == is_vector}
                sides.append({key: (u * n, 0) if by_size else (u, n) for key, (u, n) in chosen.items()})
            if is_vector:
                sides = _by_leaf(first, second, *sides)
            if not is_vector or len(sides[0]) == len(sides[1]):
                pairs = _match_sequences(*sides).items()
                found += [ways for pair in pairs if (ways := ways_of(first, second, *pair, BY_ORDER))]
        if sum(ways[0][0].first.size for ways in found) > sum(ways[0][0].first.size for ways in best):
            best = found
    return best


def _by_leaf(
    first: Layout, second: Layout, left: dict[str, tuple[int, int]], right: dict[str, tuple[int, int]]
) -> list[dict[str, tuple[int, int]]]:
    """Vectors with what they are, weight or bias, beside their size, where all names say it."""
    leaves = [{key: layout.paths[key][-1] for key in side} for layout, side in ((first, left), (second, right))]
    if not {*leaves[0].values(), *leaves[1].values()} <= {WEIGHT, BIAS}:
        return [left, right]
    return [
        {key: (size, 1 + (of[key] == BIAS)) for key, (size, _) in side.items()}
        for of, side in zip(leaves, (left, right), strict=True)
    ]


def _match_sequences(left: dict[str, tuple[int, int]], right: dict[str, tuple[int, int]]) -> dict[str, str]:
    keys, others = list(left), list(right)
    if list(left.values()) == list(right.values()):
        return dict(zip(keys, others, strict=True))
    if len(keys) * len(others) > SEQUENCES:
        return _match_ranks(left, right)
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


def _match_ranks(left: Mapping[str, tuple[int, int]], right: Mapping[str, tuple[int, int]]) -> dict[str, str]:
    """The k-th tensor of a shape with the k-th of that shape, where both layouts have as many."""
    sides: list[dict[tuple[int, int], list[str]]] = [{}, {}]
    for found, shapes in zip(sides, (left, right), strict=True):
        for key, shape in shapes.items():
            found.setdefault(shape, []).append(key)
    equal = (shape for shape in sides[0] if len(sides[0][shape]) == len(sides[1].get(shape, ())))
    return {key: other for shape in equal for key, other in zip(sides[0][shape], sides[1][shape], strict=True)}


def _pools(
    left: Mapping[str, TensorInfo], right: Mapping[str, TensorInfo], ordered: list[tuple[Way, ...]]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Tensors of one size, where there are several on a side or the one pair can be read in several ways."""
    by_size: dict[tuple[int, bool], tuple[list[str], list[str]]] = {}
    for side, tensors in enumerate((left, right)):
        for key, tensor in tensors.items():
            by_size.setdefault((tensor.size, len(tensor.shape) > 1), ([], []))[side].append(key)
    open_pairs = {ways[0][0].key for ways in ordered if len(ways) > 1}
    for (size, _), (keys, others) in by_size.items():
        if keys and others and size > 1 and (len(keys) * len(others) > 1 or keys[0] in open_pairs):
            yield tuple(keys), tuple(others)


def _folds(first: Layout, second: Layout, pairs: list[tuple[str, str]]) -> bool:
    return any((key in first.norms) != (other in second.norms) for key, other in pairs)


def _is_turned(tensor: TensorInfo, other: TensorInfo) -> bool:
    return tensor.shape != other.shape and sorted(tensor.shape) == sorted(other.shape)


def _found_by_name(first: Layout, second: Layout) -> int:
    """Parameters that both hold under the same name and in the same shape."""
    return sum(first.tensors[key].size for key, _ in first.named_shapes & second.named_shapes)


def _could_find(first: Layout, second: Layout, least: float) -> bool:
    """Whether tensors of equal size, or fused ones, hold more parameters than that."""
    if first.has_fused != second.has_fused:
        return True
    return sum(size * n for size, n in (first.size_counts & second.size_counts).items()) > least
