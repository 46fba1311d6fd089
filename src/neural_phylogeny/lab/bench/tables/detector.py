"""The learned detector on families it has not seen, what it owes to its inputs, and what other learners make of them.

    nphylo lab detector families --out waves/ --waves 600
    nphylo lab detector families --out tests/ --waves 20 --first 9000 --test-sets
    python benchmarks/detector.py waves/ tests/ --states states/

Prints Markdown tables. The trainings for the ablation take a quarter of an hour of one core; each is kept in the folder
of states when it is done, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import GROUPS, names
from neural_phylogeny.detector.network import Probabilities, TrainedDetector
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.lab.training.assessment import Assessment, assess
from neural_phylogeny.lab.training.examples import Example, Losses, read_examples
from neural_phylogeny.lab.training.fit import calibrated, wave_files

ONLY_ROOTS = Losses(mixed=0.0, again=1.0, pair=0.0, root=1.0, matrices=0.0)
DATA = Path(__file__).parent / "data"
SMALL = 2000
"""Groups that the variants are trained on."""
EPOCHS = 6


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print("\n| " + " | ".join(header) + " |\n|" + " --- |" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def fields(found: Assessment) -> list[str]:
    return [
        str(found.groups),
        f"{found.overall:.3f}",
        f"{found.direction:.3f}",
        f"{found.exact / max(found.groups, 1):.3f}",
        f"{found.calibration_error:.3f}",
        f"{found.found} of {found.orphans}",
        f"{found.alarms} of {found.complete}",
    ]


HEADER = ["groups", "overall", "tree direction", "exact", "calibration error", "hidden parents told", "falsely told"]


def left_out(chosen: TrainedDetector, examples: Sequence[Example], title: str, by: str) -> None:
    found = assess(chosen, examples, by)
    rows = [[name, *fields(one)] for name, one in sorted(found.items(), key=lambda item: -item[1].groups)]
    table([title, *HEADER], [row for row in rows if int(row[1]) >= 5])


def roots_removed(paths: Sequence[Path]) -> list[Example]:
    """Groups of at least four siblings whose common parent, a root, was taken away."""
    found = []
    for example in read_examples(paths, ONLY_ROOTS, seed=1):
        if example.hidden.sum() >= 4:
            found.append(example)
    return found


def masked(examples: Sequence[Example], group: str) -> list[Example]:
    dropped = np.array([name.partition(".")[0] == group for name in names()])
    found = [replace(e, features=np.where(dropped, np.float16(0), e.features)) for e in examples]
    return [replace(e, triples=np.zeros_like(e.triples)) for e in found] if group == "triples" else found


def variant(
    name: str, examples: Sequence[Example], left: Sequence[Example], config: DetectorConfig, states: Path
) -> list[str]:
    """Train one network, or read what it reached when it was trained before."""
    from neural_phylogeny.lab.training.train import TrainingRecipe, train

    kept = states / f"{name.replace(' ', '-')}.json"
    if not kept.exists():
        groups = [feature.partition(".")[0] for feature in names()]
        recipe = TrainingRecipe(epochs=EPOCHS, average=0.99)
        weights = train(examples, left, config, recipe, groups)
        chosen = calibrated(TrainedDetector(config, [weights], names(), {}), left)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([name, str(len(examples)), *fields(assess(chosen, left)["all"])]))
    return list(json.loads(kept.read_text()))


def boosting(examples: Sequence[Example], left: Sequence[Example]) -> list[str]:
    """Gradient boosting on the same pairs, none being a model's pair with itself; the same decoder."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    def rows(example: Example) -> np.ndarray:
        return example.features.reshape(-1, example.features.shape[2]).astype(np.float32)

    def labels(example: Example) -> np.ndarray:
        n = len(example.parents)
        truth = np.zeros((n, n), dtype=bool)
        truth[np.where(example.parents < 0, np.arange(n), example.parents), np.arange(n)] = True
        return truth.ravel()

    model = HistGradientBoostingClassifier(max_iter=300, learning_rate=0.1, max_leaf_nodes=31, random_state=0)
    model.fit(np.concatenate([rows(e) for e in examples]), np.concatenate([labels(e) for e in examples]))
    found = Assessment()
    for example in left:
        n = len(example.parents)
        likely = model.predict_proba(rows(example))[:, 1].reshape(n, n)
        odds = likely / np.maximum(1.0 - likely, 1e-6)
        found.add(example, Probabilities(odds / odds.sum(axis=0, keepdims=True), np.zeros(n)))
    return ["gradient boosting", str(len(examples)), *fields(found)]


