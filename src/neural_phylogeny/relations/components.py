"""Shared components: a frozen network that two otherwise unrelated models carry, such as a perceptual loss.

Descent is a question of what was trained. So where matrices of two related models are equal, relatedness is tested
again on all others. If those could show it and do not, the two share a component and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.relations.copies import ALMOST_ALL
from neural_phylogeny.relations.existence import Existence, Mask, log_p_of, log_p_of_copies
from neural_phylogeny.relations.explanations.shapes import GROWN, PRUNED, read_as
from neural_phylogeny.relations.totals import PARTS, Keep, totals
from neural_phylogeny.statistics.moments import FEWEST
from neural_phylogeny.statistics.results import Alike, Statistics, pairs_of, stacked
from neural_phylogeny.tensors.alignment import AlignedTensor
from neural_phylogeny.tensors.roles import Role

NAMED = 3
"""Number of parts of a component that are named; the others are counted."""

SAME = 0.9999
"""Cosine from which a matrix is the same in both models, up to rounding to bf16."""

KERNELS, SUBSTANTIAL = 3, 0.25
"""Other matrices, or share of the compared weights in them, that can show descent: more than a new head has."""

HEAD = 3
"""At most this many matrices on top of at least twice as many frozen ones are a new head."""

MOST = 0.75
"""A model that is wholly contained in another, and less than this share of it, is a component of that."""


@dataclass(frozen=True)
class SharedPart:
    """Two rows that share a component only, and the matrices of it: what each of the two calls them.

    ``log_p`` is that of the relatedness test on all other matrices, 0 where too few are compared (not ``is_tested``).
    ``contained`` where row ``i`` is nothing but the component, ``is_changed`` where it was trained on in one of the
    two. The shares are those of either's weights.
    """

    i: int
    j: int
    names: tuple[str, ...]
    names_in_j: tuple[str, ...]
    log_p: float
    share_of_i: float
    share_of_j: float
    is_tested: bool
    contained: bool = False
    is_changed: bool = False


def shared_parts(statistics: Statistics, found: Existence, level: float) -> list[SharedPart]:
    """Pairs that the relatedness test calls related for a shared component alone, at a level in natural logarithms.

    Three kinds. *Own trunks*: the other matrices that are compared could show descent (at least ``KERNELS`` or the
    share ``SUBSTANTIAL``, a perfect copy would be found) and do not; a new head on a frozen trunk is left out. *No
    counterpart*: nothing else can be compared, and both have ``SUBSTANTIAL`` weights of their own. *Contained*: one
    model is the component, and less than ``MOST`` of the other.

    Costs another relatedness test, only where matrices are equal in related models. Assumes that a descendant keeps
    more of its parent than what was frozen: a tune that froze its trunk and trained all else from a random start cannot
    be distinguished from two models with one helper, and is reported to share a component.
    """
    if not found.related.any():
        return []
    equal = _values(statistics, _same)
    candidates = found.related & (equal > 0) & ~resized_pairs(statistics)
    if not candidates.any():
        return []
    other = _values(statistics, _differs)
    rest = totals(statistics, PARTS, keep=_differs)
    log_p, of_copy = log_p_of(rest, statistics), log_p_of_copies(statistics, _differs)
    shows = np.maximum(of_copy, of_copy.T) < level
    enough = (rest["matrices"] >= KERNELS) | (other >= SUBSTANTIAL * (equal + other))
    unrelated = log_p >= level
    trunks = shows & enough & unrelated
    whole = np.maximum(statistics.alignment.in_matrices, 1)[:, None]
    equal_of, other_of = _values(statistics, _same, of_first=True), _values(statistics, _differs, of_first=True)
    own, share = 1.0 - (equal_of + other_of) / whole, equal_of / whole
    apart = ~enough & unrelated & (np.minimum(own, own.T) >= SUBSTANTIAL)
    contained = ~enough & unrelated & (share >= ALMOST_ALL) & (share.T < MOST)
    parts = []
    for i, j in np.argwhere(candidates & (contained | np.triu(trunks | apart) & ~contained.T)).tolist():
        same, different = _tensors(statistics, i, j)
        if not (trunks[i, j] and _is_head(same, different)):
            mine, others = ([tensor.sources[rows[k]].name for _, tensor, rows in same] for k in (0, 1))
            parts.append(
                SharedPart(
                    i=i,
                    j=j,
                    names=tuple(mine),
                    names_in_j=tuple(others),
                    log_p=float(log_p[i, j]) if trunks[i, j] else 0.0,
                    share_of_i=float(share[i, j]),
                    share_of_j=float(share[j, i]),
                    is_tested=bool(trunks[i, j]),
                    contained=bool(contained[i, j]),
                )
            )
    return sorted(parts, key=lambda part: not part.contained)


def named_tensors(statistics: Statistics, i: int, j: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All matrices that two models compare, in stored order: what either calls them."""
    rows = [(tensor, a, b) for tensor, arrays, a, b in statistics.compared(i, j) if "matching.aligned" in arrays]
    return tuple(t.sources[a].name for t, a, _ in rows), tuple(t.sources[b].name for t, _, b in rows)


