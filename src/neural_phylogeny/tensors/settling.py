"""Values decide where shapes, names and order leave a choice; where they say nothing, the likely one stays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.inputs import Fold, TensorInfo, View
from neural_phylogeny.tensors.correspondence import BY_ORDER, BY_VALUES, Correspondence, Match
from neural_phylogeny.tensors.drafts import Draft, Way, ways_of
from neural_phylogeny.tensors.layouts import Layout
from neural_phylogeny.tensors.norms import Norm, unit_counts
from neural_phylogeny.tensors.samples import CLEAR, Sample, Sampler, deviations, tells

WINDOW = 32
"""Of very many tensors of one size, those within this many places of the expected one are tried."""

EVERY = 1 << 16
"""Pairs of one size up to which all are tried."""

EPSILONS = (1e-5, 1e-3, 1e-4, 1e-6, 1e-8, 0.0)
"""What frameworks add to the variance in a batch norm: no file says which."""

FOLDED = 0.5
"""A folded batch norm must leave less than this share of the difference, and of the weights, unexplained."""


@dataclass
class _Settling:
    """The state of one decision: the pairings so far and how many there were to choose from, as a logarithm."""

    first: Layout
    second: Layout
    samples: tuple[Sampler, Sampler]
    matches: list[Match] = field(default_factory=list)
    choices: float = 0.0
    heads: dict[tuple[str, ...], int] = field(default_factory=dict)

    def score(self, way: Way) -> float:
        """How clearly a way of pairing matches, in standard deviations: the least clear of its parts."""
        return min((self._score(match) for match in way), default=-math.inf)

    def _score(self, match: Match) -> float:
        if match.first.shape != match.second.shape or not tells(match.first):
            return -math.inf
        pair = self.samples[0].matrix(match.first), self.samples[1].matrix(match.second)
        if pair[0] is None or pair[1] is None or pair[0].shape != pair[1].shape:
            return -math.inf
        return float(deviations(np.array(np.vdot(pair[0], pair[1]), dtype=np.float64), pair[0].shape))

    def like_weight(self, ways: tuple[Way, ...]) -> tuple[Way, ...]:
        """The ways to read a fused bias: as the weight beside it was read, where that is known."""
        if len(ways[0]) == 1:
            return ways
        known = self.heads.get(self._place(ways[0]))
        return tuple(way for way in ways if known is None or _rows_of_head(way) == known) or ways

    def _place(self, way: Way) -> tuple[str, ...]:
        """The path of a fused tensor without weight or bias."""
        is_first = len({match.key for match in way}) == 1
        path = self.first.paths[way[0].key] if is_first else self.second.paths[way[0].other]
        return path[:-1]

    def take(self, way: Way, n_ways: int, is_likely: bool) -> None:
        """Decide for one way of several; half of the prior probability is that of the likely one."""
        self.matches += way
        if len(way) > 1:
            self.heads[self._place(way)] = _rows_of_head(way)
        self.choices += math.log(2.0 if is_likely else 2.0 * n_ways)


def settled(draft: Draft, first: Layout, second: Layout, samples: tuple[Sampler, Sampler]) -> Correspondence:
    """The pairings of two models, by samples of their values where the layouts leave a choice.

    A way is chosen where it matches ``CLEAR`` standard deviations better than chance. ``choices`` of the result is what
    the p-value of a test on all values must be multiplied by, as a logarithm (Bonferroni): the likely pairing has half
    of the prior probability, all others share the rest. Reads at most a sample of each tensor of either model.
    """
    state = _Settling(first, second, samples)
    pooled = {key for keys, _ in draft.pools for key in keys}
    expected: dict[str, tuple[Way, ...]] = {}
    for ways in sorted(draft.ways, key=_vectors_last):
        ways = state.like_weight(ways)
        if ways[0][0].key in pooled:
            expected[ways[0][0].key] = ways
        elif len(ways) == 1:
            state.matches += ways[0]
        else:
            best, score = _best(state, ways)
            state.take(best if score >= CLEAR else ways[0], len(ways), score < CLEAR or best is ways[0])
    for keys, others in sorted(draft.pools, key=lambda pool: len(first.tensors[pool[0][0]].shape) < 2):
        if len(first.tensors[keys[0]].shape) < 2:
            expected |= _beside(state, set(keys), set(others))
        _settle_pool(state, keys, others, expected)
    if draft.folds:
        state.matches = _with_folds(state)
    return Correspondence(tuple(state.matches), draft.found, state.choices)


def _vectors_last(ways: tuple[Way, ...]) -> bool:
    return len(ways[0]) > 1 and len(ways[0][0].first.shape) < 2


def _rows_of_head(way: Way) -> int:
    """Rows of a head where a fused tensor holds its parts head by head; 0 where they lie side by side."""
    view = way[0].first.view or way[0].second.view
    return view.split[2] if view is not None and len(view.split) > len(way[0].first.shape) + 1 else 0


def _best(state: _Settling, ways: Sequence[Way]) -> tuple[Way, float]:
    """The likely way where it is clear, else the clearest."""
    likely = state.score(ways[0])
    if likely >= CLEAR or len(ways) == 1:
        return ways[0], likely
    scores = [likely, *(state.score(way) for way in ways[1:])]
    place = int(np.argmax(scores))
    return ways[place], scores[place]


def _settle_pool(
    state: _Settling, keys: Sequence[str], others: Sequence[str], expected: dict[str, tuple[Way, ...]]
) -> None:
    """Pair the tensors of one size: those that values confirm, then what values find, then what is left by order."""
    free, free_others = list[str](), set(others)
    for key in keys:
        ways = expected.get(key, ())
        best, score = _best(state, ways) if ways else ((), -math.inf)
        if score >= CLEAR and best[0].other in free_others:
            state.take(best, 2 * len(ways), is_likely=best is ways[0])
            free_others.discard(best[0].other)
        else:
            free.append(key)
    found = sorted(_clear(state, free, [other for other in others if other in free_others], expected), key=_by_score)
    left = dict.fromkeys(free)
    for _, way, n_ways in found:
        if way[0].key in left and way[0].other in free_others:
            by = way[0].by if way in expected.get(way[0].key, ()) else BY_VALUES
            state.take(tuple(replace(match, by=by) for match in way), n_ways, is_likely=False)
            free_others.discard(way[0].other)
            del left[way[0].key]
    for key in left:
        if key in expected and expected[key][0][0].other in free_others:
            state.take(expected[key][0], 1, is_likely=True)
            free_others.discard(expected[key][0][0].other)


def _by_score(found: tuple[float, Way, int]) -> tuple[float, str, str]:
    return -found[0], found[1][0].key, found[1][0].other


def _beside(state: _Settling, keys: set[str], others: set[str]) -> dict[str, tuple[Way, ...]]:
    """The biases and batch norms of matched matrices with each other, whatever the order of all vectors says."""
    found = {}
    for match in state.matches:
        sides = _vectors_of(state.first, match.key), _vectors_of(state.second, match.other)
        for key, other in zip(*sides, strict=True):
            if key is not None and other is not None and key in keys and other in others:
                found[key] = ways_of(state.first, state.second, key, other, BY_ORDER)
    return {key: ways for key, ways in found.items() if ways}


def _vectors_of(layout: Layout, key: str) -> tuple[str | None, ...]:
    """The bias of a matrix, and the gain and the bias of the batch norm that follows it."""
    norm = layout.norms.get(key)
    if norm is None:
        return layout.biases.get(key), None, None
    bias = layout.biases.get(key)
    return None if bias == norm.beta else bias, layout.by_stored_name.get(norm.gamma), norm.beta or None


def _clear(
    state: _Settling, keys: Sequence[str], others: Sequence[str], expected: dict[str, tuple[Way, ...]]
) -> Iterator[tuple[float, Way, int]]:
    """Pairings that values show: the score, the way and how many there were to choose from.

    All pairs are tried up to ``EVERY``, of more those near the expected place.
    """
    if len(keys) * len(others) <= EVERY:
        yield from _clear_of(state, keys, others)
        return
    place = {other: k for k, other in enumerate(others)}
    for first in range(0, len(keys), WINDOW):
        chunk = keys[first : first + WINDOW]
        likely = [expected[key][0][0].other for key in chunk if key in expected]
        middle = [place[other] for other in likely if other in place] or [first * len(others) // len(keys)]
        low = max(0, min(middle) - WINDOW)
        yield from _clear_of(state, chunk, others[low : min(max(middle) + WINDOW + 1, low + 8 * WINDOW)])


def _clear_of(state: _Settling, keys: Sequence[str], others: Sequence[str]) -> Iterator[tuple[float, Way, int]]:
    for names in _alike(state.first, keys):
        for names_of_others in _alike(state.second, others):
            ways = ways_of(state.first, state.second, names[0], names_of_others[0], BY_VALUES)
            for number, scores in enumerate(_scores(state, ways, names, names_of_others)):
                for row, column in np.argwhere(scores >= CLEAR).tolist():
                    found = ways_of(state.first, state.second, names[row], names_of_others[column], BY_VALUES)
                    yield float(scores[row, column]), found[number], len(found) * len(others)


def _alike(layout: Layout, keys: Sequence[str]) -> list[list[str]]:
    """Tensors of one shape, output axis and flattened image, which can be read in the same ways."""
    found: dict[object, list[str]] = {}
    for key in keys:
        tensor = layout.tensors[key]
        found.setdefault((tensor.shape, tensor.output_axis, layout.channels.get(key, 0)), []).append(key)
    return list(found.values())


def _scores(
    state: _Settling, ways: Sequence[Way], keys: Sequence[str], others: Sequence[str]
) -> Iterator[NDArray[np.float64]]:
    """How clearly each tensor matches each other one, ``(n_keys, n_others)`` for each way to read them."""
    if not tells(state.first.tensors[keys[0]]):
        return
    left = [state.samples[0].matrix(state.first.tensors[key]) for key in keys]
    for way in ways:
        like = way[0].second
        named = [state.second.tensors[other] for other in others]
        right = [state.samples[1].matrix(replace(like, name=t.name, pieces=t.pieces)) for t in named]
        shape = next((sample.shape for sample in (*left, *right) if sample is not None), (1, 1))
        stacked = [
            np.stack([np.zeros(shape, np.float32) if s is None or s.shape != shape else s for s in side]).reshape(
                len(side), -1
            )
            for side in (left, right)
        ]
        yield deviations((stacked[0] @ stacked[1].T).astype(np.float64), shape)


def _with_folds(state: _Settling) -> list[Match]:
    """The pairings with batch norms folded into the weights of one model where that explains those of the other."""
    found: list[Match] = []
    for match in state.matches:
        for turned in (False, True):
            seen = match.flipped if turned else match
            layouts = (state.second, state.first) if turned else (state.first, state.second)
            samples = state.samples[::-1] if turned else state.samples
            norm = layouts[0].norms.get(seen.key)
            if norm is None or seen.other in layouts[1].norms or len(seen.first.shape) < 2:
                continue
            folded = _folded(seen, norm, samples)
            if folded is not None:
                pairs = [folded, *_folded_bias(folded, norm, *layouts)]
                found += [pair.flipped if turned else pair for pair in pairs]
    keys, others = {match.key for match in found}, {match.other for match in found}
    return [*(match for match in state.matches if match.key not in keys and match.other not in others), *found]


def _folded(match: Match, norm: Norm, samples: tuple[Sampler, Sampler]) -> Match | None:
    """The match with the norm folded into its first tensor; None where that does not explain the second one.

    The units lie along the output axis, or along the second one of a transposed convolution.
    """
    for axis in (match.first.output_axis, 1):
        tensor = replace(match.first, output_axis=axis)
        is_other = axis != match.first.output_axis
        if is_other and (match.first.view is not None or norm.units not in unit_counts(match.first)[1:]):
            continue
        other = replace(match.second, output_axis=axis) if is_other else match.second
        folded = _folded_along(tensor, other, norm, samples)
        if folded is not None:
            return replace(match, first=replace(match.first, view=folded))
    return None


def _folded_along(tensor: TensorInfo, second: TensorInfo, norm: Norm, samples: tuple[Sampler, Sampler]) -> View | None:
    """The view that folds a norm along the output axis of a tensor; None where the norm does not fit or explain."""
    if tensor.view is None and tensor.shape[tensor.output_axis] != norm.units:
        return None
    other = samples[1].raw(second)
    plain, axis = samples[0].raw(tensor), _output_axis_of(tensor)
    variance, gamma = samples[0].scales(norm.variance, tensor), samples[0].scales(norm.gamma, tensor)
    if plain is None or other is None or plain.shape != other.shape or axis is None or variance is None:
        return None
    with np.errstate(all="ignore"):
        scales = {e: (1.0 if gamma is None else gamma) / np.sqrt(variance + np.float32(e)) for e in EPSILONS}
        errors = {
            epsilon: _distance((plain.T * scale).T if len(plain) > 1 else plain * scale, other)
            for epsilon, scale in scales.items()
        }
    epsilon = min(EPSILONS, key=lambda e: (errors[e] > 1.001 * min(errors.values()), EPSILONS.index(e)))
    if not errors[epsilon] < FOLDED * min(_distance(plain, other), float(np.linalg.norm(other))):
        return None
    view = tensor.view or View(split=tensor.shape, axes=tuple(range(len(tensor.shape))), layout="")
    fold = Fold(gamma=norm.gamma, mean=norm.mean, variance=norm.variance, epsilon=epsilon, axis=axis)
    layout = ", ".join(filter(None, (view.layout, "folded norm")))
    return replace(view, layout=layout, fold=fold)


def _output_axis_of(tensor: TensorInfo) -> int | None:
    """The axis of the view along which the units of a tensor lie."""
    axis = tensor.output_axis % len(tensor.shape)
    if tensor.view is None or tensor.view.lengths == tensor.shape:
        return axis
    return 0 if axis == 0 and tensor.view.lengths[0] == tensor.shape[0] else None


def _folded_bias(match: Match, norm: Norm, first: Layout, second: Layout) -> Iterator[Match]:
    """The bias that a folded norm leaves, as the second model holds it."""
    key, view = second.biases.get(match.other), match.first.view
    if key is None or norm.beta not in first.tensors or view is None or view.fold is None:
        return
    own = first.biases.get(match.key)
    bias = first.tensors[own].name if own is not None and own != norm.beta else ""
    fold = replace(view.fold, axis=0, is_bias=True, bias=bias)
    beta = first.tensors[norm.beta]
    beta = replace(beta, view=View(split=beta.shape, axes=(0,), layout="folded norm", fold=fold))
    if second.tensors[key].shape == beta.shape:
        yield Match(norm.beta, key, beta, second.tensors[key], match.by)


def _distance(values: Sample, others: Sample) -> float:
    with np.errstate(all="ignore"):
        found = float(np.linalg.norm(values.astype(np.float64) - others))
    return found if math.isfinite(found) else math.inf
