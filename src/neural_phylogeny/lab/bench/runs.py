"""Running methods over the collections of a suite: every metric of every collection, as plain numbers."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import neural_phylogeny
from neural_phylogeny.evaluation.metrics import Detection, Scores, score
from neural_phylogeny.evaluation.rates import Calibration, Proportion
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.files.json_fields import Fields, parse
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.pairs import pair_direction, true_pairs
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import Examined, examine
from neural_phylogeny.trees.methods import METHODS, Method

FORMAT, VERSION = "neural-phylogeny-benchmark", 1

ALPHA = 1e-3
"""Of the existence test, as the tool's default."""

Counts = dict[str, tuple[float, float]]
"""Each metric as (numerator, denominator), so that those of several collections add up."""


@dataclass(frozen=True)
class Result:
    """What one method reached on one collection."""

    cell: str
    seed: int
    models: int
    seconds: float
    counts: Counts


def run_suite(
    collections: Sequence[CachedCollection],
    methods: Sequence[str],
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, list[Result]]:
    """Results by method. The relations are computed once a collection, for all methods.

    Seconds are those of a method after that, the making of the answer's records included.
    """
    results: dict[str, list[Result]] = {name: [] for name in methods}
    for done, kept in enumerate(collections):
        if progress:
            progress(done, len(collections))
        examined = examine(kept.collection, ALPHA)
        pairs = true_pairs(kept, ALPHA)
        for name in methods:
            method = METHODS[name]
            started = time.perf_counter()
            answer = phylogeny(kept.collection, method, ALPHA, seed, examined)
            seconds = time.perf_counter() - started
            found = score(answer, kept.truth)
            counts = counts_of(found) | {"pair_direction": _pair(pair_direction(pairs, method, ALPHA, seed))}
            results[name].append(Result(kept.cell, kept.seed, found.models, round(seconds, 4), counts))
    return results


def counts_by(method: Method, kept: CachedCollection, examined: Examined) -> Counts:
    """Every metric of what a method answers on a collection whose relations are given."""
    return counts_of(score(phylogeny(kept.collection, method, ALPHA, 0, examined), kept.truth))


def counts_of(found: Scores) -> Counts:
    """Every metric of a scored answer as counts; those that need a complete truth only where it is."""
    counts = {
        "exact_parent": _pair(found.documented.exact_parent),
        "tree_direction": _pair(found.documented.tree_direction),
        "false_positives": _pair(found.false_positives.proportion),
        "brier_direction": _brier(found.calibration_direction),
    }
    whole = found.whole
    if whole is not None:
        counts |= {
            "overall": _pair(whole.overall),
            "lineage": _pair(whole.lineage),
            "lineage_precision": _pair(whole.lineage_pairs.precision),
            "lineage_recall": _pair(whole.lineage_pairs.recall),
            "edge_f1": _f1(whole.edges),
            "ancestor_f1": _f1(whole.ancestors),
            "roots": _pair(whole.roots),
            "exact_forest": (float(whole.exact), 1.0),
        }
    return counts


def _pair(found: Proportion) -> tuple[float, float]:
    return float(found.right), float(found.total)


def _f1(found: Detection) -> tuple[float, float]:
    return 2.0 * found.recall.right, float(found.precision.total + found.recall.total)


def _brier(found: Calibration) -> tuple[float, float]:
    return (found.brier or 0.0) * found.number, float(found.number)


def write_results(folder: Path, suite: str, method: Method, seed: int, results: Sequence[Result]) -> Path:
    """One JSON file for a suite and a method: what was run, with what, and what came out."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "suite": suite,
        "method": method.name,
        "parameters": {"alpha": ALPHA, "seed": seed, "options": asdict(method.options)},
        "software": {"neural-phylogeny": neural_phylogeny.__version__, "numpy": np.__version__, **_optional_versions()},
        "environment": {"python": platform.python_version(), "system": platform.platform(terse=True)},
        "collections": [asdict(result) for result in results],
    }
    path = folder / suite / f"{method.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())
    return path


def _optional_versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("scikit-learn", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def read_results(path: Path) -> tuple[str, str, list[Result]]:
    """(suite, method, results) of one file.

    Raises
    ------
    SavedFileError
        When it is damaged or of another version.
    """
    from neural_phylogeny.errors import SavedFileError

    try:
        root = parse(path.read_text(encoding="utf-8"), "benchmark result")
        if (root.text("format"), root.integer("version")) != (FORMAT, VERSION):
            raise SavedFileError(f"not a benchmark result of version {VERSION}; run it again")
        return root.text("suite"), root.text("method"), [_result(item) for item in root.objects("collections")]
    except (OSError, UnicodeDecodeError, SavedFileError) as error:
        raise SavedFileError(f"{path}: {error}") from error


def _result(item: Fields) -> Result:
    counts: Mapping[str, Any] = item.mapping("counts")
    return Result(
        item.text("cell"),
        item.integer("seed"),
        item.integer("models"),
        item.number("seconds"),
        {name: (float(right), float(total)) for name, (right, total) in counts.items()},
    )
