"""Run every command on hostile inputs: ``python tests/hostile/run_commands.py [--only COMMAND,...] NAME...``.

Names are those of ``run_corpus.py``, ``all`` stands for every one; ``-v`` shows what went wrong. A line is printed for
each command, by the same measures. Listings may be longer than what a refused file may print: a table for each model.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
corpus: Any = import_module("tests.hostile.corpus")
runner: Any = import_module("tests.hostile.run_corpus")

LISTINGS = ("inspect", "compare", "diff", "show --evidence", "index export", "fingerprint", "index add")
"""Commands that may print a table or a line for each model: what ``fingerprint`` leaves out is kept nowhere else."""

FORMATS = ("html", "svg", "nwk", "nex", "graphml", "graph.json", "dot", "mmd", "jsonl", "csv", "cdx.json", "spdx.json")


def commands(sound: list[str], given: list[str], work: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command with its arguments, in an order in which what one writes is there for the next."""
    first, second = given[0], given[1] if len(given) > 1 else sound[0]
    every, result, index = [*sound, *given], str(work / "r.json"), str(work / "i.index")
    yield "tree", [*every, "-o", result, "--html", str(work / "r.html"), "--save-stats", str(work / "stats"), "-q"]
    yield "tree", [*every, "--stats", str(work / "stats"), "--evidence"]
    yield "tree", [*every, "--explain", Path(first).name]
    yield "tree", [*every, "--support", "2", "-q"]
    if Path(result).is_file():
        names = [model["name"] for model in json.loads(Path(result).read_text())["models"]]
        yield "show", [result]
        yield "show --evidence", [result]
        for name in names[-1:]:
            yield "show", [result, "--explain", name]
        for suffix in FORMATS:
            yield "show", [result, "-o", str(work / f"shown.{suffix}")]
    yield "inspect", given
    yield "compare", [first, second]
    yield "compare", [first, second, "--explain", "-o", str(work / "c.json")]
    yield "diff", [first, second]
    yield "diff", [first, second, "-o", str(work / "d.svg")]
    yield "derived", [first, "--from", second, "--among", sound[1]]
    yield "verify", [*every, "-o", str(work / "v.sarif")]
    yield "annotate", every
    yield "fingerprint", [*every, "-o", str(work / "prints")]
    yield "fingerprint", [*every, "--workers", "2", "-o", str(work / "prints-of-two")]
    yield "tree", [str(work / "prints")]
    yield "index add", [index, *every]
    yield "index search", [index, first]
    yield "index tree", [index]
    yield "index verify", [index]
    yield "index export", [index]


def main(chosen: list[str]) -> int:
    """Print a line for each command on each input; the number of those that went wrong."""
    runner._warm_up()
    verbose, bad = "-v" in chosen, 0
    only = chosen[chosen.index("--only") + 1] if "--only" in chosen else ""
    names = [name for name in chosen if name not in ("-v", "--only", only)]
    for case in corpus.CASES if names == ["all"] else names:
        work = Path(tempfile.mkdtemp(prefix="hostile-"))
        try:
            for folder in ("in", "sound"):
                (work / folder).mkdir()
            sound, given = corpus.sound_models(work / "sound"), runner.written(case, work / "in")
            if given[0].startswith("-"):
                continue
            nbytes = sum(path.lstat().st_size for path in (work / "in").rglob("*") if path.is_file())
            for command, arguments in commands(sound, given, work):
                if only and command.split()[0] not in only.split(","):
                    continue
                outcome = runner.run(arguments, work, command, nbytes)
                faults = [fault for fault in outcome.faults if fault != "flood" or command not in LISTINGS]
                faults += ["code"] if outcome.code not in (0, 1, 2, 3, 4) and not faults else []
                bad += bool(faults)
                words = " ".join(
                    [command, *(Path(one).name for one in arguments if not one.startswith(str(work / "in")))]
                )
                print(
                    f"{'BAD ' if faults else 'ok  '} {case[:40]:40} {words[:70]:70} rc={outcome.code:4d} "
                    f"{outcome.seconds:6.2f}s {outcome.peak >> 20:5d}MB {outcome.output:9d}B {' '.join(faults)}",
                    flush=True,
                )
                if verbose and faults:
                    print(outcome.text[-3000:])
        finally:
            shutil.rmtree(work, ignore_errors=True)
    print(f"{bad} bad")
    return bad


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
