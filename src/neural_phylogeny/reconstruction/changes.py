"""How far each layer moved between two models, and the cosines of all pairs of a family."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from neural_phylogeny.reconstruction.findings import Findings
from neural_phylogeny.records import LayerChange, SimilarityTable
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.roles import Role

MOST_LAYERS = 64
"""Networks of more modules are summed up block by block."""

MOST_MODELS = 2000
"""Larger families have no table of similarities: it grows with the square."""

DIGITS = 3
"""Digits of a cosine in the table."""


def layer_changes(statistics: Statistics, parent: int, child: int) -> tuple[LayerChange, ...]:
    """``‖child − parent‖ / ‖parent‖`` of each layer that two models compare, in stored order; O(n_tensors).

    Layers have the child's names. The Gram matrices give the norms; nothing is read.
    """
    norms: dict[str, tuple[float, float]] = {}
    for tensor, arrays, a, b in statistics.compared(parent, child):
        if tensor.role is Role.BUFFER or "gram" not in arrays:
            continue
        gram = arrays["gram"]
        with np.errstate(all="ignore"):  # a model may hold infinities
            step, length = float(gram[a, a] + gram[b, b] - 2.0 * gram[a, b]), float(gram[a, a])
        if np.isfinite(step) and np.isfinite(length):
            norms[tensor.sources[b].name] = (max(step, 0.0), length)
    found: dict[str, list[float]] = {}
    names = _layers(list(norms))
    for name, (step, length) in norms.items():
        total = found.setdefault(names[name], [0.0, 0.0])
        total[0] += step
        total[1] += length
    return tuple(
        LayerChange(layer=name, change=float(f"{(step / length) ** 0.5:.4g}"))
        for name, (step, length) in found.items()
        if length > 0.0
    )


def _layers(names: Sequence[str]) -> dict[str, str]:
    """By tensor, its module; its block where there are too many modules, its first part where there are too many."""
    ways = (_module, _block, lambda name: re.split(r"[./]", name, maxsplit=1)[0])
    for way in ways:
        found = {name: way(name) for name in names}
        if len(set(found.values())) <= MOST_LAYERS:
            break
    return found


def _module(name: str) -> str:
    return re.sub(r"[./][^./]*$", "", name)


def _block(name: str) -> str:
    """The name up to its first number: ``model.layers.3`` of ``model.layers.3.mlp.weight``."""
    found = re.match(r".*?[./_]\d+(?=[./]|$)", name)
    return found[0] if found else _module(name)


def similarity_table(names: Sequence[str], found: Findings, rows: Sequence[int]) -> SimilarityTable | None:
    """The cosines of all pairs of some rows of a group, called ``names``; None for families above ``MOST_MODELS``."""
    if not 2 < len(rows) <= MOST_MODELS:
        return None
    table = found.existence.cosine[np.ix_(rows, rows)]
    i, j = np.tril_indices(len(rows), -1)
    values = np.round(table[i, j], DIGITS).tolist()
    return SimilarityTable(
        models=tuple(names), cosines=tuple(value if np.isfinite(value) else None for value in values)
    )
