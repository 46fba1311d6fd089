"""Waves of families: planned, trained at once, altered; and folders of their measurements. Needs torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.atomic_files import replacing
from neural_phylogeny.lab.families.alter import Model
from neural_phylogeny.lab.families.architectures import Architecture, draw_architecture
from neural_phylogeny.lab.families.initial import initial
from neural_phylogeny.lab.families.layout import Layout
from neural_phylogeny.lab.families.members import Family, as_family
from neural_phylogeny.lab.families.pictures import TRAINING_SETS, Pictures, View, draw_views, load_pictures
from neural_phylogeny.lab.families.plan import FamilyPlan, draw_family
from neural_phylogeny.lab.families.training import Job, Trained, train

MeasureFn = Callable[[list[Model]], dict[str, NDArray[np.generic]]]
"""Named arrays that a detector needs of a group of models."""

DrawFn = Callable[[Architecture, int, int, np.random.Generator, str | None], FamilyPlan]
"""Draws a plan, as ``draw_family`` does."""

FAMILIES, WIDE_FAMILIES, VIEWS = 28, 14, 6
"""Families of a wave, of a wave of wide networks, and tasks that they share."""

BATCHES = {"dense": (16, 32), "recurrent": (16,), "conv": (16,), "conv-norm": (16,), "attention": (16,)}
"""Images of a step, by kind of network: what it costs decides."""

GROWTH, SURE = 30.0, 2.0
"""A network diverged when its weights grew so much; it learnt when so many standard errors better than chance."""


def wave(
    seed: int,
    pictures: Pictures,
    n_families: int = FAMILIES,
    *,
    kind: str | None = None,
    regime: str | None = None,
    draw: DrawFn = draw_family,
    wide: bool = False,
) -> list[Family]:
    """The families of one seed, all of one architecture; diverged ones are left out, so there may be fewer.

    Parameters
    ----------
    seed : int
        Decides everything.
    pictures : mapping
        Of ``load_pictures``: the data sets that tasks are made of.
    kind, regime : str, optional
        Only this kind of architecture or regime; any by default.
    draw : callable, optional
        Draws the plans.
    wide : bool
        Whether networks are ten times larger than usual.
    """
    rng = np.random.default_rng(seed)
    architecture = draw_architecture(rng, kind, wide=wide)
    views = draw_views(pictures, architecture.side, architecture.classes, VIEWS, rng)
    batch = int(rng.choice(BATCHES[architecture.kind]))
    plans = [draw(architecture, len(views), batch, rng, regime) for _ in range(n_families)]
    jobs = [job for plan, start in zip(plans, _starts(plans), strict=True) for job in _jobs(plan, start)]
    trained = train(architecture, jobs, views, batch)
    families = []
    for plan, start in zip(plans, _starts(plans), strict=True):
        part = slice(start, start + len(plan.parents))
        own = np.random.default_rng([seed, start])
        if all(map(_is_sound, jobs[part], trained[part])) and _has_learnt(plan, trained[part]):
            family = _family(plan, trained[part], views, own)
            families += [] if family is None else [family]
    return families


def make_waves(
    folder: Path,
    first: int,
    last: int,
    measure_fn: MeasureFn,
    *,
    data: Path | None = None,
    datasets: Sequence[str] = TRAINING_SETS,
    n_families: int = FAMILIES,
    draw: DrawFn = draw_family,
    wide: bool = False,
    told: Callable[[Path, int], None] = lambda path, families: None,
) -> None:
    """Measure the waves ``first`` to ``last`` (not included), one file each; those that are there stay.

    Parameters
    ----------
    folder : path
        Gets ``wave-000123.npz`` with ``{k}/parents``, ``{k}/hidden``, ``{k}/trees`` and ``{k}/{name}`` for each array
        of ``measure_fn``, k being the number of the family, and ``about``, a JSON list.
    data : path, optional
        The data folder; the digits of scikit-learn without one.
    datasets : sequence of str
        What tasks are made of; the others are left for tests.
    draw : callable, optional
        Draws the plans of the families.
    wide : bool
        Whether networks are ten times larger than usual.
    told : callable, optional
        Called with each new file and its number of families.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures: Pictures = {}
    for number in range(first, last):
        path = folder / f"wave-{number:06d}.npz"
        if path.exists():
            continue
        pictures = pictures or load_pictures(data, datasets)
        families = wave(number, pictures, n_families, draw=draw, wide=wide)
        _write(path, families, measure_fn)
        told(path, len(families))


