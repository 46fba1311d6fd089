"""Fuzz the readers: ``python tests/fuzz/run.py [--seconds S] [--engine plain|atheris] [--log FILE] [TARGET...]``.

Every input that raises a foreign error, takes more than ``SLOW`` seconds or loses the process is kept in
``tests/fuzz/regressions/TARGET/``, one for each place in the code. The log has a line of JSON for each run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[2]))

SLOW = 5
"""Seconds of the processor that one input may take."""

MEMORY = 4 << 30
"""Bytes that the process may map."""

POOL = 400
"""Inputs that are kept because they were refused, or read, as none before."""

REGRESSIONS = Path(__file__).with_name("regressions")


class TooSlow(BaseException):
    """The watch ran out."""


def _ring(*_: object) -> None:
    raise TooSlow


class Fuzzer:
    """One target: its counts, its pool of inputs and what was found."""

    def __init__(self, name: str, seed: int) -> None:
        from tests.fuzz.targets import TARGETS, scratch

        self.name, self.target = name, TARGETS[name]
        self.folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-", dir=scratch() or None))
        self.rng = random.Random(seed)
        self.pool = [*self.target.seeds(), *(path.read_bytes() for path in sorted((REGRESSIONS / name).glob("*")))]
        self.executions = self.read = 0
        self.outcomes: set[str] = set()
        self.findings: dict[str, str] = {}
        self.slowest = 0.0

    def one(self, content: bytes) -> None:
        """Run one input and note what came of it."""
        from tests.fuzz.targets import refused

        self.executions += 1
        begin = time.perf_counter()
        signal.setitimer(signal.ITIMER_PROF, SLOW)
        try:
            reason = refused(self.target, self.folder, content)
        except TooSlow:
            reason = "slow"
            self._found(content, "TooSlow")
        except Exception as error:
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "neural_phylogeny" in f.filename]
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
            reason = f"{type(error).__name__} at {place}"
            self._found(content, reason)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.slowest = max(self.slowest, time.perf_counter() - begin)
        self.read += not reason
        outcome = re.sub(r"\d+|'[^']*'|\"[^\"]*\"|/\S+", "#", reason)[:200]
        if outcome not in self.outcomes and len(self.pool) < POOL:
            self.outcomes.add(outcome)
            self.pool.append(content)

    def _found(self, content: bytes, what: str) -> None:
        if what in self.findings:
            return
        self.findings[what] = hashlib.sha256(content).hexdigest()[:12]
        kept = REGRESSIONS / self.name
        kept.mkdir(parents=True, exist_ok=True)
        (kept / self.findings[what]).write_bytes(content)
        print(f"FOUND {self.name}: {what}: {kept / self.findings[what]}", flush=True)

    def report(self, seconds: float, engine: str) -> str:
        """A line of JSON."""
        counts = {
            "target": self.name,
            "engine": engine,
            "executions": self.executions,
            "read": self.read,
            "outcomes": len(self.outcomes),
            "findings": len(self.findings),
            "slowest": round(self.slowest, 2),
            "seconds": round(seconds),
        }
        return json.dumps(counts)

    def close(self) -> None:
        """Remove the scratch folder."""
        import shutil

        shutil.rmtree(self.folder, ignore_errors=True)


def plain(fuzzer: Fuzzer, seconds: float) -> None:
    """Mutate inputs that came out in different ways, for so many seconds."""
    from tests.fuzz.mutators import mutated

    deadline = time.monotonic() + seconds
    for content in list(fuzzer.pool):
        fuzzer.one(content)
    while time.monotonic() < deadline:
        fuzzer.one(mutated(fuzzer.rng.choice(fuzzer.pool), fuzzer.pool, fuzzer.rng))


def guided(fuzzer: Fuzzer, seconds: float, corpus: Path, end: Callable[[], None]) -> None:
    """The same, with atheris, which keeps inputs that reach new code; calls ``end`` and does not return."""
    import atheris
    from tests.fuzz.mutators import mutated

    corpus.mkdir(parents=True, exist_ok=True)
    for content in fuzzer.pool:
        (corpus / hashlib.sha256(content).hexdigest()[:12]).write_bytes(content)

    def mutate(content: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        changed = mutated(content, fuzzer.pool, rng) if rng.random() < 0.7 else atheris.Mutate(content, most)
        return bytes(changed)[:most]

    deadline = time.monotonic() + seconds

    def one(content: bytes) -> None:
        fuzzer.one(content)
        if time.monotonic() > deadline:
            end()

    options = [sys.argv[0], str(corpus), "-max_len=65536", "-rss_limit_mb=0", "-handle_term=0", "-verbosity=0"]
    atheris.Setup(options, one, custom_mutator=mutate)
    atheris.Fuzz()


def run_target(name: str, seconds: float, engine: str, log: Path | None, seed: int) -> None:
    """Fuzz one target in this process and end it; the exit code is the number of findings."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGPROF, _ring)
    warnings.simplefilter("ignore", DeprecationWarning)
    if engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["neural_phylogeny"]):
            import tests.fuzz.targets  # noqa: F401
    fuzzer = Fuzzer(name, seed)
    begin = time.monotonic()

    def end(_number: int = 0, _: FrameType | None = None) -> None:
        line = fuzzer.report(time.monotonic() - begin, engine)
        print(line, flush=True)
        if log is not None:
            with log.open("a") as file:
                file.write(line + "\n")
        fuzzer.close()
        os._exit(min(len(fuzzer.findings), 100))

    signal.signal(signal.SIGTERM, end)
    if engine == "atheris":
        guided(fuzzer, seconds, Path(tempfile.gettempdir()) / "fuzz-corpus" / name, end)
    plain(fuzzer, seconds)
    end()


def engine_here() -> str:
    """``atheris`` where it is installed."""
    from importlib.util import find_spec

    return "atheris" if find_spec("atheris") else "plain"


def main() -> int:
    """Fuzz the targets one after the other, each in a process of its own."""
    options = argparse.ArgumentParser()
    options.add_argument("targets", nargs="*")
    options.add_argument("--seconds", type=float, default=120, help="of all targets together")
    options.add_argument("--engine", choices=["plain", "atheris"], default=engine_here())
    options.add_argument("--log", type=Path)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--alone", action="store_true", help="in this process, one target")
    chosen = options.parse_args()
    if chosen.alone:
        run_target(chosen.targets[0], chosen.seconds, chosen.engine, chosen.log, chosen.seed)
    from tests.fuzz.targets import TARGETS

    names = chosen.targets or list(TARGETS)
    rest = [f"--engine={chosen.engine}", f"--seed={chosen.seed}", *([f"--log={chosen.log}"] if chosen.log else [])]
    bad = 0
    for name in names:
        own = [sys.executable, __file__, "--alone", name, f"--seconds={chosen.seconds / len(names)}", *rest]
        code = subprocess.run(own, check=False).returncode
        if code:
            print(f"BAD {name}: {code}", flush=True)
            bad += 1
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
