"""What reviewers missed: rules of other fields on every suite, and other learners than the detector at equal data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import groups, names
from neural_phylogeny.detector.network import TrainedDetector
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.runs import ALPHA, counts_by
from neural_phylogeny.lab.bench.stored import read, store
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.families.batches import batch_paths, is_left_out
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.lab.training.assessment import assess
from neural_phylogeny.lab.training.examples import Example, Losses, read_examples
from neural_phylogeny.lab.training.pair_learners import LEARNERS, learnt
from neural_phylogeny.lab.training.substitute import answering
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.trees.methods import METHODS, Method

SUITES = ("paper", "mixed", "generations", "wild", "decoder", "encoder", "vision", "diffusion")

MOTHER = METHODS["mother"]

STAGES = tuple(
    replace(MOTHER, options=replace(MOTHER.options, stage=stage)) for stage in ("specialisation", "generalisation")
)

NAMES = (
    *("auto", "innovation-tree", "spanning-tree", "star", "paper-mean-shift"),
    *("nearest-l2", "nearest-cosine", "mother", "mother-guessed"),
    *("neighbour-joining", "neighbour-joining-deviation", "neighbour-joining-norm"),
    *("chow-liu", "chow-liu-deviation", "chow-liu-norm"),
    *("common-neighbours", "adamic-adar", "preferential-attachment"),
)

ROWS: dict[str, tuple[Method, ...]] = {
    **{name: (METHODS[name],) for name in NAMES},
    "mother, stage given": STAGES,
}
"""Methods of each row; where there are several, each collection has the one with most right parents."""

GROUPS, EPOCHS = 2000, 6
"""Groups that each learner is trained on, and for how long a network."""

NETWORK, GRAPH = "transformer", "graph network"

Figures = tuple[float, float]
"""Overall accuracy (of `wild` exact parents) and tree direction."""


def rows_of(
    name: str, collections: Sequence[CachedCollection], rows: Mapping[str, tuple[Method, ...]]
) -> dict[str, Figures]:
    """Figures of every row on the collections of a suite."""
    first = "exact_parent" if name == "wild" else "overall"
    sums = {row: np.zeros((2, 2)) for row in rows}
    for kept in collections:
        examined = examine(kept.collection, ALPHA)
        for row, methods in rows.items():
            found = [counts_by(method, kept, examined) for method in methods]
            best = max(found, key=lambda counts: counts[first][0])
            sums[row] += np.array([best[first], best["tree_direction"]])
    return {row: (found[0, 0] / found[0, 1], found[1, 0] / found[1, 1]) for row, found in sums.items()}


def untaught(sources: Sources) -> str:
    """A row a method, a column a suite."""
    by_suite = {}
    for name in SUITES:
        by_suite[name] = rows_of(name, sources.suite(name), ROWS)
        sources.progress(name)
    header = ["overall / tree direction", *SUITES]
    return table(header, [[row, *(field(by_suite[name][row]) for name in SUITES)] for row in ROWS])


def field(figures: Figures) -> str:
    """Both figures as a field of a table."""
    return f"{figures[0]:.2f} / {figures[1]:.2f}"


def some_examples(folders: Sequence[Path], number: int) -> list[Example]:
    """About this many groups to train on, the same share of each generator."""
    found, share = [], -(-number // len(folders))
    for folder in folders:
        own: list[Example] = []
        for path in batch_paths(folder):
            if len(own) >= share:
                break
            own += [] if is_left_out(path) else read_examples([path], Losses(), seed=0)
        found += own[:share]
    return found


def left_out(folders: Sequence[Path]) -> list[Example]:
    """Groups of batches that nobody is trained on."""
    return read_examples([path for folder in folders for path in batch_paths(folder) if is_left_out(path)], None)


def network(examples: Sequence[Example], left: Sequence[Example]) -> TrainedDetector:
    """The detector's own network on the same groups."""
    from neural_phylogeny.lab.training.train import TrainingRecipe, train

    config = DetectorConfig(n_features=len(names()))
    weights = train(examples, left, config, TrainingRecipe(epochs=EPOCHS, average=0.99), groups())
    return TrainedDetector(config, [weights], names(), {})


def taught(sources: Sources, generators: Path, work: Path) -> str:
    """A row a learner: on left-out families, then on each suite in the place of the detector."""
    folders = sorted(path for path in generators.iterdir() if path.is_dir())
    left = left_out(folders)
    suites = SUITES[:4]
    header = [f"trained on {GROUPS} groups, overall / tree direction", "left-out families", *suites]
    return table(header, _learners(sources, folders, left, suites, work))


def _learners(
    sources: Sources, folders: Sequence[Path], left: Sequence[Example], suites: Sequence[str], work: Path
) -> Iterator[list[str]]:
    examples: list[Example] = []
    for name in (*LEARNERS, GRAPH, NETWORK):
        stored = work / f"{name.replace(' ', '-').replace(',', '')}.json"
        if not stored.exists():
            examples = examples or some_examples(folders, GROUPS)
            chosen = _learner(name, examples, left)
            reached = assess(chosen, left)["all"]
            figures = [field((reached.overall, reached.direction))]
            with answering(chosen):
                for suite in suites:
                    figures.append(field(rows_of(suite, sources.suite(suite), {name: (METHODS["detector"],)})[name]))
            store(stored, figures)
        sources.progress(name)
        yield [name, *read(stored)]


def _learner(name: str, examples: Sequence[Example], left: Sequence[Example]) -> TrainedDetector:
    if name == NETWORK:
        return network(examples, left)
    if name == GRAPH:
        from neural_phylogeny.lab.training.graph_network import graph_network

        return graph_network(examples)
    return learnt(name, examples)


INTRO = (
    "Overall accuracy (of `wild` exact parents) and tree direction; `--seeds {seeds}`. All take the families of the "
    "relatedness test but `paper-mean-shift`. *Stage given*: the better of the two stages of MoTHer by the truth of "
    "each collection."
)

LEARNT = (
    "Learners on the same groups of families of small networks, with the same decoder. The first three judge each pair "
    "by itself; the embedding and the graph network see the similarities of all models, the transformer all pairs."
)


def page(sources: Sources) -> Page:
    """Untaught rules on all suites; with generators and a folder for work, learners too."""
    parts = [
        "### Baselines",
        f"`nphylo lab table baselines --generators generators/ --work work/ --seeds {sources.seeds}`.",
        INTRO.format(seeds=sources.seeds),
        untaught(sources),
    ]
    if sources.generators is not None and sources.work is not None:
        parts += [LEARNT, taught(sources, sources.generators, sources.work)]
    return Page("\n\n".join(parts))
