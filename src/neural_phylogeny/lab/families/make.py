"""Batches of families: planned, trained at once, altered, measured by the pass that ships. Needs torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.lab.families.apart import apart_family
from neural_phylogeny.lab.families.architectures import Architecture, NetworkShape, draw_architecture
from neural_phylogeny.lab.families.batches import MADE_OF, KnownFamily, batch_number, batch_path, write_batch
from neural_phylogeny.lab.families.composed import Network, draw_network
from neural_phylogeny.lab.families.initial import initial
from neural_phylogeny.lab.families.large_networks import draw_large
from neural_phylogeny.lab.families.large_plan import draw_large_family
from neural_phylogeny.lab.families.large_tasks import draw_large_tasks
from neural_phylogeny.lab.families.layout import Layout
from neural_phylogeny.lab.families.measured import statistics_of
from neural_phylogeny.lab.families.members import Family, as_family
from neural_phylogeny.lab.families.pictures import TRAINING_SETS, Pictures, View, draw_views, load_pictures
from neural_phylogeny.lab.families.plan import FamilyPlan, draw_plan
from neural_phylogeny.lab.families.prior import Prior, draw
from neural_phylogeny.lab.families.pruning import with_pruned_children
from neural_phylogeny.lab.families.stored import read_weights, weights_path, write_weights
from neural_phylogeny.lab.families.synthetic import draw_classes, draw_tasks
from neural_phylogeny.lab.families.training import Job, Trained, train
from neural_phylogeny.lab.families.varied import draw_varied, with_own_heads

GROWTH, SURE = 30.0, 2.0
"""A network diverged when its weights grew so much; it learnt when this many standard errors better than chance."""


def trained_families(
    number: int,
    pictures: Pictures,
    prior: Prior,
    *,
    n_families: int | None = None,
    kind: str | None = None,
    topology: str | None = None,
    device: str = "cpu",
) -> list[Family]:
    """The families of one batch, all of one architecture; diverged ones are left out, so there may be fewer.

    Parameters
    ----------
    number : int
        Decides everything that the prior leaves open.
    pictures : mapping
        Of ``load_pictures``: the data sets that tasks are made of.
    prior : Prior
        What families look like.
    n_families : int, optional
        Other than the prior has.
    kind, topology : str, optional
        Only this kind of architecture or topology; any by default.
    device : str
        Where networks are trained, as the framework names it.
    """
    if prior.apart is not None:
        numbers = range(number * prior.families, (number + 1) * prior.families)[:n_families]
        return [apart_family(one, pictures, prior.apart) for one in numbers]
    rng = np.random.default_rng(number)
    planned = _planned_large if prior.large else _planned_varied if prior.varied else _planned
    views, batch, plans = planned(prior, pictures, rng, n_families or prior.families, kind, topology)
    architecture = plans[0].architecture
    jobs = [job for plan, start in zip(plans, _starts(plans), strict=True) for job in _jobs(plan, start)]
    trained = train(architecture, jobs, views, batch, device)
    families = []
    for plan, start in zip(plans, _starts(plans), strict=True):
        part = slice(start, start + len(plan.parents))
        own = np.random.default_rng([number, start])
        learnt = planned is not _planned or _has_learnt(plan, trained[part])
        if learnt and all(map(_is_sound, jobs[part], trained[part])):
            family = _family(prior, plan, trained[part], views, own)
            families += [] if family is None else [family]
    return families


Planned = tuple[list[View], int, list[FamilyPlan]]
"""The tasks of a batch, images of a step, plans of families of one architecture."""


def _planned(
    prior: Prior, pictures: Pictures, rng: np.random.Generator, number: int, kind: str | None, topology: str | None
) -> Planned:
    architecture = draw_architecture(rng, prior.architecture, kind)
    views = draw_views(pictures, architecture.side, architecture.classes, prior.tasks, prior.pictures, rng)
    batch = draw(rng, prior.batch[architecture.kind])
    plans = [draw_plan(prior, architecture, batch, rng, topology) for _ in range(number)]
    if prior.pruning is not None:
        plans = [with_pruned_children(plan, prior.pruning, rng) for plan in plans]
    return views, batch, plans


def _planned_varied(
    prior: Prior, pictures: Pictures, rng: np.random.Generator, number: int, kind: str | None, topology: str | None
) -> Planned:
    own = prior.varied
    assert own is not None
    network = draw_network(rng, own.networks, kind)
    classes, differ = draw_classes(network.classes, own.growth.pool, own.growth.other_classes, rng)
    views = draw_tasks(network.inputs, classes, own.examples, pictures, prior.pictures, rng)
    batch = draw(rng, own.batch)
    plans = [draw_varied(own, network, network.parameters, batch, rng, topology) for _ in range(number)]
    return views, batch, [with_own_heads(plan, classes) for plan in plans] if differ else plans


def _planned_large(
    prior: Prior, pictures: Pictures, rng: np.random.Generator, number: int, kind: str | None, topology: str | None
) -> Planned:
    own = prior.large
    assert own is not None
    network = draw_large(rng, own.networks, kind)
    stages = own.stages
    tasks = draw_large_tasks(network, stages.pool, own.examples, stages.other_classes, pictures, prior.pictures, rng)
    batch = draw(rng, own.batch)
    plans = [draw_large_family(own, network, tasks, batch, rng, topology) for _ in range(number)]
    return tasks.views, batch, plans


def make_batches(
    folder: Path,
    numbers: Sequence[int],
    prior: Prior,
    *,
    data: Path | None = None,
    datasets: Sequence[str] = TRAINING_SETS,
    weights: Path | None = None,
    device: str = "cpu",
    made: Callable[[Path, int], None] = lambda path, families: None,
) -> None:
    """Train and measure the batches of some numbers, one file each; those that are there stay.

    Seven seconds of a core for 28 families of tiny networks, of which measuring takes 0.6 s; a file of 0.3 MB.

    Parameters
    ----------
    folder : path
        Gets ``batch-000123.npz``; ``read_batch`` reads it.
    numbers : sequence of int
        Seeds of the batches.
    prior : Prior
        What families look like.
    data : path, optional
        The data folder; the digits of scikit-learn without one.
    datasets : sequence of str
        What tasks are made of; the others are left for tests.
    weights : path, optional
        Gets ``weights-000123.npz`` with the families themselves.
    device : str
        Where networks are trained, as the framework names it.
    made : callable, optional
        Called with each new file and its number of families.

    Raises
    ------
    SavedFileError
        When the folder holds batches of another prior, or data are missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    claim(folder, prior, datasets if data is not None else ("digits",))
    pictures: Pictures = {}
    for number in numbers:
        path = batch_path(folder, number)
        if path.exists():
            continue
        pictures = pictures or load_pictures(data, datasets)
        families = trained_families(number, pictures, prior, device=device)
        if weights is not None:
            weights.mkdir(parents=True, exist_ok=True)
            claim(weights, prior, datasets if data is not None else ("digits",))
            write_weights(weights_path(weights, number), families)
        write_batch(path, [measured(family) for family in families])
        made(path, len(families))


