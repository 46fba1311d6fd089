"""Fuzz one reader in this process: ``python tests/fuzz/worker.py TARGET --seconds S``; ``run.py`` starts it.

The input that is being read lies in the file ``--current``, from which it is saved where the process is lost. The last
line of the output is one of JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import hashlib
import json
import mmap
import os
import random
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

SLOW = 3
"""Seconds of the processor that one input may take."""

WAIT = 120
"""Seconds of the clock that one input may take: another process may read it."""

GROWTH = 300_000
"""Kilobytes by which one input may raise the peak of the process's memory."""

CPU = 300
"""Most seconds of the processor that a process fuzzes."""

MEMORY = 4 << 30
"""Bytes that the process may map."""

POOL = 400
"""Inputs that are kept because they were refused, or read, as none before."""

LONGEST = 1 << 18
"""Bytes of an input."""

REGRESSIONS = Path(__file__).with_name("regressions")


class TooSlow(BaseException):
    """The watch ran out."""


_BEGAN = [0.0]
"""Seconds of the processor at which the input in progress was begun; 0 where none is."""


def _ring(*_: object) -> None:
    """The timer of a busy machine may run ahead, and its signal come when the input is done."""
    if _BEGAN[0]:
        if (left := _BEGAN[0] + SLOW - time.process_time()) > 0:
            signal.setitimer(signal.ITIMER_PROF, left)
        else:
            raise TooSlow


class Current:
    """The number of executions and the input of the one in progress, in a file that outlives the process."""

    HEAD = struct.Struct("<QQ")

    def __init__(self, path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(self.HEAD.size + 2 * LONGEST)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def put(self, number: int, content: bytes) -> None:
        """Note an input before it is read."""
        self._map[: self.HEAD.size + len(content)] = self.HEAD.pack(number, len(content)) + content

    @classmethod
    def left(cls, path: Path) -> tuple[int, bytes]:
        """How many executions a process began, and its last input."""
        content = path.read_bytes()
        number, length = cls.HEAD.unpack_from(content)
        return number, content[cls.HEAD.size :][:length]


class Fuzzer:
    """One target: its counts, its pool of inputs and what was found."""

    def __init__(self, name: str, seed: int, current: Path) -> None:
        from tests.fuzz.targets import TARGETS, scratch

        self.name, self.target = name, TARGETS[name]
        self.folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-", dir=scratch() or None))
        self.rng = random.Random(seed)
        self.pool = [*self.target.seeds(), *(path.read_bytes() for path in sorted((REGRESSIONS / name).glob("*")))]
        self.executions = self.read = 0
        self.outcomes: set[str] = set()
        self.findings: dict[str, str] = {}
        self.slowest = 0.0
        self._current = Current(current)
        self._peak = 0

    def one(self, content: bytes) -> None:
        """Run one input and note what came of it."""
        from tests.fuzz.targets import refused

        self.executions += 1
        self._current.put(self.executions, content)
        begin = time.perf_counter()
        _BEGAN[0] = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SLOW)
        try:
            reason = refused(self.target, self.folder, content)
            _BEGAN[0] = 0.0
        except TooSlow:
            reason = "slow"
            self._found(content, "TooSlow")
        except Exception as error:
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "neural_phylogeny" in f.filename]
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
            reason = f"{type(error).__name__} at {place}"
            self._found(content, reason)
        _BEGAN[0] = 0.0
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._measure(content, time.perf_counter() - begin)
        self.read += not reason
        outcome = _kind_of(reason)
        if outcome not in self.outcomes and len(self.pool) < POOL:
            self.outcomes.add(outcome)
            self.pool.append(content)

    def _measure(self, content: bytes, seconds: float) -> None:
        self.slowest = max(self.slowest, seconds)
        if seconds > WAIT:
            self._found(content, "waits")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if self._peak and peak - self._peak > GROWTH:
            self._found(content, "memory")
        self._peak = peak

    def _found(self, content: bytes, what: str) -> None:
        if what not in self.findings:
            self.findings[what] = str(keep(self.name, content))
            print(f"FOUND {self.name}: {what}: {self.findings[what]}", flush=True)

    def report(self, seconds: float, engine: str) -> dict[str, object]:
        """A line of the log."""
        return {
            "target": self.name,
            "engine": engine,
            "executions": self.executions,
            "read": self.read,
            "outcomes": len(self.outcomes),
            "findings": len(self.findings),
            "slowest": round(self.slowest, 2),
            "seconds": round(seconds),
        }


