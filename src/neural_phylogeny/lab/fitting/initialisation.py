"""Initialisation or ancestor: makes strangers of one seed, fits the test, tells how well it does.

    nphylo lab detector families --out waves/ --first 1000 --waves 900              # families, see docs/detector.md
    python benchmarks/initialisation.py make strangers/                         # 300 waves, an hour of a core
    python benchmarks/initialisation.py fit waves/ strangers/ --out src/neural_phylogeny/detector/initialisation.json
    python benchmarks/initialisation.py test left/ strangers/ --suites benchmarks/data

Siblings are families of the detector's training whose root was lost, or is left out here; strangers of one seed are
roots of trees that began at one initialisation, and whole families of such, made here: trained with one recipe in
another order, with recipes of their own, or on other tasks. Of the latter every fifth wave is for testing; the suites
are looked at by ``test`` alone.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector import initialisation
from neural_phylogeny.detector.initialisation import FEATURES, InitialisationTest
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.lab.bench.kept import load_kept
from neural_phylogeny.lab.families.architectures import Architecture
from neural_phylogeny.lab.families.make import make_waves
from neural_phylogeny.lab.families.measured import statistics_of
from neural_phylogeny.lab.families.plan import MOST_STEPS, FamilyPlan, draw_family
from neural_phylogeny.lab.training.examples import Known, measured_families

Array = NDArray[np.float64]

FIRST, WAVES, FAMILIES = 5000, 300, 14
STEPS = (150.0, 2000.0)
"""Least and most steps of a stranger's training."""

TESTED = 5
"""Every so many waves of strangers are for testing."""

LOST = 0.05
"""Share of training siblings that may be called strangers: it sets the lower bar.

The upper one is where errors are equal: as large a share of siblings is not told as of strangers is called siblings.
Strangers of one recipe are left out of that: the first stretch of the way, which they go together, is an ancestor in
all but name.
"""

RIDGE = 3.0

BARS = (-1.0, -0.75, -0.35, 0.0, 0.3, 0.84, 1.76)
"""Log-odds at which the curve is shown."""


@dataclass(frozen=True)
class Sets:
    """Features (s, 4) of groups, whether each has an ancestor (s,), and what kind it is (s,)."""

    features: Array
    ancestor: NDArray[np.bool_]
    kind: NDArray[np.str_]

    @classmethod
    def of(cls, rows: Sequence[tuple[Array, bool, str]]) -> Sets:
        return cls(np.array([r[0] for r in rows]), np.array([r[1] for r in rows]), np.array([r[2] for r in rows]))


def draw_strangers(
    architecture: Architecture, tasks: int, batch: int, rng: np.random.Generator, regime: str | None = None
) -> FamilyPlan:
    """Models of one initialisation, each trained on its own: with one recipe, or its own, or on another task."""
    drawn = draw_family(architecture, tasks, batch, rng, "star")
    n = int(rng.integers(3, 9)) if rng.random() < 0.85 else int(rng.integers(9, 17))
    first = replace(drawn.trainings[0], steps=_steps(rng), batch=batch)
    alike = str(rng.choice(["all", "task", "none"], p=[0.55, 0.25, 0.2]))
    trainings = [first]
    for _ in range(n - 1):
        own = draw_family(architecture, tasks, batch, rng, "star").trainings[0]
        other = replace(first, seed=own.seed)
        if alike != "all":
            other = replace(own, steps=_steps(rng), batch=batch, task=first.task if alike == "task" else own.task)
        trainings.append(other)
    paced = tuple(replace(t, steps=min(t.steps, MOST_STEPS[architecture.kind])) for t in trainings)
    return replace(
        drawn,
        regime=f"strangers {alike}",
        parents=(-1,) * n,
        trainings=paced,
        initial_seeds=(drawn.initial_seeds[0],) * n,
        head="left out" if drawn.head == "left out" else "kept",
    )


def _steps(rng: np.random.Generator) -> int:
    return int(10 * round(np.exp(rng.uniform(*np.log(STEPS))) / 10))