def _write(path: Path, families: Sequence[Family], measure_fn: MeasureFn) -> None:
    arrays: dict[str, NDArray[np.generic]] = {}
    for k, family in enumerate(families):
        own = {"parents": family.parents, "hidden": family.hidden, "trees": family.trees}
        measured = measure_fn(family.models)
        if taken := own.keys() & measured.keys():
            raise ValueError(f"measure_fn returns {min(taken)!r}, a name that the truth has")
        arrays |= {f"{k}/{name}": array for name, array in {**own, **measured}.items()}
    about = np.array(json.dumps([family.about for family in families]))
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, about=about, **arrays)


def _starts(plans: Sequence[FamilyPlan]) -> list[int]:
    """Number of each plan's first job."""
    return [sum(len(plan.parents) for plan in plans[:k]) for k in range(len(plans))]


def _jobs(plan: FamilyPlan, start: int) -> list[Job]:
    jobs = []
    for parent, training, root in zip(plan.parents, plan.trainings, plan.initial_seeds, strict=True):
        rng = np.random.default_rng(root if parent < 0 else training.seed)
        fresh = initial(plan.architecture, plan.scheme, plan.gain, rng)
        jobs.append(Job(training, parent if parent < 0 else start + parent, fresh))
    return jobs


def _is_sound(job: Job, trained: Trained) -> bool:
    size = float(np.abs(trained.weights).max())
    return bool(np.isfinite(size)) and size < GROWTH * max(1.0, float(np.abs(job.fresh).max()))


def _has_learnt(plan: FamilyPlan, trained: Sequence[Trained]) -> bool:
    """Whether the roots are better than chance; a run may begin almost at its initialisation."""
    if plan.regime == "run":
        return True
    roots = [t for t, parent in zip(trained, plan.parents, strict=True) if parent < 0]
    return all(t.accuracy > t.chance + SURE * (t.chance * (1.0 - t.chance) / t.judged) ** 0.5 for t in roots)


def _family(
    plan: FamilyPlan, trained: Sequence[Trained], views: Sequence[View], rng: np.random.Generator
) -> Family | None:
    layout = Layout.of(plan.architecture)
    left_out = plan.architecture.head if plan.head == "left out" else frozenset[str]()
    models = [layout.model(t.weights, left_out) for t in trained]
    tasks = dict.fromkeys(views[t.task].name for t in plan.trainings)
    about: dict[str, str | float] = {
        "regime": plan.regime,
        "architecture": _described(plan.architecture),
        "kind": plan.architecture.kind,
        "tasks": " ".join(tasks),
        "initialisation": plan.scheme,
        "gain": plan.gain,
        "head": plan.head,
        "frozen": float(any(t.frozen for t in plan.trainings)),
        "pruned": float(any(t.prune for t in plan.trainings)),
        "same initialisation": float(len(set(plan.initial_seeds)) < sum(parent < 0 for parent in plan.parents)),
        "parameters": float(layout.learnt),
        "accuracy": float(np.mean([t.accuracy for t in trained])),
    }
    return as_family(plan, models, about, rng)


def _described(architecture: Architecture) -> str:
    widths = "-".join(map(str, architecture.widths))
    how = architecture.cell or architecture.activation
    return f"{architecture.kind} {architecture.side}x{architecture.side} {widths} {architecture.classes} {how}"
