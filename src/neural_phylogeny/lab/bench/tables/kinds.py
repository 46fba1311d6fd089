"""Is the kind of a relation found, through every disguise?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from neural_phylogeny.lab.bench.plots import write
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.kinds.aligned import aligned_p_values
from neural_phylogeny.lab.kinds.bases import Placed, placed
from neural_phylogeny.lab.kinds.bases import text_of as text_of_bases
from neural_phylogeny.lab.kinds.collections import CHOOSING, REPORTING, collections, worlds
from neural_phylogeny.lab.kinds.scoring import Score, Scored
from neural_phylogeny.lab.kinds.training import State
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.api import reconstruct

PICTURE, LEVELS = "kinds-aligned.png", (0.001, 0.01, 0.05, 0.25, 0.5, 0.75)
OWN = ("base", "tuned-1", "tuned-2")
"""Models that strangers are aligned with."""

MEASURES = ("kin", "exact", "direction", "right_kind")


def shown(value: float | None) -> str:
    """A share in two digits."""
    return "–" if value is None else f"{value:.2f}"


def summary(scores: dict[str, Score]) -> str:
    """One row for the recipes for choosing, one for those for reporting."""
    rows = []
    for use, score in scores.items():
        numbers = [*(score.share(what) for what in MEASURES[:3]), score.macro_f1, score.merge_f1]
        seeds = f"{sum(score.one_seed)} of {len(score.one_seed)}" if score.one_seed else "–"
        false = f"{len(score.false_kin)} of {score.strangers:,}"
        rows.append([use, str(len(score.scored)), *map(shown, numbers), false, seeds])
    header = ["recipes", "relations", "kin", "exact", "direction", "kind, macro F1", "merge parents, F1", "false kin"]
    header += ["one seed"]
    return table(header, rows)


def by(title: str, scored: Sequence[Scored], key: str) -> str:
    """The measures for each value of a key of the relations."""
    values = dict.fromkeys(key_of(one, key) for one in scored)
    rows = []
    for value in values:
        chosen = [one for one in scored if key_of(one, key) == value]
        numbers = [Score(chosen).share(what) for what in MEASURES]
        others = sorted({one.kind for one in chosen if not one.right_kind})
        rows.append([value, str(len(chosen)), *map(shown, numbers), ", ".join(others) or "–"])
    return table([title, "relations", "kin", "exact", "direction", "kind", "called instead"], rows)


def key_of(one: Scored, key: str) -> str:
    """A field of a scored relation, or of its truth."""
    return str(getattr(one, key, None) or getattr(one.relation, key, None))


def page(sources: Sources) -> Page:
    """Fourteen trained worlds of six collections each; some minutes."""
    scores: dict[str, Score] = {}
    aligned = list[float]()
    for use in (CHOOSING, REPORTING):
        score = scores.setdefault(use, Score())
        for world in worlds(use):
            aligned += strangers_of(world.states)
            for collection in collections(world):
                score.add(collection, reconstruct(collection.models))
            sources.progress(f"{use}, {world.architecture.name}: {len(score.scored)} relations")
    sources.progress("adapters and twenty bases")
    return page_of(scores, aligned, list(placed()))


def page_of(scores: dict[str, Score], aligned: Sequence[float], adapters: Sequence[Placed] = ()) -> Page:
    """The page from scores by use, the p-values of strangers and the places of adapters."""
    return Page(text_of(scores, aligned, adapters), {PICTURE: partial(draw, aligned)})


def strangers_of(states: Mapping[str, State]) -> list[float]:
    """p-values of all matrices of the strangers of one world after alignment."""
    arrays = {
        name: {key: t.numpy() for key, t in state.items() if t.is_floating_point()} for name, state in states.items()
    }
    pairs = [(own, other) for own in OWN for other in ("stranger", "student")] + [("stranger", "student")]
    return [p for one, other in pairs for p in aligned_p_values(arrays[one], arrays[other])]


def draw(values: Sequence[float], target: Path) -> None:
    """The share of p-values up to each level, beside the diagonal of a valid test."""
    figure = Figure(figsize=(4.5, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    ordered = np.sort(values)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":", label="uniform")
    axes.plot(ordered, np.arange(1, len(ordered) + 1) / len(ordered), color="tab:blue", label="strangers, aligned")
    axes.set_xlabel("p-value on inputs that the alignment has not seen")
    axes.set_ylabel("share of matrices up to it")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    axes.grid(alpha=0.2)
    write(figure, target)


def _strangers(aligned: Sequence[float]) -> str:
    values = np.array(aligned)
    shares = ", ".join(f"{(values <= level).mean():.3f} up to {level}" for level in LEVELS)
    return (
        f"![p-values of strangers after alignment]({PICTURE})\n\nDoes the search for a disguise create relatedness? "
        "Units of strangers of one recipe were assigned to each other by half of their inputs and tested on the other "
        f"half: of {len(values):,} matrices between the first and the last, {shares}. A disguise needs more: a cosine "
        "beyond chance of 0.6 on unseen inputs, in matrices with 70 % of the weights."
    )


def text_of(scores: dict[str, Score], aligned: Sequence[float] = (), adapters: Sequence[Placed] = ()) -> str:
    """The page from scores by use."""
    every = scores[REPORTING].scored
    parts = ["### Kinds of relation", "`nphylo lab table kinds`.", INTRODUCTION, summary(scores)]
    parts += ["Recipes for reporting only, by kind, by variant and by architecture:"]
    parts += [by("kind", every, "true_kind"), by("variant", every, "variant"), by("network", every, "architecture")]
    parts += [text_of_bases(adapters)] if adapters else []
    parts += [_strangers(aligned)] if aligned else []
    return "\n\n".join(parts)


INTRODUCTION = (
    "Small networks of seven architectures, each really trained, and what is made of them; operations that keep the "
    "function are checked to keep it. Every collection holds a stranger of the same recipe and a student that was "
    "trained on the base's outputs. *Exact*: the main parent is a true one; of what has no direction, as copies and "
    "permuted copies, that the two are joined. *False kin*: pairs without a common origin in one "
    "family; *one seed*: pairs of one initialisation that a claim of descent joins."
)
