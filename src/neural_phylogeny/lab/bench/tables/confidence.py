"""Do confidences mean what they say, and is a missing parent noticed?

    nphylo lab detector families --out waves/ --first 1000 --waves 626
    nphylo lab detector families --out larger/ --first 5000 --waves 60 --wide
    python benchmarks/confidence.py --waves waves/ --larger larger/ --out docs/tables/

Of ``--waves`` every 25th is looked at, which the detector was not trained on, of ``--larger`` all; without them only
the kept suites. Writes ``confidence.md`` and ``reliability.png``.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.atomic_files import replacing
from neural_phylogeny.detector.initialisation import initialisation_test
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.evaluation.rates import Calibration, calibration
from neural_phylogeny.lab.bench.kept import KeptCollection
from neural_phylogeny.lab.bench.plots import reliability
from neural_phylogeny.lab.bench.suites import find_suite, kept_collections
from neural_phylogeny.lab.families.truth import without
from neural_phylogeny.lab.fitting.fusion import never_trained_on, witnesses_of
from neural_phylogeny.lab.training.examples import Known, kin, measured_families
from neural_phylogeny.reconstruction.claim import UNDECIDED
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.trees.family import CommonOrigin, Posterior
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.fusion import fused
from neural_phylogeny.trees.likeliest import forest_of
from neural_phylogeny.trees.methods import METHODS

DATA = Path(__file__).parent / "data"
SUITES = ("paper", "mixed", "generations", "wild")
KINDS = ("this parent", "this direction", "a hidden parent")
CLEAR = 0.5 + UNDECIDED
PRIORS = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Further log-odds for "no parent here" at which families without their root are looked at."""


@dataclass
class Answers:
    """(confidence, was it right) of each kind of probability, and how families fared."""

    told: dict[str, list[tuple[float, bool]]] = field(default_factory=lambda: defaultdict(list))

    def calibrations(self) -> dict[str, Calibration]:
        return {kind: calibration(self.told[kind]) for kind in KINDS}


def hear(answers: Answers, forest: Forest, parents: NDArray[np.int64], hidden: NDArray[np.bool_]) -> None:
    """What a forest over one family claims, and whether it is so. Families of two are left out: see the log."""
    if len(parents) < 3:
        return
    assert forest.p_parent is not None
    assert forest.missing is not None
    for j, i in enumerate(forest.parents.tolist()):
        if i >= 0:
            answers.told["this parent"].append((float(forest.p_parent[j]), bool(parents[j] == i)))
            if i in (parents[j],) or parents[i] == j:
                answers.told["this direction"].append((float(forest.p_direction[j]), bool(parents[j] == i)))
        elif forest.missing[j] > 0:
            answers.told["a hidden parent"].append((float(forest.missing[j]), bool(hidden[j])))


def families(paths: Sequence[Path]) -> Iterator[Known]:
    """Groups of families as the existence test would cut them."""
    for path in paths:
        for known in measured_families(path):
            yield from kin(known)


