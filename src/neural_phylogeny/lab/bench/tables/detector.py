"""The learned detector on families it has not seen, its ablations, and other learners on the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import GROUPS, groups, names
from neural_phylogeny.detector.network import Probabilities, TrainedDetector
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.lab.bench.runs import run_suite
from neural_phylogeny.lab.bench.stored import once
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.batches import batch_paths
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.lab.training.assessment import Assessment, assess
from neural_phylogeny.lab.training.ensemble import calibrated, divided
from neural_phylogeny.lab.training.examples import Example, Losses, read_examples
from neural_phylogeny.lab.training.pair_learners import learnt
from neural_phylogeny.lab.training.substitute import answering

SUITES = ("paper", "mixed", "generations", "wild")

ONLY_ROOTS = Losses(mixed=0.0, again=1.0, pair=0.0, root=1.0, matrices=0.0)

SMALL, EPOCHS = 2000, 6
"""Groups that the variants are trained on, and for how long."""

FEWEST = 5
"""Groups that a row must have."""

HEADER = ("groups", "overall", "tree direction", "exact", "calibration error", "missing parents found", "false")


def fields(found: Assessment) -> list[str]:
    """The columns of ``HEADER``."""
    return [
        str(found.groups),
        f"{found.overall:.3f}",
        f"{found.direction:.3f}",
        f"{found.exact / max(found.groups, 1):.3f}",
        f"{found.calibration_error:.3f}",
        f"{found.found} of {found.orphans}",
        f"{found.alarms} of {found.complete}",
    ]


def assessed(chosen: TrainedDetector, examples: Sequence[Example], title: str, by: str) -> str:
    """A row for each value of what is known of families, the most frequent first."""
    found = assess(chosen, examples, by)
    ordered = sorted(found.items(), key=lambda item: -item[1].groups)
    return table([title, *HEADER], [[name or "none", *fields(one)] for name, one in ordered if one.groups >= FEWEST])


def roots_removed(paths: Sequence[Path]) -> list[Example]:
    """Groups of at least four siblings whose common parent, a root, was taken away."""
    return [example for example in read_examples(paths, ONLY_ROOTS, seed=1) if example.missing.sum() >= 4]


def masked(examples: Sequence[Example], group: str) -> list[Example]:
    """Examples without a group of features."""
    dropped = np.array([name == group for name in groups()])
    found = [replace(e, features=np.where(dropped, np.float16(0), e.features)) for e in examples]
    return [replace(e, triples=np.zeros_like(e.triples)) for e in found] if group == "triples" else found


def variant(
    name: str, examples: Sequence[Example], left: Sequence[Example], config: DetectorConfig, work: Path
) -> list[str]:
    """A row of a network that is trained for it, or what it reached when it was trained before."""
    from neural_phylogeny.lab.training.train import TrainingRecipe, train

    def made() -> list[str]:
        weights = train(examples, left, config, TrainingRecipe(epochs=EPOCHS, average=0.99), groups())
        chosen = calibrated(TrainedDetector(config, [weights], names(), {}), left)
        return [name, str(len(examples)), *fields(assess(chosen, left)["all"])]

    return list(once(work / f"{name.replace(' ', '-')}.json", made))


def boosting(examples: Sequence[Example], left: Sequence[Example]) -> list[str]:
    """Gradient boosting on the same pairs, none being a model's pair with itself; the same decoder."""
    chosen = learnt("gradient boosting of pairs", examples)
    found = Assessment()
    for example in left:
        n = len(example.parents)
        likely = chosen.model.predict_proba(chosen.learner.rows(example.features))[:, 1].reshape(n, n)
        odds = likely / np.maximum(1.0 - likely, 1e-6)
        found.add(example, Probabilities(odds / odds.sum(axis=0, keepdims=True), np.zeros(n)))
    return ["gradient boosting", str(len(examples)), *fields(found)]


