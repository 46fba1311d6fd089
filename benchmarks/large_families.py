"""Time and memory of one large family, of many fingerprints, and how far neighbourhoods agree with the whole.

    python benchmarks/large_families.py [--models 200 1000 10000] [--fingerprints 10000]
    python benchmarks/large_families.py --agreement 130
    nphylo lab families make hordes --first 25 --every 25 --count 5 --weights weights/ --out batches/
    python benchmarks/large_families.py --trained weights/

A row for each family, of models of 4,608 float32 parameters in memory, and for so many fingerprints in families
of 13, each in a process of its own: seconds, seconds of processors, those of forked processes too, peak resident memory
of the process that asks, models included, and how many parents are right. With ``--agreement`` families of so many
models in four topologies, measured as one and in neighbourhoods: the share of the edges that both have. ``--trained``
does that with trained families of more than 64 models, whose weights the second command keeps.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import numpy as np

from collections_speed import spent
from neural_phylogeny import Phylogeny, fingerprint_model, reconstruct
from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.lab.families.stored import read_weights
from neural_phylogeny.reconstruction import passes
from planted import TOPOLOGIES, Model, one_family, planted, right_parents

SHAPES = {"a.weight": (48, 48), "b.weight": (32, 48), "c.weight": (24, 32)}


def measured(models: Mapping[str, Model | Fingerprint], parents: Mapping[str, str | None]) -> dict[str, float]:
    """Seconds, seconds of processors, peak MiB and the share of right parents of one answer."""
    started, before = time.perf_counter(), spent()
    answer = reconstruct(dict(models))
    return {
        "seconds": time.perf_counter() - started,
        "processors": spent() - before,
        "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "right": right_parents(answer, parents),
    }


def of_family(n: int) -> dict[str, float]:
    """One family of random descent."""
    return measured(*planted(n, 1, SHAPES))


def of_fingerprints(n: int) -> dict[str, float]:
    """Fingerprints in memory; to make them is not counted."""
    models, parents = planted(n, max(1, n // 13), SHAPES)
    with tempfile.TemporaryDirectory() as folder:
        made: dict[str, Fingerprint] = {}
        for name in list(models):
            path = Path(folder) / f"{name}.npz"
            np.savez(path, **models.pop(name))  # type: ignore[arg-type]
            made[name] = fingerprint_model(path)
            path.unlink()
        return measured(made, parents)


def agreement(n: int) -> None:
    """A row for each topology: right parents of the whole and of neighbourhoods, and the edges that both have."""
    print("| family | right as one | right in neighbourhoods | same edges |\n|---|---|---|---|")
    for topology in TOPOLOGIES:
        models, parents = one_family(n, topology, seed=3)
        with patch.multiple(passes, AS_ONE=n, TOGETHER=n):
            whole = reconstruct(dict(models))
        with patch.object(passes, "AS_ONE", n // 2):
            parted = reconstruct(dict(models))
        one, other = _edges(whole), _edges(parted)
        same = sum(one.get(child) == parent for child, parent in other.items()) / max(len(one), 1)
        rights = " | ".join(f"{right_parents(answer, parents):.3f}" for answer in (whole, parted))
        print(f"| {topology}, {n} models | {rights} | {same:.3f} |", flush=True)


def trained(folder: Path) -> None:
    """A row for each trained family: right parents, and right ones of the edges of at least 95 %."""
    print(
        "| family | models | right as one | sure | right in neighbourhoods | sure | processors (s) |\n"
        + "|---" * 7
        + "|"
    )
    for path in sorted(folder.glob("weights-*.npz")):
        for k, family in enumerate(read_weights(path)):
            if len(family.models) <= passes.AS_ONE:
                continue
            models = {f"{place:03d}": model for place, model in enumerate(family.models)}
            parents = {
                f"{place:03d}": f"{above:03d}" if above >= 0 else None for place, above in enumerate(family.parents)
            }
            cells, seconds = [], []
            for most in (len(models), passes.AS_ONE):
                before = spent()
                with patch.multiple(passes, AS_ONE=most, TOGETHER=max(most, passes.TOGETHER)):
                    answer = reconstruct(dict(models))
                seconds.append(f"{spent() - before:.0f}")
                sure = [edge for edge in answer.edges if (edge.p_parent or 0.0) >= 0.95 and edge.parent in models]
                n_right = sum(parents[edge.child] == edge.parent for edge in sure)
                cells.append(f"{right_parents(answer, parents):.3f} | {n_right} of {len(sure)}")
            name = f"{path.stem[-3:]}-{k}, {family.about['topology']}"
            print(f"| {name} | {len(models)} | {' | '.join(cells)} | {', '.join(seconds)} |", flush=True)


def _edges(answer: Phylogeny) -> dict[str, str]:
    return {edge.child: edge.parent for edge in answer.edges}


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", type=int, default=[200, 1000, 10_000])
    parser.add_argument("--fingerprints", nargs="*", type=int, default=[10_000])
    parser.add_argument("--agreement", type=int)
    parser.add_argument("--trained", type=Path)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        what, n = options.one.split(":")
        print(json.dumps((of_family if what == "family" else of_fingerprints)(int(n))))
        return
    if options.trained:
        trained(options.trained)
        return
    if options.agreement:
        agreement(options.agreement)
        return
    print("| what | seconds | processors (s) | peak (MiB) | right |\n|---|---|---|---|---|", flush=True)
    jobs = [("family", n) for n in options.models] + [("fingerprints", n) for n in options.fingerprints]
    for what, n in jobs:
        command = [sys.executable, __file__, "--one", f"{what}:{n}"]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        numbers = f"{found['seconds']:.1f} | {found['processors']:.1f} | {found['MiB']:.0f} | {found['right']:.3f}"
        print(f"| {what} {n} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
