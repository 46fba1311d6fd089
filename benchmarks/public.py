"""Accuracy on groups of public checkpoints with documented lineage.

    python benchmarks/public.py FOLDER [--methods auto star ...]

FOLDER holds a folder a group, each with its ``truth.json``. Prints, for each method, the documented edges: exact
parent and tree direction over all edges (micro) and as the mean over groups (macro); pair direction of each witness
alone; and the documented unrelated pairs put in one family. Nothing is fitted on these groups.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from neural_phylogeny import compare, reconstruct
from neural_phylogeny.evaluation import read_truth, score
from neural_phylogeny.facade import METHODS


def by_method(folders: list[Path], method: str) -> None:
    scores = [score(reconstruct(folder, method=method), read_truth(folder / "truth.json")) for folder in folders]
    shares = [(s.documented.exact_parent, s.documented.tree_direction) for s in scores]
    shares = [pair for pair in shares if pair[0].total]
    micro = [sum(share[k].right for share in shares) / sum(share[k].total for share in shares) for k in (0, 1)]
    macro = [np.mean([share[k].right / share[k].total for share in shares]) for k in (0, 1)]
    false_kin = sum(s.false_kin.share.right for s in scores)
    print(
        f"{method:14s} exact parent {micro[0]:.3f} (mean over groups {macro[0]:.3f})  tree direction {micro[1]:.3f} "
        f"({macro[1]:.3f})  false kin {false_kin:g} of {sum(s.false_kin.share.total for s in scores)}"
    )


def by_witness(folders: list[Path]) -> None:
    """Pair direction: each witness asked about the two ends of each documented edge alone; undecided counts 1/2."""
    right: dict[str, list[list[float]]] = {}
    for folder in folders:
        found: dict[str, list[float]] = {}
        for edge in read_truth(folder / "truth.json").edges:
            if not edge.documented:
                continue
            pair = compare(folder / edge.parent, folder / edge.child)
            votes = {item.witness: item.favours for item in pair.evidence[1:]}
            votes["all together"] = {"parent": pair.a.name, "child": pair.b.name}.get(pair.verdict, "neither")
            for witness, favoured in votes.items():
                value = 0.5 if favoured == "neither" else float(favoured == pair.a.name)
                found.setdefault(witness, []).append(value)
        for witness, values in found.items():
            right.setdefault(witness, []).append(values)
    for witness, groups in right.items():
        values = [value for group in groups for value in group]
        macro = np.mean([np.mean(group) for group in groups])
        counts = f"{len(values)} edges, {len(groups)} groups"
        print(f"{witness:20s} pair direction {np.mean(values):.3f} (mean over groups {macro:.3f}), {counts}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=os.environ.get("NPHYLO_WILD"))
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    options = parser.parse_args()
    folders = sorted(path.parent for path in Path(options.folder).glob("*/truth.json"))
    for method in options.methods:
        by_method(folders, method)
    by_witness(folders)


if __name__ == "__main__":
    main()
