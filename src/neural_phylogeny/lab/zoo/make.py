"""Making collections: train what is missing, family by family, and put finished collections into place.

    OUT/.runs/RECIPE-SEED/RUN.safetensors, RUN.json    each run as soon as it is trained
    OUT/CELL/SEED/NAME.safetensors, truth.json         a collection, once all of its runs are there

An interrupted making goes on where it stopped, run by run.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from neural_phylogeny.errors import MissingExtraError, SavedFileError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.lab.zoo.plan import Family, Run, model_names, plan
from neural_phylogeny.lab.zoo.recipes import Recipe
from neural_phylogeny.lab.zoo.tasks import substituted, substitutes

Progress = Callable[[int, int], None]
"""Called with (runs trained, runs in all)."""

POLL = 0.5
"""Seconds between looks at what the workers have finished."""


class Source(Protocol):
    """What runs are made from: a recipe of any kind."""

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class _Job:
    """A family to be trained by one worker."""

    family: Family
    recipe: Recipe
    folder: Path
    data: Path | None


def make(
    recipe: Recipe,
    out: Path,
    *,
    collections: int = 1,
    seed: int = 0,
    jobs: int = 1,
    data: Path | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Train the collections of a recipe; returns their folders.

    Parameters
    ----------
    recipe : Recipe
        What to train.
    out : path
        Where; see the module's drawing.
    collections, seed : int
        One collection of each cell for each of the seeds ``seed, seed + 1, ...``.
    jobs : int
        Processes, each with one thread; results do not depend on it.
    data : path, optional
        Folder of data sets; the digits of scikit-learn stand in where it is None.

    Raises
    ------
    MissingExtraError
        When torch, safetensors or scikit-learn is not installed.
    SavedFileError
        When data are missing or wrong; when what is in ``out`` was trained by another recipe; when a model stayed
        at chance; when a worker was killed.
    """
    if any(find_spec(name) is None for name in ("torch", "safetensors", "sklearn")):
        raise MissingExtraError("Families that are trained", "lab")
    seeds = range(seed, seed + collections)
    families = {number: plan(recipe, number) for number in seeds}
    work = [
        _Job(family, recipe, runs_folder(out, recipe, number, data), data)
        for number in seeds
        for family in families[number]
    ]
    _train_all(work, jobs, progress)
    return [
        _collect(recipe, cell.name, number, families[number], out, data) for number in seeds for cell in recipe.cells
    ]


def runs_folder(out: Path, recipe: Source, seed: int, data: Path | None) -> Path:
    """The folder of finished runs, claimed for this recipe and this data alone."""
    folder = out / ".runs" / f"{recipe.name}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    claim = folder / "recipe.json"
    version = hashlib.sha256(recipe.text.encode()).hexdigest()[:16]
    ours = {"recipe": version, "data": "digits" if data is None else "folder"}
    if not claim.exists():
        write_json(claim, ours)
    elif json.loads(claim.read_text(encoding="utf-8")) != ours:
        raise SavedFileError(
            f"{folder} holds runs of another version of the recipe {recipe.name!r} or of other data; "
            "remove that folder, or choose another --out"
        )
    return folder


