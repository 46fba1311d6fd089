"""Fits the test for a common initialisation: ``detector/initialisation.json``.

Siblings are members of batches whose root was lost, or is left out here. Strangers of one initialisation are roots of
trees that share it, and whole families of such, of the prior ``strangers``: trained with one recipe in another order,
with recipes of their own, or on other tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.initialisation import FEATURES, InitialisationTest, features, initialisation_test
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.families.batches import KnownFamily, batch_number, is_left_out, read_batch
from neural_phylogeny.lab.fitting.parameters import Fitted, recipe
from neural_phylogeny.lab.markdown import table

Array = NDArray[np.float64]

LOST = 0.05
"""Share of training siblings that may be called strangers: it sets the lower threshold.

The upper one is where errors are equal: as large a share of siblings is not recognised as of strangers is called
siblings. Strangers of one recipe are left out of that: the first stretch of the way, which they go together, is an
ancestor in all but name.
"""

RIDGE = 3.0
"""Of the logistic regression, on standardised weights."""

CLIPPED = (0.02, 0.98)
"""Quantiles at which features are clipped before their mean and deviation are taken."""

WEIGHTS = {"siblings": 0.5, "batches": 0.2, "strangers": 0.3}
"""What groups of siblings, of strangers in batches and of the prior of strangers count for, each kind together."""

THRESHOLDS = (-1.0, -0.75, -0.35, 0.0, 0.3, 0.84, 1.76)
"""Log-odds at which the curve is shown."""

ALIKE = "strangers all"
"""The topology of strangers of one recipe."""


@dataclass(frozen=True)
class Groups:
    """Features of groups ``(s, 4)``, whether each has an ancestor ``(s,)``, and what kind it is ``(s,)``."""

    features: Array
    ancestor: NDArray[np.bool_]
    kind: NDArray[np.str_]

    @classmethod
    def of(cls, rows: Sequence[tuple[Array, bool, str]]) -> Self:
        """From one row for each group."""
        return cls(
            np.array([row[0] for row in rows]).reshape(-1, len(FEATURES)),
            np.array([row[1] for row in rows], dtype=bool),
            np.array([row[2] for row in rows], dtype=np.str_),
        )


def groups_of(known: KnownFamily) -> Iterator[tuple[NDArray[np.int64], bool]]:
    """Siblings without their parent, and roots of one initialisation, of a family; whether they have an ancestor."""
    roots = np.flatnonzero(known.parents < 0)
    same = float(known.about["same initialisation"]) > 0
    for label in np.unique(known.trees[roots]):
        own = roots[known.trees[roots] == label]
        orphans, others = own[known.missing[own]], own[~known.missing[own]]
        if len(orphans) > 1 and not same:  # of several trees of one initialisation it is not known whose they are
            yield orphans, True
        if len(others) > 1:
            yield others, False
    for root in [] if same else roots.tolist():
        children = np.flatnonzero(known.parents == root)
        if len(children) > 1:
            yield children, True


def rows_of(paths: Iterable[Path]) -> Iterator[tuple[Array, bool, str]]:
    """Features of all groups of some batches, each of more than three models also as a smaller one."""
    for path in paths:
        rng = np.random.default_rng(batch_number(path))
        for known in read_batch(path):
            topology = str(known.about["topology"])
            kind = topology if topology.startswith("strangers") else "batches"
            for group, ancestor in groups_of(known):
                shown = [group]
                if len(group) > 3:
                    shown.append(np.sort(rng.permutation(group)[: int(rng.integers(2, len(group)))]))
                for some in shown:
                    yield features(Measurements.of(known.statistics, some.tolist())), ancestor, kind


def fit(batches: Sequence[Path], strangers: Sequence[Path]) -> Fitted:
    """The content of ``initialisation.json``, and how the test does on the batches that are left out of the fit.

    Parameters
    ----------
    batches : sequence of paths
        Batches of families.
    strangers : sequence of paths
        Batches of the prior ``strangers``.

    Notes
    -----
    A second for each batch.
    """
    used = [path for path in (*batches, *strangers) if not is_left_out(path)]
    groups = Groups.of([*rows_of(used)])
    test = fitted_test(groups)
    n_siblings = int(groups.ancestor.sum())
    counts = {"siblings": n_siblings, "strangers": len(groups.ancestor) - n_siblings}
    parameters = {
        "recipe": recipe("initialisation", used, groups=counts),
        **{
            name: dict(zip(FEATURES, np.round(values, 4).tolist(), strict=True))
            for name, values in (("mean", test.mean), ("deviation", test.deviation), ("weights", test.weights))
        },
        "bias": round(test.bias, 4),
        "initialisation": round(test.initialisation, 3),
        "ancestor": round(test.ancestor, 3),
    }
    left = Groups.of([*rows_of(path for path in (*batches, *strangers) if is_left_out(path))])
    titles = (("the test that ships", initialisation_test()), ("the new test", test))
    pages = [f"### {title}, on batches that are left out\n\n{report(left, one)}" for title, one in titles]
    return Fitted(parameters, "\n\n".join(pages))


def fitted_test(groups: Groups) -> InitialisationTest:
    """A logistic regression on standardised features, and its two thresholds."""
    kinds = np.where(groups.ancestor, "siblings", np.where(groups.kind == "batches", "batches", "strangers"))
    counts = {kind: max(int((kinds == kind).sum()), 1) for kind in WEIGHTS}
    weights = np.array([WEIGHTS[kind] / counts[kind] for kind in kinds.tolist()])
    low, high = np.nanquantile(groups.features, CLIPPED, axis=0)
    clipped = np.clip(groups.features, low, high)
    mean, deviation = np.nanmean(clipped, axis=0), np.nanstd(clipped, axis=0)
    plain = InitialisationTest(mean, deviation, np.ones(len(FEATURES)), 0.0, 0.0, 0.0)
    rows = np.eye(len(FEATURES))
    standard = np.stack([replace(plain, weights=row).log_odds(groups.features) for row in rows], axis=1)
    found = logistic(standard, groups.ancestor, weights * len(weights))
    test = replace(plain, weights=found[1:], bias=float(found[0]))
    log_odds = test.log_odds(groups.features)
    siblings, others = log_odds[groups.ancestor], log_odds[~groups.ancestor & (groups.kind != ALIKE)]
    lower, upper = float(np.quantile(siblings, LOST)), equal_errors(siblings, others)
    return replace(test, initialisation=min(lower, upper), ancestor=upper)


def equal_errors(siblings: Array, strangers: Array) -> float:
    """The threshold below which as large a share of siblings lies as of strangers above.

    Examples
    --------
    >>> equal_errors(np.array([0.0, 1.0, 2.0, 3.0]), np.array([-2.0, -1.0, 0.5, 1.5]))
    1.0
    """
    thresholds = np.sort(siblings)
    lost = np.arange(len(thresholds)) / len(thresholds)
    false = 1.0 - np.searchsorted(np.sort(strangers), thresholds) / len(strangers)
    return float(thresholds[np.argmin(np.abs(lost - false))])


def logistic(x: Array, truth: NDArray[np.bool_], weights: Array, strength: float = RIDGE) -> Array:
    """Bias and weights ``(1 + f,)`` by Newton's method, with a ridge on the weights."""
    x = np.column_stack([np.ones(len(x)), x])
    found, ridge = np.zeros(x.shape[1]), strength * np.diag([0.0, *np.ones(x.shape[1] - 1)])
    for _ in range(12):
        p = 1.0 / (1.0 + np.exp(-x @ found))
        curvature = (x * (weights * p * (1.0 - p))[:, None]).T @ x + ridge
        found += np.linalg.solve(curvature, x.T @ (weights * (truth - p)) - ridge @ found)
    return found


