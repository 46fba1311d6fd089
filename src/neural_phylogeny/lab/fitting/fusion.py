"""How loudly exact witnesses, those of direction, and the tree of innovations should speak beside the detector.

    nphylo lab detector families --out waves/ --first 1000 --waves 600
    nphylo lab detector families --out larger/ --first 5000 --waves 60 --wide
    python benchmarks/fusion.py waves/ --larger larger/

Fits one factor on the log-odds of each exact witness, by the likelihood of the true parents of families that the
detector was not trained on (every 25th wave, and all of larger networks) with a Gaussian prior around the stated
log-odds. The direction witnesses together, and the tree of independent innovations, get the factors with most right
parents: they decide what is nearly even, where the likelihood hardly changes. Fits of either half tell by the other
whether it helps. Writes ``src/neural_phylogeny/trees/fusion.json``; witnesses that these families never show keep their
odds. Five minutes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.shipped import HASHES, detector, weights_path
from neural_phylogeny.lab.bench.tables.witnesses import statistics_of
from neural_phylogeny.lab.training.examples import kin, measured_families
from neural_phylogeny.lab.training.fit import LEFT_OUT
from neural_phylogeny.relations.direction import log_odds
from neural_phylogeny.relations.exact import DIRECTED, PRUNED, UNTOUCHED, pruned, untouched
from neural_phylogeny.relations.overlap import Overlap
from neural_phylogeny.trees.fusion import DIRECTION, INNOVATIONS, bounded, fused
from neural_phylogeny.trees.innovation_tree import tree_log_odds
from neural_phylogeny.trees.likeliest import likeliest_forest

Matrix = NDArray[np.float64]
FILE = Path(__file__).parents[2] / "trees" / "fusion.json"
LEADS = (DIRECTION, INNOVATIONS)
GRID = {DIRECTION: (0.0, 0.05, 0.1, 0.15, 0.2), INNOVATIONS: (0.0, 0.02, 0.04, 0.06, 0.08)}
"""Factors tried on what is no proof."""
SPREAD = 4.0
"""Standard deviation of fitted log-odds around those that are stated: where families are silent, these stay."""


@dataclass(frozen=True)
class Group:
    """What the detector says of a group, what the witnesses say, and each model's parent (its own number for none)."""

    said: Matrix
    witnesses: dict[str, Matrix]
    truth: NDArray[np.int64]


def shared(measured: Measurements) -> Overlap:
    """What the models have in common, from the measurements of families that are all of one shape."""
    n, sizes, pairs = len(measured), measured.sizes[:, None, None], measured.pairs
    known = np.isfinite(pairs["product"])
    count = np.maximum((sizes * known).sum(axis=0), 1.0)

    def total(values: Matrix) -> Matrix:
        found: Matrix = np.where(known, sizes * np.nan_to_num(values), 0.0).sum(axis=0)
        return found

    own = np.einsum("tii->ti", pairs["zeros"])[:, :, None] * np.ones(n)
    norm = total(np.einsum("tii->ti", pairs["product"])[:, :, None] * np.ones(n))
    moved = np.divide(total(pairs["square"]), norm, out=np.full((n, n), np.inf), where=norm > 0)
    bits = np.nanmax(measured.models["grid"], axis=0)
    zeros, equal = total(pairs["zeros"]) / count, total(pairs["equal"]) / count
    return Overlap(zeros, equal, total(own) / count, moved, bits, *np.zeros((2, n, n), dtype=bool))


def witnesses_of(measured: Measurements) -> dict[str, Matrix]:
    """What speaks beside the detector in ``auto``, as far as training families show it."""
    seen = shared(measured)
    found = {name: witness(seen) for name, witness in DIRECTED.items()}
    found |= {PRUNED: pruned(seen), UNTOUCHED: untouched(seen)}
    found[DIRECTION] = bounded(log_odds(statistics_of(measured))[0])
    return found | {INNOVATIONS: tree_log_odds(measured.retained.even_gram())}


def never_trained_on(folder: Path) -> list[Path]:
    """The waves of a folder that are left out of training: every 25th."""
    return [path for path in sorted(folder.glob("wave-*.npz")) if int(path.stem[-6:]) % LEFT_OUT == 0]


