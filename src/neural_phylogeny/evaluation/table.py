"""Metrics as rows, the same for text and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from neural_phylogeny.evaluation.metrics import Detection, EdgeScores, Scores, WholeScores
from neural_phylogeny.evaluation.rates import Proportion


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: a stable key, its title, its value (None where there was nothing to count) and the counts."""

    key: str
    title: str
    value: float | None
    right: float | None = None
    total: int | None = None


def rows(scores: Scores) -> list[Row]:
    """Every metric, documented edges first."""
    found = [*_edge_rows("documented", scores.documented), *_edge_rows("inferred", scores.inferred)]
    found.append(
        _proportion(
            "false_positives", "false positives: unrelated pairs in one family", scores.false_positives.proportion
        )
    )
    found.append(Row("false_positives_upper", "  upper 95 % bound", scores.false_positives.upper))
    if scores.whole is not None:
        found += _whole_rows(scores.whole)
    found.append(Row("brier_direction", "Brier score, p_direction", scores.calibration_direction.brier))
    found.append(Row("brier_parent", "Brier score, p_parent", scores.calibration_parent.brier))
    return found


def as_dict(scores: Scores) -> dict[str, Any]:
    """The scores as plain data: metrics by key, then the mistakes by kind and name."""
    return {
        "group": scores.group,
        "models": scores.models,
        "complete": scores.whole is not None,
        "metrics": {row.key: {"value": row.value, "right": row.right, "total": row.total} for row in rows(scores)},
        "mistakes": [asdict(mistake) for mistake in scores.mistakes],
        "false_positives": [list(pair) for pair in scores.false_positives.pairs],
        "calibration": {
            "direction": asdict(scores.calibration_direction),
            "parent": asdict(scores.calibration_parent),
        },
        "unread": list(scores.unread),
        "absent": list(scores.absent),
    }


def _edge_rows(certainty: str, scores: EdgeScores) -> Iterator[Row]:
    yield _proportion(f"{certainty}.tree_direction", f"tree direction, {certainty} edges", scores.tree_direction)
    yield _proportion(f"{certainty}.exact_parent", f"exact parent, {certainty} edges", scores.exact_parent)
    yield _proportion(f"{certainty}.same_family", f"both ends in one family, {certainty} edges", scores.same_family)


def _whole_rows(whole: WholeScores) -> Iterator[Row]:
    yield _proportion("overall", "overall accuracy", whole.overall)
    yield _proportion("lineage", "lineage accuracy", whole.lineage)
    yield _proportion("lineage_precision", "  precision", whole.lineage_pairs.precision)
    yield _proportion("lineage_recall", "  recall", whole.lineage_pairs.recall)
    yield _f1("edge_f1", "edge F1", whole.edges)
    yield _f1("ancestor_f1", "ancestor F1", whole.ancestors)
    yield _proportion("roots", "roots right", whole.roots)
    yield _proportion("exact_forest", "exact forest", Proportion(float(whole.exact), 1))


def _proportion(key: str, title: str, found: Proportion) -> Row:
    return Row(key, title, found.value, found.right, found.total)


def _f1(key: str, title: str, found: Detection) -> Row:
    return Row(key, title, found.f1)