def groups(known: Known) -> Iterator[tuple[NDArray[np.int64], bool]]:
    """Siblings without their parent, and roots of one initialisation, of a family."""
    roots = np.flatnonzero(known.parents < 0)
    same = known.about["same initialisation"] > 0
    for label in np.unique(known.trees[roots]):
        own = roots[known.trees[roots] == label]
        orphans, others = own[known.hidden[own]], own[~known.hidden[own]]
        if len(orphans) > 1 and not same:  # of several trees of one initialisation nobody knows whose they are
            yield orphans, True
        if len(others) > 1:
            yield others, False
    for root in [] if same else roots.tolist():
        children = np.flatnonzero(known.parents == root)
        if len(children) > 1:
            yield children, True


def read(folder: Path, kind: str, tested: bool | None = None) -> list[tuple[Array, bool, str]]:
    """Features of all groups in a folder of waves, each of more than three also as a smaller one."""
    rows = []
    for path in sorted(folder.glob("wave-*.npz")):
        number = int(path.stem.split("-")[1])
        if tested is not None and (number % TESTED == 0) != tested:
            continue
        rng = np.random.default_rng(number)
        for known in measured_families(path):
            regime = str(known.about["regime"])
            for group, ancestor in groups(known):
                shown = [group]
                if len(group) > 3:
                    shown.append(np.sort(rng.permutation(group)[: int(rng.integers(2, len(group)))]))
                name = regime if regime.startswith("strangers") else kind
                for some in shown:
                    rows.append((initialisation.features(known.measured.subset(some.tolist())), ancestor, name))
    return rows


def fit(waves: Path, strangers: Path) -> dict[str, object]:
    """The parameters; ancestors count for half, strangers of waves a fifth, those made here the rest."""
    sets = Sets.of(read(waves, "waves") + read(strangers, "strangers", tested=False))
    share = np.where(sets.ancestor, 0.5, np.where(sets.kind == "waves", 0.2, 0.3))
    codes = np.unique(share, return_inverse=True)[1]
    weights = share / np.bincount(codes)[codes]
    low, high = np.nanquantile(sets.features, [0.02, 0.98], axis=0)
    clipped = np.clip(sets.features, low, high)
    mean, deviation = np.nanmean(clipped, axis=0), np.nanstd(clipped, axis=0)
    plain = InitialisationTest(mean, deviation, np.ones(len(FEATURES)), 0.0, 0.0, 0.0)
    standard = np.stack([replace(plain, weights=row).log_odds(sets.features) for row in np.eye(len(FEATURES))], axis=1)
    found = logistic(standard, sets.ancestor, weights * len(weights))
    test = replace(plain, weights=found[1:], bias=float(found[0]))
    said = test.log_odds(sets.features)
    alike = sets.kind == "strangers all"
    bar = equal_errors(said[sets.ancestor], said[~sets.ancestor & ~alike])
    return {
        "provenance": f"benchmarks/initialisation.py fit: {int(sets.ancestor.sum())} groups of siblings without their "
        f"parent, {int((~sets.ancestor).sum())} of strangers of one initialisation",
        **{
            name: dict(zip(FEATURES, np.round(values, 4).tolist(), strict=True))
            for name, values in (("mean", mean), ("deviation", deviation), ("weights", found[1:]))
        },
        "bias": round(float(found[0]), 4),
        "initialisation": round(float(np.quantile(said[sets.ancestor], LOST)), 3),
        "ancestor": round(float(bar), 3),
    }


def equal_errors(siblings: Array, strangers: Array) -> float:
    """The bar below which as large a share of siblings lies as of strangers above."""
    bars = np.sort(siblings)
    lost = np.arange(len(bars)) / len(bars)
    false = 1.0 - np.searchsorted(np.sort(strangers), bars) / len(strangers)
    return float(bars[np.argmin(np.abs(lost - false))])


def logistic(x: Array, truth: NDArray[np.bool_], weights: Array) -> Array:
    """Bias and weights (1 + f,) by Newton's method, with a ridge on the weights."""
    x = np.column_stack([np.ones(len(x)), x])
    found, ridge = np.zeros(x.shape[1]), RIDGE * np.diag([0.0, *np.ones(x.shape[1] - 1)])
    for _ in range(12):
        p = 1.0 / (1.0 + np.exp(-x @ found))
        curvature = (x * (weights * p * (1.0 - p))[:, None]).T @ x + ridge
        found += np.linalg.solve(curvature, x.T @ (weights * (truth - p)) - ridge @ found)
    return found


