"""Why a fake initialisation shows the direction, and where not: distances along a training, and shifted draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.plots import Panel, curves
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.bench.tables.reviewers import edges, share
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.relations.direction import norm_score
from neural_phylogeny.relations.tables import Matrix, mean_sign
from neural_phylogeny.statistics.results import Statistics

SUITES = ("paper", "mixed", "generations", "wild")

SHIFTS = (0.0, 0.1, 0.3, 1.0, 3.0)
"""Means of the draw, in root mean squares of the weights of each matrix."""

STEPS = (0, 1, 3, 10, 30, 100, 300, 600)
"""At half of the last the task changes: what follows is fine-tuning."""

STARTS = ("default", "kaiming-normal", "xavier-uniform", "orthogonal", "three times as large", "mean above zero")

DISTANCES = ("the true one", "fake, mean 0", "fake, mean 0.3", "fake, mean 1", "fake, mean -1")
"""Initialisations that distances are taken to; the means are in root mean squares."""

Weights = list[NDArray[np.float64]]

DRAWS, SCALES = 20, (0.1, 1.0, 10.0)
"""Fake initialisations of each kind that are drawn weight by weight, and factors on their deviations."""

KINDS = ("uniform", "normal", "truncated normal", "kaiming-uniform", "kaiming-normal", "xavier-normal", "orthogonal")


def shifted(statistics: Statistics, shift: float) -> Matrix:
    """Which model of each pair is nearer to a draw whose mean is not zero, by matrices: ``(n_models, n_models)``.

    In closed form: the squared distance is the squared norm less twice the mean times the sum of the weights, and a
    constant.
    """
    scores = norm_score(statistics)
    for row, (tensor, arrays) in enumerate(statistics):
        if tensor.is_matrix and np.isfinite(scores[row]).any():
            mean = shift * np.sqrt(np.nanmean(scores[row]) / tensor.size)
            scores[row, list(tensor.members)] -= 2.0 * mean * arrays["moments.sum"]
    return mean_sign(scores)


def by_shift(collections: Sequence[CachedCollection], shift: float) -> float:
    """Pair direction of a shifted draw."""
    known: dict[int, Matrix] = {}
    return share(
        known.setdefault(id(statistics), shifted(statistics, shift))[parent, child]
        for kept in collections
        for statistics, parent, child in edges(kept)
    )


def trajectory(start: str) -> list[Weights]:
    """The matrices of one small dense network at each of ``STEPS``: digits, then inverted digits. Needs torch."""
    import torch
    from torch import nn

    from neural_phylogeny.lab.zoo.networks import FullyConnected, initialise
    from neural_phylogeny.lab.zoo.tasks import load_task

    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = FullyConnected(64, 10, (64, 32))
    if start in ("kaiming-normal", "xavier-uniform", "orthogonal"):
        initialise(net, start)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim > 1 and start == "three times as large":
                parameter.mul_(3.0)
            if parameter.ndim > 1 and start == "mean above zero":
                parameter.add_(0.5 * parameter.square().mean().sqrt())
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    generator, found = torch.Generator().manual_seed(0), list[Weights]()
    tasks = [load_task(name, None) for name in ("digits", "digits~inverted")]
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            found.append([p.detach().double().numpy().copy() for p in net.parameters() if p.ndim > 1])
        task = tasks[step >= STEPS[-1] // 2]
        chosen = torch.randint(len(task.y_train), (64,), generator=generator).numpy()
        x = torch.from_numpy(task.x_train[chosen]).float() / 127.5 - 1.0
        loss = nn.functional.cross_entropy(net(x), torch.from_numpy(task.y_train[chosen]))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return found


def distances(found: Sequence[Weights]) -> dict[str, list[float]]:
    """Squared distances to each of ``DISTANCES`` along a training, as changes over the squared norm at its start."""
    first = found[0]
    norm = sum(float((w**2).sum()) for w in first)

    def along(mean: float) -> list[float]:
        squares = [
            sum(
                float((w**2).sum() - 2.0 * mean * np.sqrt((v**2).mean()) * w.sum())
                for w, v in zip(at, first, strict=True)
            )
            for at in found
        ]
        return [(square - squares[0]) / norm for square in squares]

    true = [sum(float(((w - v) ** 2).sum()) for w, v in zip(at, first, strict=True)) / norm for at in found]
    means = (0.0, 0.3, 1.0, -1.0)
    return dict(zip(DISTANCES, (true, *map(along, means)), strict=True))


def drawn(kind: str, like: NDArray[np.float64], scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """One fake initialisation of a matrix ``(out, in)``, every weight drawn.

    The first three kinds have the root mean square of the given weights as deviation; the truncated one is cut at two
    deviations of the normal that it is cut from.

    Examples
    --------
    >>> found = drawn("orthogonal", np.ones((3, 5)), 2.0, np.random.default_rng(0))
    >>> bool(np.allclose(found @ found.T, 4.0 * np.eye(3)))
    True
    """
    rows, columns = like.shape
    values: NDArray[np.float64]
    if kind == "orthogonal":
        values = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))[0]
        values = values if rows >= columns else values.T
        return scale * values
    deviation: float = {"kaiming": (2.0 / columns) ** 0.5, "xavier": (2.0 / (rows + columns)) ** 0.5}.get(
        kind.partition("-")[0], float(np.sqrt((like**2).mean()))
    )
    if kind.endswith("uniform"):
        values = rng.uniform(-(3.0**0.5), 3.0**0.5, like.shape)
        return scale * deviation * values
    values = rng.normal(size=like.shape)
    if kind == "truncated normal":
        while (far := np.abs(values) > 2.0).any():
            values[far] = rng.normal(size=int(far.sum()))
        values /= 0.8796256610342398
    return scale * deviation * values


def ordered_by_draws(trainings: Sequence[Sequence[Weights]], kind: str, scale: float) -> float:
    """Share of the pairs of checkpoints, over all trainings and draws, of which the earlier is nearer to the draw."""
    rng, shares = np.random.default_rng(0), list[float]()
    for found in trainings:
        for _ in range(DRAWS):
            fake = [drawn(kind, v, scale, rng) for v in found[0]]
            shares.append(
                ordered([sum(float(((w - z) ** 2).sum()) for w, z in zip(at, fake, strict=True)) for at in found])
            )
    return float(np.mean(shares))


def ordered(values: Sequence[float]) -> float:
    """Share of the pairs of checkpoints of which the earlier is nearer."""
    return share(later - earlier for k, earlier in enumerate(values) for later in values[k + 1 :])


def _rows(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Iterator[list[str]]:
    for start, known in found.items():
        yield [start, *(f"{ordered(known[name]):.2f}" for name in DISTANCES)]


INTRO = (
    "A dense network of {weights:,} weights learns digits by SGD with momentum, and from step {half} on inverted ones; "
    "checkpoints at steps {steps}. Share of the pairs of checkpoints of which the earlier is nearer to an "
    "initialisation; distances are expectations over draws."
)


def page(sources: Sources) -> Page:
    """Distances along six trainings, half a minute with torch; pair direction of shifted draws on the suites."""
    trainings = {}
    for start in STARTS:
        trainings[start] = trajectory(start)
        sources.progress(start)
    found = {start: distances(training) for start, training in trainings.items()}
    every = list(trainings.values())
    by_draw = [[kind, *(f"{ordered_by_draws(every, kind, scale):.3f}" for scale in SCALES)] for kind in KINDS]
    closed = f"{np.mean([ordered(one['fake, mean 0']) for one in found.values()]):.3f}"
    panels = [
        Panel(
            f"squared distance to {name if name == 'the true one' else 'a ' + name}",
            [str(step) for step in STEPS],
            {start: found[start][name] for start in STARTS},
            "change over |start|²",
            None,
            below="step",
            linear=1e-3,
        )
        for name in DISTANCES
        if name != "fake, mean 0.3"
    ]
    by_suite = {name: sources.suite(name) for name in SUITES}
    header = ["mean of the draw over the root mean square of the weights: pair direction", *SUITES]
    shifts = (*SHIFTS, -1.0)
    rows = [[f"{shift:g}", *(f"{by_shift(by_suite[name], shift):.3f}" for name in SUITES)] for shift in shifts]
    weights = 64 * 64 + 64 * 32 + 32 * 10
    parts = [
        "### Fake initialisations",
        f"`nphylo lab table fakes --seeds {sources.seeds}`.",
        INTRO.format(weights=weights, half=STEPS[-1] // 2, steps=", ".join(map(str, STEPS))),
        table(["initialised", *DISTANCES], _rows(found)),
        "![Squared distance to initialisations along a training](fakes.png)",
        f"The same pairs of all six trainings, {DRAWS} draws each, every weight of the fake initialisation drawn.",
        table(
            ["fake initialisation, earlier nearer", *(f"scale {scale:g}" for scale in SCALES)],
            [*by_draw, ["closed form", *[closed] * len(SCALES)]],
        ),
        "The closed form on the suites, by the majority of matrices, each edge alone. The theorem assumes a mean of 0.",
        table(header, rows),
    ]
    return Page("\n\n".join(parts), {"fakes.png": partial(curves, panels, columns=2)})