def said_of(known: Known) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What ``auto`` says of a family: the detector, and what is heard beside it."""
    found = detector().probabilities(Inputs.of(known.measured))
    return fused(found.parent, witnesses_of(known.measured)), found.hidden


def forest(known: Known, said: NDArray[np.float64], hidden: NDArray[np.float64], prior: float = 0.0) -> Forest:
    """The forest of a family, with more odds for "no parent here" than usual."""
    raised = said.copy()
    raised[np.diag_indices(len(said))] *= np.exp(prior)
    test = initialisation_test()
    posterior = Posterior(parent=raised / raised.sum(axis=0), missing=hidden)
    return forest_of(posterior, lambda rows: CommonOrigin(test.verdict(known.measured.subset(rows))))


def of_suite(suite: str) -> tuple[Answers, list[Known]]:
    """Confidences of the edges of a suite, and its families with their truth."""
    answers, groups = Answers(), []
    for kept in kept_collections(find_suite(suite), DATA, 8):
        examined = examine(kept.collection, 1e-3)
        found = phylogeny(kept.collection, METHODS["auto"], 1e-3, 0, examined)
        truth: dict[str, set[str]] = defaultdict(set)
        for true_edge in kept.truth.edges:
            truth[true_edge.child].add(true_edge.parent)
        for edge in found.edges:
            if edge.child not in truth and not kept.truth.complete:
                continue
            if edge.parent in {hidden.name for hidden in found.hidden}:
                answers.told["a hidden parent"].append((edge.confidence, False))
                continue
            answers.told["this parent"].append((edge.confidence, edge.parent in truth[edge.child]))
            if edge.parent in truth[edge.child] or edge.child in truth[edge.parent]:
                answers.told["this direction"].append((edge.direction, edge.parent in truth[edge.child]))
        groups += list(_complete(kept))
    return answers, groups


def _complete(kept: KeptCollection) -> Iterator[Known]:
    """Families whose every relation is known."""
    if not kept.truth.complete:
        return
    names = [ref.name for ref in kept.collection.refs]
    above = {edge.child: edge.parent for edge in kept.truth.edges}
    root = {name: name for name in names}
    for name in names:
        while root[name] in above:
            root[name] = above[root[name]]
    for group in kept.collection.groups:
        for label in dict.fromkeys(root.values()):
            rows = [row for row, model in enumerate(group.members) if root[names[model]] == label]
            if len(rows) < 3:
                continue
            place = {names[group.members[row]]: k for k, row in enumerate(rows)}
            parents = np.array([place.get(above.get(name, ""), -1) for name in place])
            measured = Measurements.of(group.statistics, rows)
            none = np.zeros(len(rows), dtype=bool)
            yield Known(measured, parents, none, np.zeros(len(rows), dtype=np.int64), {})


def rootless(groups: list[Known]) -> Iterator[Known]:
    """Families of at least four children of one root, without it."""
    for known in groups:
        for root in np.flatnonzero(known.parents < 0):
            if (known.parents == root).sum() >= 4:
                keep = np.ones(len(known.parents), dtype=bool)
                keep[root] = False
                left, hidden = without(known.parents.tolist(), keep)
                measured = known.measured.subset(np.flatnonzero(keep).tolist())
                yield replace(known, measured=measured, parents=left, hidden=hidden, trees=known.trees[keep])


def missing_parents(groups: list[Known]) -> list[list[str]]:
    """At each prior: right parents in whole families, false alarms in them; edges between orphans, alarms raised."""
    whole = [(known, *said_of(known)) for known in groups if not known.hidden.any() and (known.parents < 0).sum() == 1]
    orphaned = [(known, *said_of(known)) for known in rootless(groups)]
    rows = []
    for prior in PRIORS:
        right = total = alarms = joined = announced = 0
        for known, said, hidden in whole:
            found = forest(known, said, hidden, prior)
            told = np.where(found.p_direction > CLEAR, found.parents, -2)  # without a direction nothing is right
            right, total = right + int((told == known.parents).sum()), total + len(said)
            alarms += int(found.missing is not None and (found.missing > 0).sum() > 1)
        for known, said, hidden in orphaned:
            found = forest(known, said, hidden, prior)
            orphans = set(np.flatnonzero(known.hidden).tolist())
            edges = [(j, i) for j, i in enumerate(found.parents.tolist()) if i >= 0 and found.p_direction[j] > CLEAR]
            joined += any({j, i} <= orphans for j, i in edges)
            announced += int(found.missing is not None and (found.missing > 0).sum() > 1)
        n, m = max(len(whole), 1), max(len(orphaned), 1)
        row = [f"{prior:.1f}", str(len(whole)), f"{right / max(total, 1):.3f}", f"{alarms / n:.3f}"]
        rows.append([*row, str(len(orphaned)), f"{joined / m:.3f}", f"{announced / m:.3f}"])
    return rows


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def share(found: Calibration, low: float) -> str:
    """Right of those told with at least this confidence, as ``right of number``."""
    bins = [one for one in found.bins if one.low >= low - 1e-9]
    number = sum(one.number for one in bins)
    return f"{sum(round(one.right * one.number) for one in bins)} of {number}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waves", type=Path, help="families of which every 25th wave was not trained on")
    parser.add_argument("--larger", type=Path, help="families of larger networks, none of which was trained on")
    parser.add_argument("--out", type=Path, default=Path("docs/tables"))
    arguments = parser.parse_args()
    answers: dict[str, Answers] = {}
    groups: dict[str, list[Known]] = {}
    unseen = {}
    if arguments.waves is not None:
        unseen["left-out families"] = never_trained_on(arguments.waves)
    if arguments.larger is not None:
        unseen["larger networks"] = sorted(arguments.larger.glob("wave-*.npz"))
    for name, paths in unseen.items():
        groups[name], answers[name] = list(families(paths)), Answers()
        for known in groups[name]:
            hear(answers[name], forest(known, *said_of(known)), known.parents, known.hidden)
    for suite in SUITES:
        answers[suite], groups[suite] = of_suite(suite)
    found = {name: one.calibrations() for name, one in answers.items()}
    rows = [
        [name, kind, str(one.number)]
        + ([f"{one.error:.3f}", f"{one.brier:.3f}"] if one.error is not None else ["-", "-"])
        + [share(calibration(answers[name].told[kind], 20), low) for low in (0.8, 0.95)]
        for name, kinds in found.items()
        for kind, one in kinds.items()
        if one.number
    ]
    header = ["where", "probability of", "told", "expected calibration error", "Brier score"]
    text = "## Calibration\n\n" + table([*header, "right of those >= 0.8", "right of those >= 0.95"], rows)
    text += "\n![confidence against the share that is right](reliability.png)\n\n## Families without their root\n"
    header = ["further log-odds for no parent here", "whole families", "right parents", "falsely announced"]
    header += ["families without their root", "with an edge between siblings", "hidden parent announced"]
    for name, group in groups.items():
        if name != "wild":
            text += f"\n### {name}\n\n" + table(header, missing_parents(group))
    reliability(
        {kind: {name: kinds[kind] for name, kinds in found.items()} for kind in KINDS},
        arguments.out / "reliability.png",
    )
    with replacing(arguments.out / "confidence.md") as file:
        file.write(("# Confidence\n\nMade by `benchmarks/confidence.py`.\n\n" + text).encode())
    print(text)


if __name__ == "__main__":
    main()
