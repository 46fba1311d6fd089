"""How long and how much memory the whole job takes, against a plain read and sum of the same bytes.

    python benchmarks/speed.py [--parameters 100000000] [--models 8] [--rounds 3] [--growth]

Makes checkpoints in a temporary folder (3.2 GB by default), warms the page cache, then runs the plain read and
``nphylo tree`` in turn, each a process of its own with two BLAS threads, and prints the medians, the median ratio and
the least one: what other processes take can only slow a job down. On a busy machine the ratio of the processors' times
says more. Python's byte code is kept between the runs, as pip compiles what it installs. Peak memory is what the kernel
reports for the process. With ``--growth`` also time against models and parameters.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import ml_dtypes
import numpy as np

BASELINE = """
import sys, numpy as np
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        offset = 8 + int.from_bytes(file.read(8), "little")
    np.fromfile(path, dtype=sys.argv[1], offset=offset).sum()
"""

METER = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
spent = usage.ru_utime + usage.ru_stime
print(time.perf_counter() - start, spent, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""Runs a command from a process as small as can be: a child's peak memory begins at that of its parent."""

COLUMNS = 4096
CODES = {"float32": "F32", "bfloat16": "BF16"}
BYTE_CODE = Path(tempfile.gettempdir(), "neural-phylogeny-byte-code")
THREADS = {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}


def write_models(folder: Path, n_models: int, parameters: int, dtype: str) -> list[Path]:
    """A parent and its children: one set of layers, a little noise for each model."""
    rng = np.random.default_rng(0)
    rows = max(2, parameters // COLUMNS // 12)
    layers = [rng.standard_normal((rows, COLUMNS), dtype=np.float32) * 0.02 for _ in range(12)]
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    nbytes = rows * COLUMNS * kind.itemsize
    header = {
        f"layers.{k}.weight": {
            "dtype": CODES[dtype],
            "shape": [rows, COLUMNS],
            "data_offsets": [k * nbytes, (k + 1) * nbytes],
        }
        for k in range(12)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    paths = []
    for model in range(n_models):
        path = folder / f"model{model}.safetensors"
        with path.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for layer in layers:
                noise = rng.standard_normal(layer.shape, dtype=np.float32) * np.float32(0.002 * model)
                (layer + noise).astype(kind).tofile(file)
        paths.append(path)
    return paths


def run(command: list[str]) -> tuple[float, float, float]:
    """(wall seconds, seconds of processors, peak resident MB) of one process."""
    metered = [sys.executable, "-c", METER, *command]
    environment = os.environ | THREADS | {"PYTHONPYCACHEPREFIX": str(BYTE_CODE)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(metered, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    elapsed, spent, peak, code = done.stdout.split()
    if code != "0":
        raise SystemExit(f"{command[:3]} failed")
    return float(elapsed), float(spent), float(peak) / (1024 if sys.platform == "linux" else 1024**2)


def in_turn(n_models: int, parameters: int, dtype: str, rounds: int) -> dict[str, float]:
    """Medians of both jobs, run in turn on the same files after one warm-up each."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(path) for path in write_models(Path(folder), n_models, parameters, dtype)]
        plain = [sys.executable, "-c", BASELINE, "uint16" if dtype == "bfloat16" else dtype, *paths]
        ours = [str(Path(sys.executable).with_name("nphylo")), "tree", "--threads", "2", "--sample", "all", *paths]
        run(plain)
        run(ours)
        pairs = [(run(plain), run(ours)) for _ in range(rounds)]
    return {
        "plain_s": statistics.median(p[0] for p, _ in pairs),
        "tree_s": statistics.median(o[0] for _, o in pairs),
        "ratio": statistics.median(o[0] / p[0] for p, o in pairs),
        "least": min(o[0] for _, o in pairs) / min(p[0] for p, _ in pairs),
        "plain_cpu": min(p[1] for p, _ in pairs),
        "cpu": min(o[1] for _, o in pairs),
        "peak_mb": max(o[2] for _, o in pairs),
    }


def start_up() -> dict[str, float]:
    """Milliseconds to import the package and to print the help, above nothing; best of seven, warm."""
    nphylo = str(Path(sys.executable).with_name("nphylo"))
    jobs = {
        "python": [sys.executable, "-c", "pass"],
        "import": [sys.executable, "-c", "import neural_phylogeny"],
        "help": [nphylo, "--help"],
    }
    return {name: 1000 * min(run(command)[0] for _ in range(7)) for name, command in jobs.items()}


def main() -> None:
    """Print the environment, the start and a line for each number type; with ``--growth`` a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parameters", type=int, default=100_000_000)
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", action="store_true")
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, NumPy {np.__version__}")
    times = start_up()
    print(f"import {times['import']:.0f} ms, help {times['help']:.0f} ms (an empty Python: {times['python']:.0f} ms)")
    for dtype in ("float32", "bfloat16"):
        found = in_turn(options.models, options.parameters, dtype, options.rounds)
        print(
            f"{options.models} x {options.parameters / 1e6:.0f} M {dtype}: plain read {found['plain_s']:.2f} s, tree "
            f"{found['tree_s']:.2f} s, ratio {found['ratio']:.2f} (of the fastest runs {found['least']:.2f}); "
            f"processors {found['plain_cpu']:.2f} and {found['cpu']:.2f} s, "
            f"ratio {found['cpu'] / found['plain_cpu']:.2f}; peak {found['peak_mb']:.0f} MB"
        )
    if options.growth:
        print("models  M parameters  plain s  tree s  ratio  ns/value")
        for n_models, parameters in [(n, 10**7) for n in (2, 4, 8, 16, 32)] + [(4, 10**k) for k in (6, 7, 8)]:
            found = in_turn(n_models, parameters, "float32", options.rounds)
            each = 1e9 * found["tree_s"] / (n_models * parameters)
            print(
                f"{n_models:6d}  {parameters / 1e6:12.0f}  {found['plain_s']:7.2f}  {found['tree_s']:6.2f}  "
                f"{found['ratio']:5.2f}  {each:8.2f}"
            )


if __name__ == "__main__":
    main()