def measure_weights(weights: Path, folder: Path) -> int:
    """Measure families that were kept in ``weights``, where their batch is not in ``folder`` yet; says how many."""
    folder.mkdir(parents=True, exist_ok=True)
    if (weights / MADE_OF).exists() and not (folder / MADE_OF).exists():
        shutil.copy(weights / MADE_OF, folder)
    number = 0
    for stored in sorted(weights.glob("weights-*.npz")):
        path = batch_path(folder, batch_number(stored))
        if not path.exists():
            families = read_weights(stored)
            write_batch(path, [measured(family) for family in families])
            number += len(families)
    return number


def claim(folder: Path, prior: Prior, datasets: Sequence[str]) -> None:
    """Write down what the batches of a folder are made of; refuse a folder of another prior.

    Raises
    ------
    SavedFileError
        When the folder is claimed by another prior or other data.
    """
    path = folder / MADE_OF
    ours = {"prior": prior.name, "digest": prior.digest, "version": prior.version, "data": list(datasets)}
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        with replacing(path) as file:
            file.write((json.dumps(ours, indent=1) + "\n").encode())
        return
    except ValueError as error:
        raise SavedFileError(f"{path}: cannot be read ({error}); choose another folder") from error
    if theirs != ours:
        raise SavedFileError(
            f"{folder} holds batches of the prior {theirs.get('prior')!r}, its version or data are others; choose "
            "another folder"
        )