def _train_all(work: Sequence[_Job], jobs: int, progress: Progress | None) -> None:
    """Train what is missing, here or in processes of its own."""
    total = sum(len(job.family.runs) for job in work)
    folders = {job.folder for job in work}
    left = [job for job in work if not all(_is_done(job.folder, run) for run in job.family.runs)]

    def report() -> None:
        if progress:
            progress(sum(1 for folder in folders for _ in folder.glob("family-*.json")), total)

    report()
    if jobs == 1 or len(left) < 2:
        for job in left:
            _train_family(job)
            report()
        return
    # A new process for each worker: torch does not survive a fork of a process that has used its threads.
    with ProcessPoolExecutor(min(jobs, len(left)), multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(_train_family, job) for job in left}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=POLL, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                report()
        except BrokenProcessPool as error:
            raise SavedFileError(
                "a worker was killed, for want of memory perhaps; run the same command again with fewer --jobs, "
                "and it goes on from the runs that are finished"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _train_family(job: _Job) -> None:
    """Train what is missing of a family, parents before children."""
    import torch
    from safetensors.torch import load_file, save_file

    from neural_phylogeny.lab.zoo.training import State, train

    torch.set_num_threads(1)  # the bits must not depend on the number of cores

    stands_in = substitutes(job.recipe) if job.data is None else {}
    states: dict[str, State] = {}

    def state_of(key: str) -> State:
        if key not in states:
            states[key] = load_file(job.folder / f"{key}.safetensors")
        return states[key]

    for run in job.family.runs:
        if _is_done(job.folder, run):
            continue
        parent = None if run.parent is None else state_of(run.parent)
        task = substituted(run.settings.task, stands_in) if stands_in else run.settings.task
        started = time.perf_counter()
        state, facts = train(run, job.recipe.network, task, job.data, parent)
        target = job.folder / f"{run.key}.safetensors"
        save_file(state, target.with_suffix(".part"))
        os.replace(target.with_suffix(".part"), target)
        settings = asdict(replace(run.settings, task=task))
        write_json(_record(job.folder, run), settings | facts | {"seconds": round(time.perf_counter() - started, 2)})
        states[run.key] = state
        if len(states) > 16:  # only parents are wanted again, and those can be read again
            states.pop(next(iter(states)))


def _record(folder: Path, run: Run) -> Path:
    """The file that says that a run is finished, and how it went."""
    return folder / f"family-{run.key}.json"


def _is_done(folder: Path, run: Run) -> bool:
    return _record(folder, run).exists()


def _collect(recipe: Recipe, cell: str, seed: int, families: Sequence[Family], out: Path, data: Path | None) -> Path:
    """Give the models of a collection their names and write its truth."""
    folder, runs_folder = out / cell / str(seed), out / ".runs" / f"{recipe.name}-{seed}"
    members = [list(_members(family, cell)) for family in families]
    runs = [run for family in members for run in family]
    facts = {run.key: json.loads(_record(runs_folder, run).read_text(encoding="utf-8")) for run in runs}
    for run in runs:
        if not facts[run.key]["learnt"] and not recipe.untaught:
            raise SavedFileError(
                f"{recipe.name}: the run {run.key} ended at {facts[run.key]['accuracy']:.3f}, chance being "
                f"{facts[run.key]['chance']:.3f}; its collection is refused. Give it more steps or another rate."
            )
    files = {run.key: f"{name}.safetensors" for run, name in zip(runs, model_names(len(runs), seed, cell), strict=True)}
    folder.mkdir(parents=True, exist_ok=True)
    for run in runs:
        _link(runs_folder / f"{run.key}.safetensors", folder / files[run.key])
    truth = {
        "group": f"{cell}/{seed}",
        "basis": f"trained by `nphylo lab zoo make {recipe.name} --seed {seed}`",
        "data": "digits of scikit-learn" if data is None else "data folder",
        "complete": True,
        "roots": sorted(files[family[0].key] for family in members),
        "edges": [
            {
                "parent": files[run.parent],
                "child": files[run.key],
                "kind": run.kind,
                "certainty": "documented (trained)",
            }
            for run in runs
            if run.parent is not None
        ],
        "unrelated": [],
        "siblings": [],
        "copies": [],
        "models": {files[run.key]: facts[run.key] for run in sorted(runs, key=lambda run: files[run.key])},
    }
    write_json(folder / "truth.json", truth)
    return folder


def _members(family: Family, cell: str) -> Iterator[Run]:
    yield family.root
    yield from family.descendants[cell]


def _link(source: Path, target: Path) -> None:
    """One file under two names where the file system can, else a copy."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace a file by readable JSON."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())