def groups(paths: Sequence[Path]) -> list[Group]:
    found = []
    for path in paths:
        for known in (one for family in measured_families(path) for one in kin(family)):
            said = detector().probabilities(Inputs.of(known.measured)).parent
            truth = np.where(known.parents < 0, np.arange(len(said)), known.parents)
            found.append(Group(said, witnesses_of(known.measured), truth))
        print(path.name, len(found), flush=True)
    return found


def unlikelihood(chosen: Sequence[Group], factors: dict[str, float]) -> float:
    """Mean over the models."""
    total, models = 0.0, 0
    for group in chosen:
        said = fused(group.said, group.witnesses, factors)
        total -= float(np.log(np.maximum(said[group.truth, np.arange(len(said))], 1e-9)).sum())
        models += len(said)
    return total / models


def fit(chosen: Sequence[Group], odds: dict[str, float]) -> dict[str, float]:
    models = sum(len(group.truth) for group in chosen)

    def loss(factors: NDArray[np.float64]) -> float:
        moved = ((factor - 1.0) * odds[name] for name, factor in zip(odds, factors, strict=True))
        prior = sum((odd / SPREAD) ** 2 for odd in moved) / 2.0
        named = dict(zip(odds, factors.tolist(), strict=True)) | dict.fromkeys(LEADS, 0.0)
        return float(unlikelihood(chosen, named) + prior / models)

    start, bounds = np.full(len(odds), 1.0), [(0.0, 2.0)] * len(odds)
    best = minimize(loss, start, method="Powell", bounds=bounds, options={"xtol": 0.01, "ftol": 1e-7})
    return dict(zip(odds, (round(float(factor), 3) for factor in best.x), strict=True)) | dict.fromkeys(LEADS, 0.0)


def right(chosen: Sequence[Group], factors: dict[str, float]) -> float:
    """Share of models whose parent, or lack of one, is right in the likeliest forests."""
    hits = models = 0
    for group in chosen:
        found = likeliest_forest(fused(group.said, group.witnesses, factors))
        hits += int((np.where(found < 0, np.arange(len(found)), found) == group.truth).sum())
        models += len(found)
    return hits / models


def with_leads(chosen: Sequence[Group], factors: dict[str, float]) -> dict[str, float]:
    """The factors, and those of the leads with most right parents."""
    tried = [factors | dict(zip(LEADS, one, strict=True)) for one in product(*(GRID[lead] for lead in LEADS))]
    return max(tried, key=lambda one: right(chosen, one))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("waves", type=Path)
    parser.add_argument("--larger", type=Path, help="waves of larger networks, none of which was trained on")
    arguments = parser.parse_args()
    paths = never_trained_on(arguments.waves)
    paths += sorted(arguments.larger.glob("wave-*.npz")) if arguments.larger is not None else []
    known = groups(paths)
    names = {name for group in known for name, table in group.witnesses.items() if table.any()} - {*LEADS}
    odds = {
        name: max(float(np.abs(group.witnesses[name]).max()) for group in known if name in group.witnesses)
        for name in sorted(names)
    }
    silent = dict.fromkeys([*odds, *LEADS], 0.0)
    stated = silent | dict.fromkeys(odds, 1.0)
    halves = known[::2], known[1::2]
    for fitted, other in (halves, halves[::-1]):
        found = fit(fitted, odds)
        led = with_leads(fitted, found)
        told = [f"{unlikelihood(other, factors):.4f}" for factors in (found, silent, stated, led)]
        print(f"{led}: of the other half {told[0]}, without {told[1]}, as stated {told[2]}, with leads {told[3]}")
        told = [f"{right(other, factors):.4f}" for factors in (silent, found, led)]
        print(f"  right parents without {told[0]}, with exact witnesses {told[1]}, with leads {told[2]}")
    final = with_leads(known, fit(known, odds))
    print(f"{final}: of all {unlikelihood(known, final):.4f}, without {unlikelihood(known, silent):.4f}")
    for lead, factors in GRID.items():
        print(f"right parents by {lead}:", {f: round(right(known, final | {lead: f}), 4) for f in factors})
    recipe = {
        "made by": "benchmarks/fusion.py",
        "families": len(known),
        "waves": [path.stem for path in paths],
        "detector": weights_path().with_name(HASHES).read_text(encoding="ascii").split()[0],
    }
    FILE.write_text(json.dumps({"factors": final, "recipe": recipe}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
