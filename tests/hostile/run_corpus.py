"""Run ``nphylo tree`` on every hostile input beside two sound models: ``python tests/hostile/run_corpus.py [NAME...]``.

Each run is a process of its own with limits on time and memory; a line says what came of it.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))
corpus: Any = import_module("tests.hostile.corpus")

SECONDS = 240
"""Of the clock: a run that waits for something is killed after it."""

CPU = 30
"""Of the processor."""

LARGE_FILES = 100_000_000
"""Bytes of input that may take three seconds of the processor; more may take longer."""

EACH_IS_HOSTILE = ("small_", "two_files_of_", "kinds_of_equal_", "kinds_of_computed_")
"""Beginnings of cases of several models each of which alone is made to be slow, by thousands of tensors or hundreds of
tables: each may take three seconds. All other cases have three seconds for everything that they give."""

MOST_MEMORY = 340_000
"""Kilobytes: 300 MB beyond the 40 MB of a process that does nothing; this one takes about 60."""

MOST_OUTPUT = 10_000
"""Bytes."""


class Outcome(NamedTuple):
    """What came of a run: exit code or signal, seconds, peak memory and output in bytes, and what was wrong."""

    code: int
    seconds: float
    peak: int
    output: int
    faults: tuple[str, ...]
    text: str


def run(arguments: list[str], work: Path, command: str = "tree", nbytes: int = 0, models: int = 1) -> Outcome:
    """Run the command line in a child that may take ``SECONDS``."""
    out = work / "output"
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _child(arguments, out, command)
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - start > SECONDS:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
            break
        time.sleep(0.01)
    waited = time.monotonic() - start
    seconds = usage.ru_utime + usage.ru_stime
    text = out.read_text("utf-8", "replace")
    code = os.waitstatus_to_exitcode(status)
    return Outcome(
        code,
        seconds,
        usage.ru_maxrss * 1024,
        len(text),
        tuple(_faults(code, seconds, waited, usage, text, nbytes, models)),
        text,
    )


def _faults(
    code: int, seconds: float, waited: float, usage: resource.struct_rusage, text: str, nbytes: int, models: int
) -> list[str]:
    faults = []
    if code < 0:
        faults.append(f"signal {-code}")
    if code == 70 or "Traceback" in text:
        faults.append("traceback")
    if waited > SECONDS and code < 0:
        faults.append("hang")
    if seconds > 3 * max(1, models, nbytes / LARGE_FILES):
        faults.append("slow")
    if usage.ru_maxrss > MOST_MEMORY:
        faults.append("memory")
    if len(text) > MOST_OUTPUT:
        faults.append("flood")
    if "secret_canary" in text:
        faults.append("leak")
    if "Warning" in text:
        faults.append("noise")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text):
        faults.append("control")
    return faults


def _child(arguments: list[str], out: Path, command: str) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU + 1))
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from neural_phylogeny.cli import main

    sys.argv = ["nphylo", *command.split(), *arguments]
    code: object = 70
    try:
        main()
    except SystemExit as error:
        code = error.code
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


def _is_usage(name: str) -> bool:
    """Whether a case is about an option: it may be refused as a whole, in a sentence."""
    return any(word in name for word in ("stats", "statistics", "output", "component_missing", "proc_files"))


def _warm_up() -> None:
    """Import, load and draw once what every child would need."""
    import neural_phylogeny.cli.tree  # noqa: F401
    from neural_phylogeny.reconstruction.api import reconstruct

    with tempfile.TemporaryDirectory(prefix="hostile-") as work:
        reconstruct(corpus.sound_models(Path(work)), threads=1)


def written(name: str, folder: Path) -> list[str]:
    """The arguments of a case, written by a child: what it took in memory would count for every run that is forked."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            (folder.parent / "arguments").write_text(json.dumps(corpus.CASES[name](folder)))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"{name} could not be written"
    arguments: list[str] = json.loads((folder.parent / "arguments").read_text())
    return arguments


def main(chosen: list[str]) -> int:
    """Print a line for each case; the number of those that went wrong."""
    _warm_up()
    verbose = "-v" in chosen
    chosen = [name for name in chosen if name != "-v"]
    bad = 0
    for name in corpus.CASES:
        if chosen and name not in chosen:
            continue
        work = Path(tempfile.mkdtemp(prefix="hostile-"))
        (work / "in").mkdir()
        (work / "sound").mkdir()
        try:
            sound = corpus.sound_models(work / "sound")
            arguments = written(name, work / "in")
            nbytes = sum(
                path.lstat().st_size for depth in ("*", "*/*") for path in (work / "in").glob(depth) if path.is_file()
            )
            models = sum(map(os.path.isfile, arguments)) if name.startswith(EACH_IS_HOSTILE) else 1
            outcome = run([*sound, *arguments], work, nbytes=nbytes, models=models)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        faults = list(outcome.faults)
        if outcome.code in (0, 3) and not _is_usage(name) and "parent" not in outcome.text:
            faults.append("lost")
        if outcome.code not in (0, 3) and not (outcome.code in (1, 2) and _is_usage(name)) and not faults:
            faults.append("code")
        bad += bool(faults)
        print(
            f"{'BAD ' if faults else 'ok  '} {name:45} rc={outcome.code:4d} {outcome.seconds:6.2f}s "
            f"{outcome.peak >> 20:5d}MB {outcome.output:9d}B {' '.join(faults)}",
            flush=True,
        )
        if verbose:
            print(outcome.text[:3000])
    print(f"{bad} bad")
    return bad


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