def measured(family: Family) -> KnownFamily:
    """A family as a batch holds it. About two milliseconds for each small tensor."""
    statistics = statistics_of(family.models)
    return KnownFamily(statistics, family.parents, family.missing, family.trees, family.about)


def _starts(plans: Sequence[FamilyPlan]) -> list[int]:
    """Number of each plan's first job."""
    return [sum(len(plan.parents) for plan in plans[:k]) for k in range(len(plans))]


def _jobs(plan: FamilyPlan, start: int) -> list[Job]:
    jobs = []
    for parent, training, root in zip(plan.parents, plan.trainings, plan.initial_seeds, strict=True):
        rng = np.random.default_rng(root if parent < 0 else training.seed)
        weights = initial(plan.architecture, plan.scheme, plan.gain, rng)
        jobs.append(Job(training, parent if parent < 0 else start + parent, weights))
    return jobs


def _is_sound(job: Job, trained: Trained) -> bool:
    size = float(np.abs(trained.weights).max())
    return bool(np.isfinite(size)) and size < GROWTH * max(1.0, float(np.abs(job.initial).max()))


def _has_learnt(plan: FamilyPlan, trained: Sequence[Trained]) -> bool:
    """Whether the roots are better than chance; a run may begin almost at its initialisation."""
    if plan.topology == "run":
        return True
    roots = [t for t, parent in zip(trained, plan.parents, strict=True) if parent < 0]
    return all(t.accuracy > t.chance + SURE * (t.chance * (1.0 - t.chance) / t.judged) ** 0.5 for t in roots)


def _family(
    prior: Prior, plan: FamilyPlan, trained: Sequence[Trained], views: Sequence[View], rng: np.random.Generator
) -> Family | None:
    layout = Layout.of(plan.architecture)
    left_out = plan.architecture.head if plan.head == "left out" else frozenset[str]()
    names = [spec.name for spec in layout.specs]
    models = []
    for t, training in zip(trained, plan.trainings, strict=True):
        lacks = views[training.task].lacks
        models.append(layout.model(t.weights, left_out | {name for name in names if name.startswith(lacks)}))
    for model, training in zip(models, plan.trainings, strict=True):
        for name in plan.architecture.head & model.keys() if training.classes else ():
            model[name] = model[name][: training.classes].copy()
    tasks = dict.fromkeys(views[t.task].name for t in plan.trainings)
    about: dict[str, str | float] = {
        "topology": plan.topology,
        "architecture": described(plan.architecture),
        "kind": plan.architecture.kind,
        "tasks": " ".join(tasks),
        "initialisation": plan.scheme,
        "gain": plan.gain,
        "head": plan.head,
        "optimisers": " ".join(sorted({t.optimiser for t in plan.trainings})),
        "frozen": float(any(t.frozen for t in plan.trainings)),
        "pruned": float(any(t.prune for t in plan.trainings)),
        "same initialisation": float(len(set(plan.initial_seeds)) < sum(parent < 0 for parent in plan.parents)),
        "parameters": float(layout.learnt),
        "accuracy": float(np.mean([t.accuracy for t in trained])),
    }
    if prior.large is not None:
        about["how"] = " ".join(sorted({t.how or "full" for t in plan.trainings}))
    return as_family(prior, plan, models, about, rng)


def described(architecture: NetworkShape) -> str:
    """Kind, inputs, sizes and activation in a few words."""
    if isinstance(architecture, Network):
        return architecture.described
    assert isinstance(architecture, Architecture)
    widths = "-".join(map(str, architecture.widths))
    how = architecture.cell or architecture.activation
    return f"{architecture.kind} {architecture.side}x{architecture.side} {widths} {architecture.classes} {how}"
