"""Adapters of a cached collection: what was found of them, as JSON has it, without their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.json_fields import Fields
from neural_phylogeny.reconstruction.adapters import Adapter
from neural_phylogeny.relations.adapters import Fit


def stored(adapters: Sequence[Adapter]) -> list[dict[str, Any]]:
    """What ``restored`` reads; quadratic in the number of adapters, whose likeness is kept."""
    return [
        {
            "model": one.model,
            "rank": one.rank,
            "matrices": one.n_matrices,
            "candidates": list(one.candidates),
            "base": one.base,
            "merged": one.merged,
            "scale": None if one.fit is None else one.fit.scale,
            "left": None if one.fit is None else one.fit.left,
            "is_exact": one.fit is not None and one.fit.is_exact,
            "claim": one.claim,
            "by_lengths": one.by_lengths,
            "gains": {str(model): gains.round(6).tolist() for model, gains in one.gains.items()},
            "alike": [round(one.likeness(other), 4) for other in adapters],
        }
        for one in adapters
    ]


def restored(rows: Sequence[Fields], n: int) -> tuple[Adapter, ...]:
    """Adapters of a collection of n models.

    Raises
    ------
    SavedFileError
        When one of them names a model that is not there, or is damaged.
    """
    models = [_model(row.integer("model"), n) for row in rows]
    found = []
    for model, row in zip(models, rows, strict=True):
        candidates, alike = (row.numbers_or_null(key) for key in ("candidates", "alike"))
        scale, left = row.number_or_null("scale"), row.number_or_null("left")
        is_exact = row.flag("is_exact", default=False)
        found.append(
            Adapter(
                model=model,
                rank=row.integer("rank"),
                n_matrices=row.integer("matrices"),
                candidates=tuple(_model(candidate, n) for candidate in candidates),
                base=_model_or_none(row.integer_or_null("base"), n),
                merged=_model_or_none(row.integer_or_null("merged"), n),
                fit=None if scale is None or left is None else Fit(scale, left, is_exact),
                claim=row.text("claim"),
                by_lengths=_model_or_none(row.integer_or_null("by_lengths"), n),
                gains=_gains(row, n),
                alike=dict(zip(models, (value or 0.0 for value in alike), strict=False)),
            )
        )
    return tuple(found)


def _gains(row: Fields, n: int) -> dict[int, NDArray[np.float64]]:
    kept = Fields(dict(row.mapping("gains")), "cached collection")
    return {
        _model(int(key) if key.isdecimal() else None, n): np.array(
            [np.nan if value is None else value for value in kept.numbers_or_null(key)]
        )
        for key in kept.content
    }


def _model_or_none(value: int | None, n: int) -> int | None:
    return None if value is None else _model(value, n)


def _model(value: float | None, n: int) -> int:
    if value is None or not 0 <= value < n or value != int(value):
        raise SavedFileError(f"a damaged cached collection: an adapter names model {value} of {n}")
    return int(value)