def rows_of_suites(collections: Iterable[CachedCollection]) -> Iterator[tuple[Array, bool, str]]:
    """Strangers of one seed, all and five at a time; children of each parent in suites of families."""
    for kept in collections:
        names = [ref.name for ref in kept.collection.refs]
        are_strangers = not kept.truth.edges
        for group in kept.collection.groups:
            place = {names[model]: row for row, model in enumerate(group.members)}
            sets: list[list[int]] = []
            if are_strangers and "same" in kept.cell:
                every = sorted(place.values())
                sets = [every, *(every[k : k + 5] for k in range(0, len(every), 5))]
            children: dict[str, list[int]] = {}
            for edge in kept.truth.edges:
                if edge.parent in place and edge.child in place:
                    children.setdefault(edge.parent, []).append(place[edge.child])
            sets += [some for some in children.values() if len(some) > 1]
            cell = kept.cell if are_strangers else f"suite {kept.cell.rsplit('-', 1)[0]}"
            for some in sets:
                yield features(Measurements.of(group.statistics, sorted(some))), not are_strangers, cell


def area(log_odds: Array, truth: NDArray[np.bool_]) -> float:
    """Probability that a group with an ancestor is above one without; NaN where there is none of either."""
    above, below = log_odds[truth], log_odds[~truth]
    if not len(above) or not len(below):
        return float("nan")
    return float(((above[:, None] > below).mean() + (above[:, None] >= below).mean()) / 2.0)


