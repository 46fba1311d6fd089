"""Fuzz the readers: ``python tests/fuzz/run.py [--seconds S] [--jobs N] [--log FILE] [TARGET...]``.

Each reader runs in a process of its own (``worker.py``), for a slice of the time; the one with the fewest executions so
far, in ``executions.json`` and the log, comes next, or, with ``--goal N``, the one that is soonest at N. Every input
that raises a foreign error, takes too long or too much memory, or loses the process is kept in
``tests/fuzz/regressions/TARGET/``, one for each place in the code.
The log has a line of JSON for each slice.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

COUNTS = Path(__file__).with_name("executions.json")
"""Executions of all logged runs, by target and engine."""

WORKER = Path(__file__).with_name("worker.py")

SLICE = 3600
"""Most seconds of the clock of a process; a worker's ``CPU`` ends it before."""

GRACE = 120
"""Seconds after its time at which a process that hangs is ended."""

IMPORTS = 20
"""Seconds that a process takes at most before its first execution."""

HANG = 900
"""Seconds without an execution after which a process is ended; a busy machine may be slow."""


class Plan:
    """Which target comes next: the one with the fewest executions, those in progress counted as their last rate.

    With a goal, the one that takes the least time to reach it, so that many are there where the time is not enough.
    """

    def __init__(
        self, names: list[str], done: dict[str, int], goal: int = 0, rates: dict[str, float] | None = None
    ) -> None:
        self.done = {name: done.get(name, 0) for name in names}
        self._goal = goal
        self._rates = dict(rates or {})
        self._running: list[tuple[str, float]] = []
        self._lock = threading.Lock()

    def take(self, seconds: float) -> tuple[str, float]:
        """The next target, which is now in progress, and for how long: so many seconds, or until it is at the goal."""
        with self._lock:
            expected = dict(self.done)
            for name, planned in self._running:
                expected[name] += int(self._rate(name) * planned)
            left = {name: (self._goal - count) / self._rate(name) for name, count in expected.items()}
            running = {name for name, _ in self._running}  # a rate may be a guess: two would overshoot together
            behind = [name for name, seconds in left.items() if seconds > 0 and name not in running]
            name = min(behind, key=lambda one: left[one]) if behind else min(expected, key=lambda one: expected[one])
            if behind and name in self._rates:
                seconds = min(seconds, left[name] + IMPORTS)
            self._running.append((name, seconds))
            return name, seconds

    def _rate(self, name: str) -> float:
        return max(self._rates.get(name, 1000.0), 1.0)

    def add(self, name: str, seconds: float, executions: int) -> None:
        """Note what a process did."""
        with self._lock:
            self._running.remove((name, seconds))
            if executions:  # a process of a busy machine may not have come beyond its imports
                self._rates[name] = executions / max(seconds, 1.0)
            self.done[name] += executions


def counted(log: Path | None) -> dict[str, int]:
    """Executions by target, of the committed counts and of a log that is gone on with."""
    committed = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    found = {name: sum(row["executions"] for row in engines.values()) for name, engines in committed.items()}
    if log is not None and log.exists():
        for line in log.read_text().splitlines():
            row = json.loads(line)
            found[row["target"]] = found.get(row["target"], 0) + row["executions"]
    return found


def rates(log: Path | None) -> dict[str, float]:
    """Executions a second by target, of the last slice in a log."""
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log is not None and log.exists() else []
    return {row["target"]: row["executions"] / max(row["seconds"], 1) for row in rows if row["executions"]}


