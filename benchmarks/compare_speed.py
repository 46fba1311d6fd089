"""``nphylo compare`` of two models of 100 M parameters against a plain read of both, and of a permuted copy.

    python benchmarks/compare_speed.py [--parameters 100000000] [--rounds 3]

Makes three models with the layers of a language model in a temporary folder (1.2 GB by default): one, one trained on,
and one whose feed-forward units are in another order. Goals: twice the time of reading both; 60 s on two cores and 2 GB
of memory where units are permuted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from speed import BASELINE, run

WIDTH, HIDDEN = 1024, 2816
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")

Model = dict[str, np.ndarray]


def model(parameters: int, rng: np.random.Generator) -> Model:
    """Layers of a Llama, as many as fit."""
    layers = max(1, round(parameters / (4 * WIDTH**2 + 3 * WIDTH * HIDDEN)))
    found = {}
    for k in range(layers):
        shapes = {f"self_attn.{name}": (WIDTH, WIDTH) for name in ATTENTION}
        shapes |= {"mlp.gate_proj": (HIDDEN, WIDTH), "mlp.up_proj": (HIDDEN, WIDTH), "mlp.down_proj": (WIDTH, HIDDEN)}
        for name, shape in shapes.items():
            found[f"model.layers.{k}.{name}.weight"] = 0.02 * rng.standard_normal(shape, dtype=np.float32)
    return found


def trained(base: Model, rng: np.random.Generator) -> Model:
    """A little noise on every value."""
    return {name: w + np.float32(0.002) * rng.standard_normal(w.shape, dtype=np.float32) for name, w in base.items()}


def permuted(base: Model, rng: np.random.Generator) -> Model:
    """Every layer's feed-forward units in an order of their own."""
    found = dict(base)
    for name in base:
        if name.endswith("up_proj.weight"):
            order = rng.permutation(HIDDEN)
            found[name] = base[name][order]
            for part in ("gate_proj", "down_proj"):
                key = name.replace("up_proj", part)
                found[key] = base[key][order] if part == "gate_proj" else np.ascontiguousarray(base[key][:, order])
    return found


def main() -> None:
    """Print one row for each pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parameters", type=int, default=100_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        base = model(asked.parameters, rng)
        paths = {name: str(Path(folder, f"{name}.safetensors")) for name in ("base", "trained", "permuted")}
        save_file(base, paths["base"])
        save_file(trained(base, rng), paths["trained"])
        save_file(permuted(base, rng), paths["permuted"])
        print("| pair | plain read: processors | compare: processors | wall | peak memory |\n|---|---:|---:|---:|---:|")
        nphylo = str(Path(sys.executable).with_name("nphylo"))
        for other in ("trained", "permuted"):
            pair = [paths["base"], paths[other]]
            jobs = [sys.executable, "-c", BASELINE, "float32", *pair], [nphylo, "compare", "--threads", "2", *pair]
            for job in jobs:
                run(job)
            plain, ours = ([run(job) for _ in range(asked.rounds)] for job in jobs)
            spent = [statistics.median(one[1] for one in some) for some in (plain, ours)]
            wall, peak = statistics.median(one[0] for one in ours), max(one[2] for one in ours)
            print(f"| base, {other} | {spent[0]:.2f} s | {spent[1]:.2f} s | {wall:.1f} s | {peak:.0f} MB |")


if __name__ == "__main__":
    main()