def report(groups: Groups, test: InitialisationTest) -> str:
    """The answers of each kind of group, and what other thresholds would give, as Markdown."""
    log_odds = test.log_odds(groups.features)
    answers = []
    for ancestor in (False, True):
        for kind in sorted(set(groups.kind[groups.ancestor == ancestor].tolist())):
            own = log_odds[(groups.kind == kind) & (groups.ancestor == ancestor)]
            low, high = float((own < test.initialisation).mean()), float((own >= test.ancestor).mean())
            name = ("siblings: " if ancestor else "strangers: ") + kind
            answers.append([name, str(len(own)), f"{low:.3f}", f"{1.0 - low - high:.3f}", f"{high:.3f}"])
    batches = groups.kind == "batches"
    mixed = (batches & groups.ancestor) | np.char.startswith(groups.kind, "strangers ")
    areas = [
        f"of batches alone {area(log_odds[batches], groups.ancestor[batches]):.3f}",
        f"siblings of batches against strangers of the prior {area(log_odds[mixed], groups.ancestor[mixed]):.3f}",
    ]
    header = ["", "groups", "initialisation", "undecided", "ancestor"]
    return "\n\n".join([table(header, answers), f"Area below the curve: {'; '.join(areas)}.", _curve(groups, log_odds)])


def _curve(groups: Groups, log_odds: Array) -> str:
    """Shares of each kind at each threshold."""
    kinds, ancestor = groups.kind, groups.ancestor
    others = np.char.startswith(kinds, "strangers ") & (kinds != ALIKE)
    columns = {
        "false: roots in batches": (kinds == "batches") & ~ancestor,
        "false: one recipe": kinds == ALIKE,
        "false: own recipe or task": others,
        "false: strangers suite": np.char.endswith(kinds, "-same"),
        "lost: siblings in batches": (kinds == "batches") & ancestor,
        "lost: suites without their parents": np.char.startswith(kinds, "suite "),
    }
    shown = {title: some for title, some in columns.items() if some.any()}
    rows = []
    for threshold in THRESHOLDS:
        shares = [
            float(
                (log_odds[some] >= threshold).mean()
                if title.startswith("false")
                else (log_odds[some] < threshold).mean()
            )
            for title, some in shown.items()
        ]
        rows.append([f"{threshold:.2f}", *(f"{share:.1%}" for share in shares)])
    return table(["log-odds", *shown], rows)
