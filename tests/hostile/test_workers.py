"""Workers and forked processes that are killed at random moments: the right answer, or a sentence on what was lost."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tests.hostile.corpus import CASES, sound_models
from tests.hostile.corpus.base import safetensors

from neural_phylogeny.formats.fingerprint import from_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")

MOMENTS = 20
"""Random moments at which each command loses a process."""

PATIENCE = 120.0
"""Seconds of the clock after which a command hangs."""

COMMAND = "from neural_phylogeny.cli import main; main()"

FORKING = "from neural_phylogeny.reconstruction import placing\nplacing.FEWEST, placing.AT_A_TIME = 2, 1\n" + COMMAND
"""A tree of a few small families, placed by forked processes."""

LOST = ("two workers died of it", "crashed")
"""Words of sentences on what was lost."""


def children(pid: int) -> list[int]:
    """Processes that a process started, and those that they started."""
    try:
        words = " ".join(task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:  # it ended
        return []
    own = [child for child in map(int, words.split()) if not is_tracker(child)]
    return [one for child in own for one in (child, *children(child))]


def is_tracker(pid: int) -> bool:
    """Whether it is Python's own process that cleans up after workers: it complains when it is killed, at no loss."""
    try:
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ended
        return True


class Outcome(NamedTuple):
    """Exit code and output of a command, for how many seconds it had children, and whether one was killed."""

    code: int
    text: str
    seconds: float
    killed: bool


def run(script: str, arguments: list[str], folder: Path, moment: float = math.inf, seed: int = 0) -> Outcome:
    """Run a command of which a child is killed so many seconds after it had the first one."""
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=file, stderr=file)
    started = time.monotonic()
    first = last = 0.0
    killed = False
    while process.poll() is None:
        now = time.monotonic()
        if now - started > PATIENCE:
            process.kill()
            pytest.fail(f"hangs after a kill at {moment} s: {output.read_text()[-2000:]}")
        own = children(process.pid)
        if own:
            first, last = first or now, now
            if not killed and now - first >= moment:
                os.kill(random.Random(seed).choice(own), signal.SIGKILL)
                killed = True
        time.sleep(0.002)
    return Outcome(process.returncode, output.read_text("utf-8", "replace"), last - first, killed)


def families(folder: Path) -> list[str]:
    """Three families of a parent and two children."""
    rng, paths = np.random.default_rng(0), []
    for family in range(3):
        base = rng.standard_normal((48, 48), dtype=np.float32)
        for k in range(3):
            moved = base + np.float32(0.1 * (k > 0)) * rng.standard_normal(base.shape, dtype=np.float32)
            paths.append(str(safetensors(folder / f"{family}-{k}.safetensors", {"w.weight": moved})))
    return paths


def hostile(folder: Path) -> list[str]:
    """Sound models, and files that are refused or odd."""
    paths = sound_models(folder)
    for name in ("hdf5_mutated", "names_of_terminal_commands", "values_that_make_numpy_warn", "two_strides_of_zero"):
        inner = folder / name
        inner.mkdir()
        paths += CASES[name](inner)
    return paths


def prints(folder: Path) -> dict[str, str]:
    """Digests of the fingerprints in a folder."""
    return {path.name: from_bytes(path.read_bytes(), str(path)).digest for path in folder.rglob("*.nphylo")}


def answer(path: Path) -> tuple[object, list[str]]:
    """A result without what differs between two runs, and why files were left out."""
    found = json.loads(path.read_text())
    found.pop("provenance", None)
    return found, [item["reason"] for item in found["skipped"]]


def exported(index: Path, folder: Path) -> list[str]:
    """What an index holds, a line for each model, once it was verified."""
    for command in ("verify", "export"):
        found = run(COMMAND, ["index", command, str(index)], folder)
        assert found.code == 0, found.text
    rows = map(json.loads, found.text.splitlines())
    return sorted(f"{row['name']} {row['digest']}" for row in rows)


def arguments(command: str, paths: list[str], out: Path) -> list[str]:
    if command == "tree":
        return ["tree", *paths, "--threads", "3", "-o", str(out)]
    first = ["index", "add", str(out)] if command == "index" else ["fingerprint", "-o", str(out)]
    return [*first, *paths, "--workers", "2"]


def disturbed(tmp_path: Path, command: str, models: str, moments: int) -> None:
    """The command, undisturbed and then with kills: what is there is right, and what is not there is named."""
    (tmp_path / "in").mkdir()
    paths = (families if models == "sound" else hostile)(tmp_path / "in")
    script, suffix = (FORKING, ".json") if command == "tree" else (COMMAND, "")
    whole = tmp_path / f"whole{suffix}"
    undisturbed = run(script, arguments(command, paths, whole), tmp_path)
    assert undisturbed.code in (0, 3), undisturbed.text
    kills = 0
    for seed in range(moments):
        moment, out = random.Random(seed).uniform(0.0, undisturbed.seconds), tmp_path / f"{seed}{suffix}"
        code, text, _, killed = run(script, arguments(command, paths, out), tmp_path, moment, seed)
        kills += killed
        assert code in (0, 3), f"{code} after a kill at {moment:.2f} s: {text[-3000:]}"
        assert "Traceback" not in text, text[-3000:]
        if command == "tree":
            (found, reasons), (known, _) = answer(out), answer(whole)
            assert found == known or named(reasons), reasons
        elif command == "index":
            here, there = set(exported(out, tmp_path)), set(exported(whole, tmp_path))
            assert here == there or (here < there and named([text])), text
        else:
            made, other = prints(out), prints(whole)
            assert made.items() <= other.items()
            assert made.keys() == other.keys() or named([text]), text
    assert kills >= moments // 2


def named(sentences: list[str]) -> bool:
    """Whether it is said what a process that was killed had in hand."""
    return any(word in sentence for sentence in sentences for word in LOST)


def test_a_process_that_is_killed_costs_nothing(tmp_path):
    disturbed(tmp_path, "tree", "sound", 1)


@pytest.mark.slow
@pytest.mark.parametrize("models", ["sound", "hostile"])
@pytest.mark.parametrize("command", ["tree", "fingerprint", "index"])
def test_processes_that_are_killed_at_random_moments_cost_nothing(tmp_path, command, models):
    disturbed(tmp_path, command, models, MOMENTS)