def resized_pairs(statistics: Statistics) -> Mask:
    """Pairs of which one was grown or shrunk from a model of the same parts: it contains no component."""
    found = read_as(statistics, GROWN) | read_as(statistics, PRUNED)
    pairs: Mask = found[:, None] | found[None, :]
    return pairs


def apart_from(found: Existence, parts: list[SharedPart]) -> Existence:
    """The test without what shared components prove: such pairs are unrelated, by the p-value of all else."""
    if not parts:
        return found
    log_p, related, identical = found.log_p.copy(), found.related.copy(), found.identical.copy()
    for part in parts:
        for at in ((part.i, part.j), (part.j, part.i)):
            log_p[at], related[at], identical[at] = part.log_p, False, False
    return replace(found, log_p=log_p, related=related, identical=identical)


def _same(alike: Alike) -> Mask:
    """Whether a matrix of many values is the same in two members, up to rounding: ``(T, k, k)``."""
    gram, rich = stacked(alike, "gram"), stacked(alike, "moments.distinct") >= FEWEST
    length = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 0.0))
    with np.errstate(all="ignore"):
        cosine = np.nan_to_num(gram / (length[:, :, None] * length[:, None, :]), posinf=0.0, neginf=0.0)
    found: Mask = (cosine >= SAME) & (rich[:, :, None] & rich[:, None, :]) & pairs_of(alike)
    return found


def _differs(alike: Alike) -> Mask:
    """Whether it is another one; of a member and itself, as of one and a perfect copy that is not the same."""
    found: Mask = (~_same(alike) & pairs_of(alike)) | np.eye(len(alike[0][0].members), dtype=bool)
    return found


def _values(statistics: Statistics, counts: Keep, *, of_first: bool = False) -> NDArray[np.int64]:
    """Values of the matrices that count for each pair: ``(n, n)``, zero on the diagonal.

    With ``of_first`` those of i: the mean of experts stands for all of them.
    """
    total = np.zeros((statistics.alignment.n_models,) * 2, dtype=np.int64)
    for alike in statistics.alike("matching.aligned"):
        size = np.array([tensor.size * (tensor.pieces if of_first else 1) for tensor, _ in alike]).reshape(
            len(alike), -1
        )
        total[np.ix_(*[alike[0][0].members] * 2)] += (size[:, :, None] * counts(alike)).sum(axis=0)
    np.fill_diagonal(total, 0)
    return total


Compared = tuple[int, AlignedTensor, tuple[int, int]]
"""A matrix that two models compare: its place in the stored order, the tensor, and the rows of the two in it."""


def _tensors(statistics: Statistics, i: int, j: int) -> tuple[list[Compared], list[Compared]]:
    """The matrices that two models compare, in stored order: those that are the same, and the others."""
    same: list[Compared] = []
    different: list[Compared] = []
    for place, (tensor, arrays, a, b) in enumerate(statistics.compared(i, j)):
        if "matching.aligned" in arrays:
            (same if _same([(tensor, arrays)])[0, a, b] else different).append((place, tensor, (a, b)))
    return same, different


def _is_head(same: list[Compared], different: list[Compared]) -> bool:
    """Whether few new matrices stand on many frozen ones: they come last and take what the last of those gives."""
    if not different or len(different) > HEAD or len(same) < 2 * len(different):
        return False
    (last, below, _), (first, above, _) = same[-1], different[0]
    is_last = last < first or any(tensor.role is Role.BOUNDARY for _, tensor, _ in different)
    units = below.shape[below.output_axis or 0]
    inputs = above.size // max(above.shape[above.output_axis or 0], 1)
    return is_last and inputs % units == 0


def component_name(names: Sequence[str]) -> str:
    """What a component is called: the longest dotted prefix of its tensors, or those of a few parts of it.

    Examples
    --------
    >>> component_name(["loss.vgg.0.weight", "loss.vgg.2.weight"])
    'loss.vgg'
    >>> component_name(["loss.vgg.0.weight", "text.proj.weight", "text.up.weight"])
    'loss.vgg.0, text'
    """
    prefix = _prefix(names)
    if prefix:
        return prefix
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.split(".")[0], []).append(name)
    found = [_prefix(group) or group[0] for group in groups.values()]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def _prefix(names: Sequence[str]) -> str:
    parts = [name.split(".")[:-1] for name in names]
    alike = takewhile(lambda here: len(set(here)) == 1, zip(*parts, strict=False))
    return ".".join(here[0] for here in alike)