def one_slice(name: str, seconds: float, chosen: argparse.Namespace, current: Path, seed: int) -> dict[str, Any]:
    """Run one process to its end; its line of the log."""
    from tests.fuzz.worker import Current, keep

    own = [sys.executable, str(WORKER), name, f"--seconds={seconds}", f"--engine={chosen.engine}", f"--seed={seed}"]
    own += [f"--corpus={chosen.corpus}", f"--current={current}"]
    current.unlink(missing_ok=True)
    process = subprocess.Popen(own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    watch = threading.Thread(target=_watch, args=(process, current, seconds + GRACE), daemon=True)
    watch.start()
    out, words = process.communicate()
    *lines, last = out.splitlines() or [""]
    for line in lines:
        if line.startswith("FOUND"):
            print(line, flush=True)
    if process.returncode == 0 and last.startswith("{"):
        return dict(json.loads(last))
    number, content = Current.left(current) if current.exists() else (0, b"")
    is_again = bool(number) and not _replayed(name, keep(name, content))
    what = "FOUND" if is_again else "lost, though its last input is read by another process:"
    print(f"{what} {name}: the process ended with {process.returncode}\n{words[-2000:]}", flush=True)
    lost = {"target": name, "engine": chosen.engine, "executions": number, "read": 0, "outcomes": 0}
    return {**lost, "findings": int(is_again), "slowest": 0, "seconds": round(seconds)}


def _replayed(name: str, path: Path) -> bool:
    """Whether a new process reads or refuses an input that the last one did not survive; then it is not kept."""
    code = (
        "import sys, pathlib, tempfile; sys.path.insert(0, sys.argv[1])\n"
        "from tests.fuzz.targets import TARGETS, refused\n"
        "refused(TARGETS[sys.argv[2]], pathlib.Path(tempfile.mkdtemp()), pathlib.Path(sys.argv[3]).read_bytes())"
    )
    root = str(Path(__file__).parents[2])
    try:
        done = subprocess.run([sys.executable, "-c", code, root, name, str(path)], check=False, timeout=HANG)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode == 0:
        path.unlink()
    return done.returncode == 0


def _watch(process: subprocess.Popen[str], current: Path, seconds: float) -> None:
    """End a process that is past its time, or does nothing."""
    from tests.fuzz.worker import Current

    deadline = time.monotonic() + seconds
    known, since = -1, time.monotonic()
    while process.poll() is None:
        time.sleep(1)
        number = Current.left(current)[0] if current.exists() else 0
        if number != known:
            known, since = number, time.monotonic()
        hangs = known > 0 and time.monotonic() - since > HANG  # before the first, modules are instrumented
        if time.monotonic() > deadline or hangs:
            os.killpg(process.pid, signal.SIGKILL)
            return


def work(plan: Plan, chosen: argparse.Namespace, until: float, number: int, rows: list[dict[str, Any]]) -> None:
    """One of the jobs: slices until the time is over."""
    from tests.fuzz.targets import scratch

    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=scratch() or None))
    own = min(chosen.slice, chosen.seconds * chosen.jobs / len(plan.done))
    turn = 0
    while (left := until - time.monotonic()) > 1:
        seconds = min(own, left)
        name, seconds = plan.take(seconds)
        seed = chosen.seed + 1000 * turn + number
        row = one_slice(name, seconds, chosen, folder / "current", seed)
        plan.add(name, seconds, row["executions"])
        rows.append(row)
        if chosen.log is not None:
            with chosen.log.open("a") as file:
                file.write(json.dumps(row) + "\n")
        turn += 1
    (folder / "current").unlink(missing_ok=True)
    folder.rmdir()


def main() -> int:
    """Fuzz the targets; 1 where something was found."""
    options = argparse.ArgumentParser()
    options.add_argument("targets", nargs="*")
    options.add_argument("--seconds", type=float, default=120, help="of the clock, for all targets together")
    options.add_argument("--jobs", type=int, default=1, help="processes at the same time")
    options.add_argument(
        "--engine", choices=["plain", "atheris"], default="atheris" if find_spec("atheris") else "plain"
    )
    options.add_argument("--slice", type=float, default=SLICE, help="most seconds of the clock of a process")
    options.add_argument("--log", type=Path, help="a line for each slice is added")
    options.add_argument("--corpus", type=Path, default=Path(tempfile.gettempdir()) / "fuzz-corpus")
    options.add_argument("--goal", type=int, default=0, help="executions of a target; the fastest ones come first")
    options.add_argument("--seed", type=int, default=int(time.time()))
    chosen = options.parse_args()
    from tests.fuzz.targets import TARGETS

    plan = Plan(chosen.targets or list(TARGETS), counted(chosen.log), chosen.goal, rates(chosen.log))
    until = time.monotonic() + chosen.seconds
    rows: list[dict[str, Any]] = []
    threads = [threading.Thread(target=work, args=(plan, chosen, until, k, rows)) for k in range(chosen.jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in plan.done:
        own = [row for row in rows if row["target"] == name]
        read, found = (sum(row[key] for row in own) for key in ("read", "findings"))
        executions = sum(row["executions"] for row in own)
        if own:
            slowest = max(row["slowest"] for row in own)
            print(f"{name:14} {executions:9,} executions, {read:,} read, {found} found, slowest {slowest:.2f} s")
    return int(any(row["findings"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