def suites(folder: Path) -> list[tuple[Array, bool, str]]:
    """Strangers of one seed, up to twenty and five at a time; children of each parent in the other suite."""
    rows = []
    for suite in ("strangers", "paper"):
        for path in sorted((folder / suite).glob("*/*.npz")):
            kept = load_kept(path)
            names = [ref.name for ref in kept.collection.refs]
            for group in kept.collection.groups:
                place = {names[model]: row for row, model in enumerate(group.members)}
                sets: list[list[int]] = []
                if suite == "strangers" and "same" in kept.cell:
                    every = sorted(place.values())
                    sets = [every, *(every[k : k + 5] for k in range(0, len(every), 5))]
                children: dict[str, list[int]] = {}
                for edge in kept.truth.edges:
                    if edge.parent in place and edge.child in place:
                        children.setdefault(edge.parent, []).append(place[edge.child])
                sets += [rows_ for rows_ in children.values() if len(rows_) > 1]
                cell = kept.cell.rsplit("-", 1)[0] if suite == "paper" else kept.cell
                for some in sets:
                    found = initialisation.features(Measurements.of(group.statistics, sorted(some)))
                    rows.append((found, suite == "paper", cell))
    return rows


def area(said: Array, truth: NDArray[np.bool_]) -> float:
    """Probability that a group with an ancestor is above one without."""
    above, below = said[truth], said[~truth]
    return float(((above[:, None] > below).mean() + (above[:, None] >= below).mean()) / 2.0)


def report(sets: Sets, test: InitialisationTest) -> None:
    """Prints the answers of each kind of group, and the curve."""
    said = test.log_odds(sets.features)
    print(f"{'':28} groups  initialisation  undecided  ancestor")
    for ancestor in (False, True):
        for kind in sorted(set(sets.kind[sets.ancestor == ancestor].tolist())):
            own = said[(sets.kind == kind) & (sets.ancestor == ancestor)]
            low, high = (own < test.initialisation).mean(), (own >= test.ancestor).mean()
            name = ("siblings: " if ancestor else "strangers: ") + kind
            print(f"{name:28} {len(own):6} {low:15.3f} {1.0 - low - high:10.3f} {high:9.3f}")
    print("area below the curve, waves left out alone:", end=" ")
    waves = sets.kind == "waves"
    print(round(area(said[waves], sets.ancestor[waves]), 3), end="; their siblings against strangers made here: ")
    mixed = (waves & sets.ancestor) | np.char.startswith(sets.kind, "strangers ")
    print(round(area(said[mixed], sets.ancestor[mixed]), 3))
    print("bar: false kin among strangers of waves, of one recipe, of others, of the suite; lost siblings, suite's")
    alike, suite = sets.kind == "strangers all", np.char.endswith(sets.kind, "-same")
    other = np.char.startswith(sets.kind, "strangers ") & ~alike
    strangers = [(waves & ~sets.ancestor), alike, other, suite]
    siblings = [(waves & sets.ancestor), sets.ancestor & ~waves]
    for bar in BARS:
        false = [f"{(said[some] >= bar).mean():6.1%}" for some in strangers if some.any()]
        lost = [f"{(said[some] < bar).mean():6.1%}" for some in siblings if some.any()]
        print(f"{bar:6.2f}:", *false, " |", *lost)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("strangers", type=Path)
    making.add_argument("--data", type=Path, default=os.environ.get("NPHYLO_DATA"))
    fitting, testing = commands.add_parser("fit"), commands.add_parser("test")
    for command in (fitting, testing):
        command.add_argument("waves", type=Path)
        command.add_argument("strangers", type=Path)
    fitting.add_argument("--out", type=Path, required=True)
    testing.add_argument("--suites", type=Path)
    options = parser.parse_args()
    if options.command == "make":
        make_waves(
            options.strangers,
            FIRST,
            FIRST + WAVES,
            lambda models: dict(Measurements.of(statistics_of(models)).arrays()),
            data=options.data,
            n_families=FAMILIES,
            draw=draw_strangers,
            told=lambda path, families: print(path, families, flush=True),
        )
    elif options.command == "fit":
        found = fit(options.waves, options.strangers)
        options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(found, indent=1))
    else:
        rows = read(options.waves, "waves") + read(options.strangers, "strangers", tested=True)
        rows += suites(options.suites) if options.suites else []
        report(Sets.of(rows), initialisation.initialisation_test())


if __name__ == "__main__":
    main()