@functools.lru_cache(10_000)
def _kind_of(reason: str) -> str:
    return re.sub(r"\d+|'[^']*'|\"[^\"]*\"|/\S+", "#", reason[:1000])[:200]


def keep(name: str, content: bytes) -> Path:
    """Save an input that was found; its path."""
    kept = REGRESSIONS / name / hashlib.sha256(content).hexdigest()[:12]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(content)
    return kept


def over(seconds: float) -> Callable[[], bool]:
    """Whether the time of the clock, or of the processor, is over."""
    clock, processor = time.monotonic() + seconds, time.process_time() + CPU
    return lambda: time.monotonic() > clock or time.process_time() > processor


def plain(fuzzer: Fuzzer, seconds: float) -> None:
    """Mutate inputs that came out in different ways, for so many seconds."""
    from tests.fuzz.mutators import mutated

    is_over = over(seconds)
    for content in list(fuzzer.pool):
        fuzzer.one(content)
    while not is_over():
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

    is_over = over(seconds)

    def one(content: bytes) -> None:
        fuzzer.one(content)
        if is_over():
            end()

    signals = [
        f"-handle_{name}=0" for name in ("term", "segv", "bus", "abrt", "ill", "fpe", "int", "xfsz", "usr1", "usr2")
    ]
    most = min(LONGEST // 4, 512 + 3 * max(map(len, fuzzer.pool)))
    options = [
        sys.argv[0],
        str(corpus),
        f"-max_len={most}",
        "-mutate_depth=2",
        "-rss_limit_mb=0",
        "-timeout=900",
        "-verbosity=0",
        *signals,
    ]
    atheris.Setup([*options, f"-seed={fuzzer.rng.randrange(1, 2**31)}"], one, custom_mutator=mutate)
    atheris.Fuzz()


def _instrumented() -> None:
    """Import the readers with counters at their branches. Comparisons are not traced: the mutators know the formats."""
    from atheris.import_hook import AtherisMetaPathFinder

    finder = AtherisMetaPathFinder({"neural_phylogeny"}, set(), enable_loader_override=False, trace_dataflow=False)
    sys.meta_path.insert(0, finder)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        import tests.fuzz.targets  # noqa: F401
    sys.meta_path.remove(finder)


def main() -> None:
    """Fuzz one target in this process and end it."""
    options = argparse.ArgumentParser()
    options.add_argument("target")
    options.add_argument("--seconds", type=float, required=True)
    options.add_argument("--engine", choices=["plain", "atheris"], required=True)
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--corpus", type=Path, required=True)
    options.add_argument("--current", type=Path, required=True)
    chosen = options.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _ring)
    warnings.simplefilter("ignore")
    if chosen.engine == "atheris":
        _instrumented()
    fuzzer = Fuzzer(chosen.target, chosen.seed, chosen.current)
    # it takes a third of the time, and no target makes links
    os.path.realpath = functools.lru_cache(10_000)(os.path.realpath)  # type: ignore[assignment]
    tempfile.tempdir = str(fuzzer.folder / "temporary")  # in memory: to remove a folder of a disk takes milliseconds
    os.mkdir(tempfile.tempdir)
    gc.freeze()  # what was imported is not looked at again by each collection
    begin = time.monotonic()

    def end(*_: object) -> None:
        shutil.rmtree(fuzzer.folder, ignore_errors=True)
        print(json.dumps(fuzzer.report(time.monotonic() - begin, chosen.engine)), flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    if chosen.engine == "atheris":
        guided(fuzzer, chosen.seconds, chosen.corpus / chosen.target, end)
    else:
        plain(fuzzer, chosen.seconds)
    end()


if __name__ == "__main__":
    main()
