"""Does the clock of weight decay show who is later, and is it silent where something else explains the lengths?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import ml_dtypes
import numpy as np

from neural_phylogeny.lab.bench.decayed import NETWORKS, OPTIMISERS, Model, Tree, tree
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.measured import statistics_of
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.relations.exact import DECAYED, exact_marks

Pair = tuple[Model, Model]

HEADER = ["pairs", "number", "silent", "right", "wrong", "right where it speaks"]


def cast(model: Model, dtype: type) -> Model:
    """Every matrix and vector rounded to a type of fewer bits."""
    return {name: w.astype(dtype).astype(np.float32) for name, w in model.items()}


def _matrices(model: Model, of: Callable[[np.ndarray], np.ndarray]) -> Model:
    return {name: of(w).astype(np.float32) if w.ndim > 1 else w for name, w in model.items()}


def _folded(model: Model) -> Model:
    """Every matrix as if the gains of a norm were folded into its columns."""
    rng = np.random.default_rng(0)
    return _matrices(model, lambda w: w * np.exp(0.2 * rng.normal(size=w.shape[1])).reshape(-1, *(1,) * (w.ndim - 2)))


ALTERED: Mapping[str, Callable[[Pair], Pair]] = {
    "both in bfloat16": lambda pair: (cast(pair[0], ml_dtypes.bfloat16), cast(pair[1], ml_dtypes.bfloat16)),
    "both in float16": lambda pair: (cast(pair[0], np.float16), cast(pair[1], np.float16)),
    "parent in bfloat16": lambda pair: (cast(pair[0], ml_dtypes.bfloat16), pair[1]),
    "child in bfloat16": lambda pair: (pair[0], cast(pair[1], ml_dtypes.bfloat16)),
    "child with half of its weights pruned": lambda pair: (
        pair[0],
        _matrices(pair[1], lambda w: np.where(np.abs(w) > np.median(np.abs(w)), w, 0.0)),
    ),
    "child averaged with its parent": lambda pair: (
        pair[0],
        {name: (0.5 * w + 0.5 * pair[0][name]).astype(np.float32) for name, w in pair[1].items()},
    ),
}
"""What may happen to a parent and its child; the child is still the later one."""

MISLEADING: Mapping[str, Callable[[Model], Model]] = {
    "its cast to bfloat16": lambda model: cast(model, ml_dtypes.bfloat16),
    "its cast to float16": lambda model: cast(model, np.float16),
    "its multiple by 0.9": lambda model: {name: (0.9 * w).astype(np.float32) for name, w in model.items()},
    "its multiple by 1.1": lambda model: {name: (1.1 * w).astype(np.float32) for name, w in model.items()},
    "norms folded into its columns": _folded,
}
"""What a model may be compared with where nothing decayed: any verdict but silence is wrong."""


def verdict(pair: Pair) -> int:
    """1 where the second model is called later, -1 where the first is, 0 where the clock is silent."""
    odds = exact_marks(statistics_of(pair))[DECAYED]
    return int(np.sign(odds[0, 1] - odds[1, 0]))


def edges(family: Tree) -> Iterator[Pair]:
    """Parents with their children."""
    for child, parent in enumerate(family.parents):
        if parent >= 0:
            yield family.models[parent], family.models[child]


def ancestors(family: Tree) -> Iterator[Pair]:
    """Ancestors that are not parents, with their descendants."""
    for child, parent in enumerate(family.parents):
        above = family.parents[parent] if parent >= 0 else -1
        while above >= 0:
            yield family.models[above], family.models[child]
            above = family.parents[above]


def _row(name: str, verdicts: list[int], *, any_is_wrong: bool = False) -> list[str]:
    right = 0 if any_is_wrong else verdicts.count(1)
    wrong = len(verdicts) - verdicts.count(0) - right
    share = f"{right / (right + wrong):.4f}" if right + wrong and not any_is_wrong else "–"
    return [name, str(len(verdicts)), str(verdicts.count(0)), str(right), str(wrong), share]


def verdicts(network: str, seeds: int) -> dict[str, list[int]]:
    """Verdicts on trees of one network, by the name of each row; one tree in four is trained without decay."""
    found: dict[str, list[int]] = {ALL: [], network: [], ANCESTORS: []}
    with_decay: list[Pair] = []
    without: list[Pair] = []
    for optimiser, seed in product(OPTIMISERS, range(seeds)):
        family = tree(network, optimiser, seed, decayed=seed % 4 != 3)
        if seed % 4 == 3:
            without += edges(family)
            continue
        given = [verdict(pair) for pair in edges(family)]
        for key in (ALL, network, optimiser):
            found.setdefault(key, []).extend(given)
        found[ANCESTORS] += [verdict(pair) for pair in ancestors(family)]
        with_decay += edges(family)
    chosen = with_decay[::3]
    for name, change in ALTERED.items():
        found[f"edges, {name}"] = [verdict(change(pair)) for pair in chosen]
    found["edges without decay"] = [verdict(pair) for pair in without]
    for factor in (0.9, 1.1):
        changed = ((a, {name: (factor * w).astype(np.float32) for name, w in b.items()}) for a, b in without)
        found[f"edges without decay, child multiplied by {factor}"] = [verdict(pair) for pair in changed]
    for name, alter in MISLEADING.items():
        found[f"a model and {name}"] = [verdict((b, alter(b))) for _, b in chosen]
    return found


ALL, ANCESTORS = "all edges with decay", "ancestors with decay"


def page(sources: Sources) -> Page:
    """The page; trains some 900 small networks, seven minutes of a core. ``--seeds`` trees of each kind."""
    found: dict[str, list[int]] = {}
    for network in NETWORKS:
        for name, given in verdicts(network, sources.seeds).items():
            found.setdefault(name, []).extend(given)
        sources.progress(f"{network}: {found[network].count(1)} right, {found[network].count(-1)} wrong")
    return written(found)


def written(found: dict[str, list[int]]) -> Page:
    """The page from all verdicts."""
    first = (ALL, *NETWORKS, *OPTIMISERS, ANCESTORS)
    names = [*first, *(name for name in found if name not in first)]
    rows = [_row(name, found[name], any_is_wrong=name.startswith(("a model and", "edges without"))) for name in names]
    text = (
        "# The clock of weight decay\n\n"
        "Rows and columns without a gradient only shrink, all by one factor; the shorter of two models is later. "
        "Small trainings with tokens, inputs, channels or positions that never occur, in random trees of five; rates, "
        "decays and steps vary. Below the edges, what may deceive the clock: there every verdict is counted as wrong. "
        "Adam with L2 moves rows by the signs of their values, which leaves no multiples.\n\n" + table(HEADER, rows)
    )
    return Page(text)
