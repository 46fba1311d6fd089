"""Results of a suite as Markdown tables: a mean over collections with its interval in every field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neural_phylogeny.lab.bench.aggregate import Summary, summarise
from neural_phylogeny.lab.bench.runs import Result
from neural_phylogeny.lab.bench.suites import Suite
from neural_phylogeny.lab.markdown import table

ResultsByMethod = Mapping[str, Sequence[Result]]

METRICS = {
    "overall": "overall",
    "lineage": "lineage",
    "pair_direction": "pair direction",
    "tree_direction": "tree direction",
    "exact_parent": "exact parent",
    "edge_f1": "edge F1",
    "ancestor_f1": "ancestor F1",
    "roots": "roots",
    "exact_forest": "exact forests",
    "lineage_precision": "lineage precision",
    "lineage_recall": "lineage recall",
    "brier_direction": "Brier",
    "false_positives": "false positives",
}
"""The columns, with the titles they get."""

LOWER_IS_BETTER = ("false_positives", "brier_direction")

WITH_INTERVAL = ("overall", "lineage", "pair_direction", "tree_direction", "exact_parent")


def by_method(results: ResultsByMethod) -> str:
    """A row a method, a column a metric, over all cells of a suite; seconds a collection last."""
    metrics = [metric for metric in METRICS if any(summarise(found, metric) for found in results.values())]
    rows = []
    for method, found in results.items():
        fields = [_field(summarise(found, metric), metric in WITH_INTERVAL) for metric in metrics]
        seconds = sum(result.seconds for result in found) / len(found)
        rows.append([method, *fields, f"{seconds:.3f}"])
    return table(["method", *(METRICS[metric] for metric in metrics), "s / collection"], rows)


def by_cell(results: ResultsByMethod, metric: str) -> str:
    """A row a cell, a column a method, of one metric; the best of each row in bold.

    Methods with the same figures in every cell share a column, and a line below the table names them.
    """
    cells = list(dict.fromkeys(result.cell for found in results.values() for result in found))
    columns: dict[tuple[Summary | None, ...], list[str]] = {}
    for method, found in results.items():
        column = tuple(summarise([r for r in found if r.cell == cell], metric) for cell in cells)
        columns.setdefault(column, []).append(method)
    rows = []
    for row, cell in enumerate(cells):
        known = [column[row].micro for column in columns if column[row]]  # type: ignore[union-attr]
        if known:
            best = min(known) if metric in LOWER_IS_BETTER else max(known)
            rows.append([cell, *(_best(column[row], best) for column in columns)])
    columns_of_cells = table([f"{METRICS[metric]}, by cell", *(methods[0] for methods in columns.values())], rows)
    alike = [f"`{first}`: {', '.join(others)}" for first, *others in columns.values() if others]
    return f"{columns_of_cells}\n\nThe same in every cell: {'; '.join(alike)}." if alike else columns_of_cells


def macro_row(results: ResultsByMethod, metrics: Sequence[str]) -> str:
    """A row a method: each metric over models (micro) and as mean over collections (macro)."""
    rows = []
    for method, found in results.items():
        summaries = [summarise(found, metric) for metric in metrics]
        rows.append([method, *(f"{s.micro:.3f} / {s.macro:.3f}" if s else "–" for s in summaries)])
    return table(["micro / macro", *(METRICS[metric] for metric in metrics)], rows)


def page(suite: Suite, results: ResultsByMethod, plot: str | None = None) -> str:
    """Everything about one suite; ``plot`` is the path of its picture."""
    first = next(iter(results.values()))
    seeds = {cell: sum(r.cell == cell for r in first) for cell in dict.fromkeys(r.cell for r in first)}
    models = sum(result.models for result in first)
    lines = [
        f"### {suite.name}: {suite.summary}",
        f"{len(first)} collections in {len(seeds)} cells ({_seeds(first)}), {models} models. Mean over models; in "
        "brackets the middle 95 % when collections are drawn again.",
        by_method(results),
        macro_row(results, [metric for metric in suite.metrics if metric in METRICS]),
        *(by_cell(results, metric) for metric in suite.metrics),
    ]
    if plot:
        lines.append(f"![{suite.name}: {METRICS[suite.metrics[0]]} by cell and method]({plot})")
    return "\n\n".join(lines) + "\n"


def _seeds(results: Sequence[Result]) -> str:
    """Which collections of each cell there are; cells with fewer are counted apart."""
    cells: dict[str, list[int]] = {}
    for result in results:
        cells.setdefault(result.cell, []).append(result.seed)
    by_seeds: dict[tuple[int, ...], int] = {}
    for found in cells.values():
        by_seeds[tuple(sorted(found))] = by_seeds.get(tuple(sorted(found)), 0) + 1
    if len(by_seeds) == 1:
        return _numbers(next(iter(by_seeds)))
    return "; ".join(f"{_numbers(found)} of {number} cells" for found, number in by_seeds.items())


def _numbers(seeds: Sequence[int]) -> str:
    """Seeds in words.

    Examples
    --------
    >>> _numbers([0]), _numbers([0, 1, 2]), _numbers([0, 3])
    ('seed 0', 'seeds 0 to 2', 'seeds 0, 3')
    """
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}"


def _field(summary: Summary | None, interval: bool) -> str:
    if summary is None:
        return "–"
    return f"{summary.micro:.2f} [{summary.low:.2f}, {summary.high:.2f}]" if interval else f"{summary.micro:.3f}"


def _best(summary: Summary | None, best: float) -> str:
    if summary is None:
        return "–"
    text = f"{summary.micro:.2f}"
    return f"**{text}**" if text == f"{best:.2f}" else text