def variants(waves: Path, states: Path) -> None:
    chosen, held = wave_files(waves)
    left = read_examples(held, None)
    whole = DetectorConfig(n_features=len(names()))
    examples = read_examples(chosen[: 1 + SMALL // 20], Losses(), seed=0)
    few = [examples[k] for k in np.random.default_rng(0).permutation(len(examples))]
    small = few[:SMALL]
    print(f"\nEach a network of its own, trained for {EPOCHS} epochs on {SMALL} groups where nothing else is said.")
    rows = [variant("everything", small, left, whole, states)]
    for group in GROUPS[:-1]:
        rows.append(variant(f"without {group}", masked(small, group), masked(left, group), whole, states))
    rows.append(variant("no attention", small, left, replace(whole, attends=False), states))
    rows.append(variant("no triangles", small, left, replace(whole, triangles=False), states))
    rows.append(variant("no messages", small, left, replace(whole, messages=0), states))
    plain = replace(whole, attends=False, triangles=False, messages=0)
    rows.append(variant("plain MLP", small, left, plain, states))
    rows.append(boosting(small, left))
    for number in (250, 500, 1000, 2 * SMALL):
        rows.append(variant(f"{number} groups", few[:number], left, whole, states))
    table(["variant", "trained on", *HEADER], rows)
    rows = []
    for kinds in (("conv", "conv-norm"), ("attention",), ("recurrent",)):
        others = [e for e in few if e.about["kind"] not in kinds][:SMALL]
        these = [e for e in left if e.about["kind"] in kinds]
        rows.append(variant(f"{' and '.join(kinds)} never seen", others, these, whole, states))
        rows.append(variant(f"{' and '.join(kinds)} seen", small, these, whole, states))
    table(["judged on", "trained on", *HEADER], rows)


def suites(whole: TrainedDetector) -> None:
    """Each network of the ensemble alone on the benchmark's suites, overall (or exact parent) and tree direction."""
    from neural_phylogeny.detector import shipped
    from neural_phylogeny.lab.bench.runs import run_suite
    from neural_phylogeny.lab.bench.suites import find_suite, cached_collections

    rows = []
    for name in ("paper", "mixed", "generations", "wild"):
        first = "exact_parent" if name == "wild" else "overall"
        figures = []
        collections = cached_collections(find_suite(name), DATA, 8)
        for networks in (*([network] for network in whole.networks), whole.networks):
            alone = replace(whole, networks=networks)
            shipped.detector = lambda alone=alone: alone  # type: ignore[assignment]
            found = run_suite(collections, ["detector"])["detector"]
            counts = [[result.counts[metric] for result in found] for metric in (first, "tree_direction")]
            figures.append([sum(right for right, _ in one) / sum(total for _, total in one) for one in counts])
        each = np.array(figures[:-1])
        spread = 4.3 * each.std(axis=0, ddof=1) / np.sqrt(len(each))  # Student's t, two degrees of freedom, 95 %
        mean = each.mean(axis=0)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)]
        rows.append([name, *cells, f"{figures[-1][0]:.3f} / {figures[-1][1]:.3f}"])
    table(["suite", "one network: overall (wild: exact parent)", "tree direction", "all together"], rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("waves", type=Path)
    parser.add_argument("tests", type=Path)
    parser.add_argument("--states", type=Path, default=Path("states"))
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--only", choices=["assess", "suites", "variants"])
    arguments = parser.parse_args()
    chosen = detector() if arguments.detector is None else TrainedDetector.load(arguments.detector)
    if arguments.only in (None, "suites"):
        suites(chosen)
    if arguments.only in (None, "assess"):
        held = wave_files(arguments.waves)[1]
        examples = read_examples(held, None)
        left_out(chosen, examples, "left-out families, by regime", "regime")
        left_out(chosen, examples, "left-out families, by kind of network", "kind")
        left_out(chosen, examples, "left-out families, by alteration", "alterations")
        removed = assess(chosen, roots_removed(held))["all"]
        table(["root removed, at least four siblings left", *HEADER], [["left-out families", *fields(removed)]])
        tests = read_examples(sorted(arguments.tests.glob("wave-*.npz")), None)
        left_out(chosen, tests, "left-out data sets, by regime", "regime")
    if arguments.only in (None, "variants"):
        variants(arguments.waves, arguments.states)


if __name__ == "__main__":
    main()
