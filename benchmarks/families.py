"""Witnesses and methods on small families with known truth, trained here in about a minute.

    python benchmarks/families.py [--families 8]

Each family is seven networks of the demo's kind on the digits of scikit-learn: stars whose children share one task, or
have several, or saw five examples a class; chains of one run; random trees; random trees with mixed optimisers. Prints
the pair direction of each witness and the overall accuracy of each method.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from neural_phylogeny import reconstruct
from neural_phylogeny.facade import METHODS
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.measures.one_pass import measure
from neural_phylogeny.relations.direction import log_odds
from neural_phylogeny.tensors.alignment import align

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from train_demo import Run, train

TASKS = ("rotated", "inverted", "shifted", "noisy", "wrong labels")
KINDS = ("star, one task", "star, several", "star, 5-shot", "chain", "random tree", "mixed optimisers")
MODELS = 7

Family = tuple[list[int], list[dict[str, np.ndarray]]]


def make_family(kind: str, seed: int) -> Family | None:
    """(parents, weights), models in a shuffled order; None where a model did not learn its task."""
    rng = np.random.default_rng(seed)
    common_task = str(rng.choice(TASKS))
    parents, states = [-1], []
    try:
        states.append(
            train(Run(None, "upright", "sgd", 5e-2, int(rng.integers(300, 1500))), None, seed * 100)[0].state_dict()
        )
        for k in range(1, MODELS):
            parents.append(0 if kind.startswith("star") else k - 1 if kind == "chain" else int(rng.integers(0, k)))
            task = {"chain": "upright", "star, one task": common_task}.get(kind, str(rng.choice(TASKS)))
            optimiser = str(rng.choice(["sgd", "adamw"])) if kind == "mixed optimisers" else "sgd"
            rate = {"sgd": 2e-2, "adamw": 1e-3}[optimiser] * float(rng.uniform(0.5, 1.5))
            steps, shots = (100, 5) if kind == "star, 5-shot" else (int(rng.integers(50, 600)), None)
            net, _ = train(Run("parent", task, optimiser, rate, steps, shots), states[parents[-1]], seed * 100 + k)
            states.append(net.state_dict())
    except SystemExit:
        return None
    order = rng.permutation(MODELS)
    place = np.argsort(order)
    shuffled = [int(place[parents[k]]) if parents[k] >= 0 else -1 for k in order]
    return shuffled, [{name: tensor.numpy() for name, tensor in states[k].items()} for k in order]


def pair_directions(families: list[Family]) -> dict[str, float]:
    """Share of true edges that each witness orders rightly; undecided counts 1/2."""
    right: dict[str, list[float]] = {}
    for parents, models in families:
        checkpoints = [MemoryCheckpoint(model) for model in models]
        names = [str(k) for k in range(MODELS)]
        together, by_witness = log_odds(measure(checkpoints, align([c.tensors for c in checkpoints], names)))
        for witness, votes in {**by_witness, "all together": together}.items():
            found = [(np.sign(votes[p, c]) + 1) / 2 for c, p in enumerate(parents) if p >= 0]
            right.setdefault(witness, []).extend(found)
    return {witness: float(np.mean(values)) for witness, values in right.items()}


def overall_accuracy(families: list[Family], method: str) -> float:
    """Share of models whose parent, or lack of one, is right."""
    right = []
    for parents, models in families:
        answer = reconstruct({str(k): model for k, model in enumerate(models)}, method=method)
        told = {int(edge.child): int(edge.parent) for edge in answer.edges}
        right += [told.get(child, -1) == parent for child, parent in enumerate(parents)]
    return float(np.mean(right))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for kind in KINDS:
        made = [make_family(kind, 1000 + seed) for seed in range(options.families)]
        families = [family for family in made if family is not None]
        print(f"{kind} ({len(families)} families)")
        shares = pair_directions(families)
        print("  pair direction   " + "  ".join(f"{witness} {share:.2f}" for witness, share in shares.items()))
        accuracy = {method: overall_accuracy(families, method) for method in METHODS}
        print("  overall accuracy " + "  ".join(f"{method} {share:.2f}" for method, share in accuracy.items()))


if __name__ == "__main__":
    main()
