"""Scores as rows: the same names and numbers for text and for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from neural_phylogeny.evaluation.metrics import Detection, EdgeScores, Scores, WholeScores
from neural_phylogeny.evaluation.rates import Share


@dataclass(frozen=True, slots=True)
class Row:
    """One metric: a stable key, words for people, its value (None where there was nothing to count) and counts."""

    key: str
    title: str
    value: float | None
    right: float | None = None
    total: int | None = None


def rows(scores: Scores) -> list[Row]:
    """Every metric, those of the documented edges first."""
    found = [*_edge_rows("documented", scores.documented), *_edge_rows("inferred", scores.inferred)]
    found.append(_share("false_kin", "unrelated pairs called related", scores.false_kin.share))
    found.append(Row("false_kin_upper", "  upper 95 % bound", scores.false_kin.upper))
    if scores.whole is not None:
        found += _whole_rows(scores.whole)
    found.append(Row("brier_direction", "Brier score of the directions", scores.calibration_direction.brier))
    found.append(Row("brier_kin", "Brier score of undirected kinship", scores.calibration_kin.brier))
    return found


def as_dict(scores: Scores) -> dict[str, Any]:
    """Everything in the scores as plain data: metrics by key, then what was wrong, by name."""
    return {
        "group": scores.group,
        "models": scores.models,
        "complete": scores.whole is not None,
        "metrics": {row.key: {"value": row.value, "right": row.right, "total": row.total} for row in rows(scores)},
        "mistakes": [asdict(mistake) for mistake in scores.mistakes],
        "false_kin": [list(pair) for pair in scores.false_kin.pairs],
        "calibration": {"direction": asdict(scores.calibration_direction), "kin": asdict(scores.calibration_kin)},
        "unread": list(scores.unread),
        "absent": list(scores.absent),
    }


def _edge_rows(certainty: str, scores: EdgeScores) -> Iterator[Row]:
    yield _share(f"{certainty}.tree_direction", f"tree direction, {certainty} edges", scores.tree_direction)
    yield _share(f"{certainty}.exact_parent", f"exact parent, {certainty} edges", scores.exact_parent)
    yield _share(f"{certainty}.kin", f"ends in one family, {certainty} edges", scores.kin)


def _whole_rows(whole: WholeScores) -> Iterator[Row]:
    yield _share("overall", "overall accuracy", whole.overall)
    yield _share("lineage", "lineage accuracy", whole.lineage)
    yield _share("lineage_precision", "  precision", whole.lineage_pairs.precision)
    yield _share("lineage_recall", "  recall", whole.lineage_pairs.recall)
    yield _f1("edge_f1", "edge F1", whole.edges)
    yield _f1("ancestor_f1", "ancestor F1", whole.ancestors)
    yield _share("roots", "roots right", whole.roots)
    yield _share("exact_forest", "exact forest", Share(float(whole.exact), 1))


def _share(key: str, title: str, share: Share) -> Row:
    return Row(key, title, share.value, share.right, share.total)


def _f1(key: str, title: str, found: Detection) -> Row:
    return Row(key, title, found.f1)