def variants(batches: Path, work: Path) -> list[str]:
    """Ablations, amounts of data, and kinds of networks that are never seen; a quarter of an hour of one core."""
    chosen, held = divided(batches)
    left = read_examples(held, None)
    whole = DetectorConfig(n_features=len(names()))
    examples = read_examples(chosen[: 1 + SMALL // 20], Losses(), seed=0)
    few = [examples[k] for k in np.random.default_rng(0).permutation(len(examples))]
    small = few[:SMALL]
    rows = [variant("everything", small, left, whole, work)]
    for group in GROUPS[:-1]:
        rows.append(variant(f"without {group}", masked(small, group), masked(left, group), whole, work))
    for name, config in (
        ("no attention", replace(whole, attends=False)),
        ("no triangles", replace(whole, triangles=False)),
        ("no messages", replace(whole, messages=0)),
        ("plain MLP", replace(whole, attends=False, triangles=False, messages=0)),
    ):
        rows.append(variant(name, small, left, config, work))
    rows.append(boosting(small, left))
    for number in (250, 500, 1000, 2 * SMALL):
        rows.append(variant(f"{number} groups", few[:number], left, whole, work))
    kinds = []
    for some in (("conv", "conv-norm"), ("attention",), ("recurrent",)):
        others = [e for e in few if e.about["kind"] not in some][:SMALL]
        these = [e for e in left if e.about["kind"] in some]
        kinds.append(variant(f"{' and '.join(some)} never seen", others, these, whole, work))
        kinds.append(variant(f"{' and '.join(some)} seen", small, these, whole, work))
    intro = f"Each a network of its own, trained for {EPOCHS} epochs on {SMALL} groups where nothing else is stated."
    header = ["trained on", *HEADER]
    return [intro, table(["variant", *header], rows), table(["judged on", *header], kinds)]


def half_width(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the 95 % intervals of means by Student's t: ``(k, m) -> (m,)``."""
    from scipy.stats import t

    found: NDArray[np.float64] = t.ppf(0.975, len(figures) - 1) * figures.std(axis=0, ddof=1) / np.sqrt(len(figures))
    return found


def by_network(whole: TrainedDetector, sources: Sources) -> str:
    """Each network of the ensemble alone on the suites: overall (of `wild` exact parent) and tree direction."""
    rows = []
    for name in SUITES:
        first = "exact_parent" if name == "wild" else "overall"
        figures = []
        collections = sources.suite(name)
        for networks in (*([network] for network in whole.networks), whole.networks):
            with answering(replace(whole, networks=networks)):
                found = run_suite(collections, ["detector"])["detector"]
            counts = [[result.counts[metric] for result in found] for metric in (first, "tree_direction")]
            figures.append([sum(right for right, _ in one) / sum(total for _, total in one) for one in counts])
        each = np.array(figures[:-1])
        spread = half_width(each) if len(each) > 1 else np.full(2, np.nan)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(each.mean(axis=0), spread, strict=True)]
        rows.append([name, *cells, f"{figures[-1][0]:.3f} / {figures[-1][1]:.3f}"])
        sources.progress(name)
    return table(["suite", "one network: overall (wild: exact parent)", "tree direction", "all together"], rows)


def page(sources: Sources) -> Page:
    """The detector on left-out families and data sets, on suites network by network, and its ablations."""
    batches, chosen = sources.needed("batches"), detector()
    held = divided(batches)[1]
    examples = read_examples(held, None)
    parts = [
        "### The learned detector, measured",
        "Made by `nphylo lab table detector --batches batches/ --tests tests/ --work work/`.",
        by_network(chosen, sources),
        assessed(chosen, examples, "left-out families, by topology", "topology"),
        assessed(chosen, examples, "left-out families, by kind of network", "kind"),
        assessed(chosen, examples, "left-out families, by alteration", "alterations"),
    ]
    removed = assess(chosen, roots_removed(held))["all"]
    header = ["root removed, at least four siblings left", *HEADER]
    parts.append(table(header, [["left-out families", *fields(removed)]]))
    if sources.tests is not None:
        tests = read_examples(batch_paths(sources.tests), None)
        parts.append(assessed(chosen, tests, "left-out data sets, by topology", "topology"))
    if sources.work is not None:
        parts += variants(batches, sources.work)
    return Page("\n\n".join(parts))
