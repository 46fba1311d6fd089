"""Are strangers of one seed distinguished from relatives, and what is the true initialisation worth?

Collections of ``lab.one_seed``, those that are not in ``--work`` yet are trained. Even numbers are for choosing: the
weights of ``relations.initialisations.independence`` are fitted on them; odd ones are for reporting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.pictures import load_pictures
from neural_phylogeny.lab.fitting.initialisation import logistic
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.lab.one_seed.collections import CHOOSING, REPORTING, OneSeed, make, path_of, read
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.reconstruction.family_data import MeasuredFamily
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.relations.initialisations.independence import WITH_DRAW, WITHOUT_DRAW, features
from neural_phylogeny.trees.auto import INITIALISATION, auto_forest
from neural_phylogeny.trees.family import Family
from neural_phylogeny.trees.forest import Forest

PER_SEED, ALPHA, RIDGE = 12, 1e-3, 0.2
"""Collections for each of ``--seeds``; level of the relatedness test; of the logistic regression."""

CLEAR = 0.55
"""Edges with a smaller probability of their direction are reported without one."""

HARDLY = 40
"""A model of fewer steps from the draw is nearly the draw: nobody can tell whether it is a parent."""

LEVELS = (0.5, 0.8, 0.95)
"""Probabilities of a parent from which on edges are counted."""

FAKES = {"fake, Gaussian": "gaussian", "fake, uniform": "uniform", "fake, Kaiming": "kaiming-uniform"}
"""Fake initialisations that the true one is compared with, as ``FakeInitialisation.distribution``."""

DRAWS = 16
"""Of each fake initialisation."""


@dataclass(frozen=True)
class Measured:
    """One family of a collection as the methods see it; ``members`` are numbers of its models."""

    known: OneSeed
    members: NDArray[np.int64]
    data: MeasuredFamily

    @property
    def drawn(self) -> str:
        """Whether the draw is found, as a name."""
        return "found" if self.data.found.draw is not None else "not found"


def measured(collections: Iterable[OneSeed]) -> Iterator[Measured]:
    """The families that the relatedness test finds."""
    for known in collections:
        for group, found in examine(gather(known.named, Reading()), ALPHA).families:
            rows = range(len(group.members))
            yield Measured(known, np.array(group.members), MeasuredFamily.of(found, rows, 0))


def counts(one: Measured, forest: Forest) -> Counter[str]:
    """Pairs of strangers in one family, and directed edges, right ones and between strangers, of a forest."""
    known, members = one.known, one.members
    assert forest.families is not None
    assert forest.p_parent is not None
    steps = np.array(known.about["steps"])
    fresh = (known.parents < 0) & (steps < HARDLY)
    found: Counter[str] = Counter()
    for y, j in enumerate(members.tolist()):
        parent = members[forest.parents[y]] if forest.parents[y] >= 0 and forest.p_direction[y] > CLEAR else -1
        if known.parents[j] >= 0:
            found["edges"] += 1
            found["right"] += int(parent == known.parents[j])
        if parent >= 0 and not (fresh[parent] or fresh[j]):
            kind = "strangers" if known.trees[parent] != known.trees[j] else "right"
            is_counted = kind == "strangers" or parent == known.parents[j]
            found.update(f"{kind} {level}" for level in LEVELS if is_counted and forest.p_parent[y] >= level)
        for x, i in enumerate(members[:y].tolist()):
            if known.trees[i] != known.trees[j]:
                kind = "hard" if fresh[i] or fresh[j] else "strangers"
                found[kind] += 1
                found[f"{kind} joined"] += int(forest.families[x] == forest.families[y])
    return found


def ordered(one: Measured) -> dict[str, NDArray[np.bool_]]:
    """For each true edge whether the parent is nearer to the initialisation, by name of what it is taken to be."""
    place = {model: row for row, model in enumerate(one.members.tolist())}
    edges = [(place[int(one.known.parents[j])], y) for j, y in place.items() if int(one.known.parents[j]) in place]
    true = one.data.true_distances()
    if true is None or not edges:
        return {}
    parents, children = (np.array(end) for end in zip(*edges, strict=True))
    norms = np.diag(one.data.pairs.gram)
    found = {"true": true[parents] < true[children], "none: the smaller norm": norms[parents] < norms[children]}
    for name, distribution in FAKES.items():
        nearer = one.data.nearer(FakeInitialisation(distribution, n_draws=DRAWS, summed=True))
        found[name] = nearer[parents, children] > 0
    return found


def fitted(families: Sequence[Measured], names: Iterable[str], *, with_draw: bool) -> dict[str, float]:
    """Weights of the log-odds of descent, of true edges against ordered pairs of strangers, at even odds."""
    rows, truth = list[list[float]](), list[bool]()
    names = [name for name in names if name]
    for one in families:
        draw = one.data.found.draw if with_draw else None
        known = features(list(one.data.found.leading), draw) if one.data.found.leading else {}
        if not known or (with_draw and "residual" not in known):
            continue
        for x, i in enumerate(one.members.tolist()):
            for y, j in enumerate(one.members.tolist()):
                is_edge, strangers = one.known.parents[j] == i, one.known.trees[i] != one.known.trees[j]
                values = [float(known[name][x, y]) for name in names]
                if x != y and (is_edge or strangers) and np.isfinite(values).all():
                    rows.append(values)
                    truth.append(bool(is_edge))
    right = np.array(truth, dtype=bool)
    if not right.any() or right.all():
        return {}
    weights = np.where(right, 0.5 / right.sum(), 0.5 / (~right).sum()) * len(right)
    bias, *found = logistic(np.array(rows), right, weights, RIDGE).tolist()
    return dict(zip(names, found, strict=True)) | {"": bias}


def _share(some: int, of: int) -> str:
    return f"{some} of {of}"


Both = tuple[Counter[str], Counter[str]]


def compared(families: Sequence[Measured]) -> dict[tuple[str, str], Both]:
    """Counts without and with what is known of the initialisation, by use and whether the draw is found."""
    found: dict[tuple[str, str], Both] = {}
    for one in families:
        family = Family(one.data)
        before, now = counts(one, auto_forest(family, without=(INITIALISATION,))), counts(one, auto_forest(family))
        total = found.setdefault((one.known.use, one.drawn), (Counter(), Counter()))
        total[0].update(before)
        total[1].update(now)
    return dict(sorted(found.items()))


def joined(found: Mapping[tuple[str, str], Both]) -> str:
    """Strangers of one seed in one family, and right edges, without and with what is known of the initialisation."""
    rows = [
        [use, drawn, *(_share(c[f"{kind} joined"], c[kind]) for kind in ("strangers", "hard") for c in both)]
        + [_share(c["right"], c["edges"]) for c in both]
        for (use, drawn), both in found.items()
    ]
    header = ["for", "draw", "strangers in one family, without", "with", "hardly trained, without", "with"]
    return table([*header, "edges right, without", "with"], rows)


def levels(found: Mapping[tuple[str, str], Both]) -> str:
    """Pairs of strangers with an edge, and right edges, from a probability of the parent on, without and with."""
    rows = [
        [use, drawn, str(both[0]["strangers"])]
        + [f"{both[0][f'{kind} {p}']}, {both[1][f'{kind} {p}']}" for kind in ("strangers", "right") for p in LEVELS]
        for (use, drawn), both in found.items()
    ]
    titles = [f"{kind}, {100 * level:.0f} %" for kind in ("edge of strangers", "right edge") for level in LEVELS]
    return table(["for", "draw", "pairs of strangers", *titles], rows)


def initialisations(families: Sequence[Measured]) -> str:
    """How often the parent of a true edge is nearer to the initialisation."""
    found: dict[str, list[bool]] = {}
    for one in families:
        for name, right in ordered(one).items():
            found.setdefault(name, []).extend(right.tolist())
    rows = [[name, str(len(right)), f"{float(np.mean(right)):.3f}"] for name, right in found.items()]
    return table(["distance to the initialisation", "edges", "parent nearer"], rows)


def weights(families: Sequence[Measured]) -> str:
    """The weights that ship, and those that the collections for choosing give."""
    chosen = [one for one in families if one.known.use == CHOOSING]
    rows = []
    for title, shipped, drawn in (("draw found", WITH_DRAW, True), ("not found", WITHOUT_DRAW, False)):
        new: Mapping[str, float] = fitted(chosen, shipped, with_draw=drawn)
        rows += [[title, name or "bias", f"{shipped[name]:.2f}", f"{new.get(name, np.nan):.2f}"] for name in shipped]
    return table(["", "feature", "ships", "fitted"], rows)


def page(sources: Sources) -> Page:
    """Train what is missing, then measure; five seconds of a core a collection, and half a second to measure it."""
    folder, numbers = sources.needed("work") / "one-seed", range(PER_SEED * sources.seeds)
    make(folder, numbers, load_pictures(sources.sets), lambda path: sources.progress(path.name))
    families = list(measured(read(path_of(folder, number)) for number in numbers))
    reporting = [one for one in families if one.known.use == REPORTING]
    found = compared(families)
    parts = [
        "# One seed",
        f"`nphylo lab table one_seed --work WORK --sets SETS --seeds {sources.seeds}`.",
        INTRODUCTION,
        joined(found),
        "## How probable edges between strangers are",
        "Without and with what is known of the initialisation. One edge joins all models of two trainings, so that "
        "pairs in one family are many more than edges.",
        levels(found),
        "## True and fake initialisations",
        "True edges of collections for reporting whose draw is found.",
        initialisations(reporting),
        "## Weights",
        weights(families),
    ]
    return Page("\n\n".join(parts))


INTRODUCTION = (
    "Each collection has up to four independent trainings from one draw, their children, and now and then a lost root; "
    "twelve architectures, five optimisers, 3 to 600 steps. *Strangers*: pairs of different trainings; those of fewer "
    f"than {HARDLY} steps are counted apart, for they are nearly the draw itself. *Without*: `auto` without what is "
    "known of the initialisation."
)
