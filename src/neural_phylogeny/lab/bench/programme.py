"""The paper's experiments as one programme: what is missing is run, what was run is kept, and all of it is one page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neural_phylogeny.lab.bench.aggregate import summarise
from neural_phylogeny.lab.bench.cached import CachedCollection
from neural_phylogeny.lab.bench.plots import forest
from neural_phylogeny.lab.bench.runs import ALPHA, Result, read_results, run_suite, write_results
from neural_phylogeny.lab.bench.stored import read, store
from neural_phylogeny.lab.bench.suites import cached_collections, find_suite
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.trees.methods import METHODS

SUITES = ("paper", "generations", "decoder", "diffusion")

METHODS_SHOWN = {
    "paper-kmeans": "KMeans, then the metric (after clustering)",
    "paper-kmeans-along": "KMeans along the metric, alpha by stability",
    "paper-mean-shift": "MeanShift, then the metric (after clustering)",
    "paper-mean-shift-along": "MeanShift along the metric, alpha by stability",
    "star": "the metric in the families of our test",
    "star-argmin": "the same, the least summed distance",
    "nearest-l2": "neural lineage by approximation (weights)",
    "mother": "MoTHer",
    "innovation-tree": "ours, nothing learnt",
    "detector": "ours, learnt on other families",
    "auto": "ours, what ships",
}
"""Rows, and what they are."""

ARCHITECTURES = {"fc": "FC", "conv": "Conv", "resnet": "ResNet", "vit": "ViT"}

LIBRARY_CELLS = {"llama-code": "decoder", "stable": "diffusion", "stable-swapped": "diffusion"}
"""Cells of Llama and Stable Diffusion, and their suites."""

THREE = ("overall", "lineage", "pair_direction")
"""The paper's three figures: overall, lineage and direction accuracy."""

PROTOCOL, PROTOCOL_RUNS = "the paper's protocol", 5

CLAIMS = {
    "FC, Conv": "The metric orders parents and children whatever the fake initialisation is drawn from; detection "
    "without learning is poor at few shots; the learned detector is much better.",
    "ResNet, ViT": "The methods carry over to deeper architectures; reviewers asked for 5 and 50 shots.",
    "families": "Fine-tuning relations of LLaMA and Stable Diffusion models are detected too.",
    "generations": "Relations are found across generations: grandparents and their descendants.",
}
"""What the paper claims, in words; its numbers are not public."""

INTRO = (
    "Every experiment of *Neural Phylogeny* (Yu and Wang, ICLR 2025) on our own collections, in the layout of a paper; "
    "made by `nphylo lab paper`. A field is overall / lineage / direction accuracy, as "
    "[defined](benchmark.md#metrics); *all* has the middle 95 % when collections are drawn again. "
    "**The paper's own numbers and code are not public**: what it claims is given in words. Collections here: {counts}."
)

EXPERIMENTS = (
    ("direction by a fake initialisation", "the rows `star` below", "[why](reviewers.md), [draws](tables/fakes.md)"),
    (
        "detection without learning, after and along clustering, KMeans and MeanShift",
        "the rows `paper-` below",
        "[alpha and the number of clusters](tables/clusters.md)",
    ),
    (
        "the learned detector, children split 7:1:2, five runs",
        f"the row *{PROTOCOL}*",
        "[runs](tables/detector.md); `nphylo lab train paper paper`",
    ),
    (
        "FC and Conv, MNIST and CIFAR-like data, 5 shots, 50 shots, all data",
        "[FC and Conv](#fully-connected-and-convolutional-networks)",
        "[by cell](tables/paper.md)",
    ),
    ("ResNet and ViT", "[ResNet and ViT](#resnet-and-vit)", "[public checkpoints](tables/wild.md)"),
    (
        "Llama and Stable Diffusion",
        "[Llama and Stable Diffusion](#llama-and-stable-diffusion)",
        "[decoders](tables/decoder.md), [diffusion](tables/diffusion.md)",
    ),
    ("across generations", "[generations](#across-generations)", "[by cell](tables/generations.md)"),
    ("what the reviewers asked", "[questions](reviewers.md)", "[sweeps](tables/sweeps.md)"),
)
"""The paper's experiments, where they are on the page, and what else shows them."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ProtocolScore:
    """Runs of the paper's protocol on one cell: ``(right parents, ordered edges, test children)`` of each."""

    runs: tuple[tuple[float, float, float], ...]

    @property
    def shares(self) -> tuple[float, float]:
        """Right parents and ordered edges of all children."""
        right, directed, children = (sum(run[k] for run in self.runs) for k in range(3))
        return right / children, directed / children


def run_missing(data: Path, out: Path, seeds: int, progress: Progress) -> dict[str, dict[str, list[Result]]]:
    """Results of every suite and method: those in ``out`` as they are, the others run now, a suite at a time."""
    found: dict[str, dict[str, list[Result]]] = {}
    for name in SUITES:
        missing = [method for method in METHODS if not (out / name / f"{method}.json").is_file()]
        if missing:
            run = run_suite(cached_collections(find_suite(name), data, seeds), missing, progress=_timed(name, progress))
            for method, results in run.items():
                write_results(out, name, METHODS[method], 0, results)
        found[name] = {method: read_results(out / name / f"{method}.json")[2] for method in METHODS}
    return found


def run_protocol_missing(
    collections: Sequence[CachedCollection], stored: Path, progress: Progress
) -> dict[str, ProtocolScore]:
    """The learned detector of the paper on every cell, 7:1:2, five runs; those in the file are not run again."""
    before: dict[str, list[Any]] = read(stored) if stored.exists() else {}
    known = {cell: runs for cell, runs in before.items() if runs and isinstance(runs[0], list)}
    timed = _timed(PROTOCOL, progress)
    for done, kept in enumerate(collections):
        if kept.cell in known:
            continue
        from neural_phylogeny.lab.training.protocol import run_protocol

        timed(done, len(collections))
        scores = [one.score for one in run_protocol([kept], PROTOCOL_RUNS)]
        known[kept.cell] = [[score.right, score.directed, score.children] for score in scores]
        store(stored, known)
    return {cell: ProtocolScore(tuple((a, b, n) for a, b, n in runs)) for cell, runs in known.items()}


def draw_forest(kept: CachedCollection, target: Path) -> None:
    """A picture of what `auto` finds in a collection, beside the truth."""
    found = phylogeny(kept.collection, METHODS["auto"], ALPHA, 0, examine(kept.collection, ALPHA))
    truth = {edge.child: edge.parent for edge in kept.truth.edges}
    forest(f"{kept.cell}, seed {kept.seed}", {edge.child: edge.parent for edge in found.edges}, truth, target)


def _timed(name: str, progress: Progress) -> Callable[[int, int], None]:
    """Reports (done, of) as a line with the time that is left."""
    started = time.monotonic()

    def report(done: int, total: int) -> None:
        left = (time.monotonic() - started) / done * (total - done) if done else float("nan")
        progress(f"{name}: {done} of {total}" + (f", {left:.0f} s left" if done else ""))

    return report


def page(
    results: Mapping[str, Mapping[str, Sequence[Result]]],
    protocol: Mapping[str, ProtocolScore],
    picture: str,
    forest_picture: str,
) -> str:
    """The page: a table for each architecture, one for generations, one for Llama and Stable Diffusion, one of all."""
    library = {
        name: [one for suite in ("decoder", "diffusion") for one in results[suite][name] if one.cell in LIBRARY_CELLS]
        for name in METHODS
    }
    parts = [
        "# The paper's programme",
        INTRO.format(counts=", ".join(f"{len(found['auto'])} of {name}" for name, found in results.items())),
        "## Where each experiment is",
        table(["the paper's experiment", "here", "also"], EXPERIMENTS),
        "## Fully connected and convolutional networks",
        f"*The paper:* {CLAIMS['FC, Conv']}",
        *(_architecture(key, results["paper"], protocol) for key in ("fc", "conv")),
        "## ResNet and ViT",
        f"*The paper:* {CLAIMS['ResNet, ViT']}",
        *(_architecture(key, results["paper"], protocol) for key in ("resnet", "vit")),
        "## Llama and Stable Diffusion",
        f"*The paper:* {CLAIMS['families']} Here they are small networks of the same architectures and layouts.",
        _table("collection", library, ""),
        "## Across generations",
        f"*The paper:* {CLAIMS['generations']}",
        _table("generations", results["generations"], "generations-"),
        "One of these collections and what `auto` finds; wrong edges are red, those that it missed dotted.",
        f"![A forest of three generations]({forest_picture})",
        "## Every method",
        "Overall accuracy with the middle 95 % when collections are drawn again, of all methods that the package has.",
        _every(results, library),
        f"![Overall accuracy of every method on every cell]({picture})",
        "## Rows",
        "\n".join(f"- `{name}`: {what}." for name, what in METHODS_SHOWN.items())
        + f"\n- {PROTOCOL}: a transformer over the weights of one collection, children split 7:1:2, "
        f"{PROTOCOL_RUNS} runs on seed 0, the interval when runs are drawn again; it has no lineage accuracy, and has "
        "seen the parents.",
    ]
    return "\n\n".join(parts) + "\n"


def _of(results: Mapping[str, Sequence[Result]], prefix: str) -> dict[str, list[Result]]:
    return {name: [one for one in found if one.cell.startswith(prefix)] for name, found in results.items()}


def _architecture(key: str, results: Mapping[str, Sequence[Result]], protocol: Mapping[str, ProtocolScore]) -> str:
    return _table(ARCHITECTURES[key], _of(results, f"{key}-"), f"{key}-", protocol)


def _table(
    title: str,
    results: Mapping[str, Sequence[Result]],
    prefix: str,
    protocol: Mapping[str, ProtocolScore] | None = None,
) -> str:
    shown = {name: results[name] for name in METHODS_SHOWN}
    cells = list(dict.fromkeys(one.cell for found in shown.values() for one in found))
    seeds = {one.seed for found in shown.values() for one in found}
    rows = [
        [name, *(_three(found, cell) for cell in cells), *(_interval(found, metric) for metric in THREE)]
        for name, found in shown.items()
    ]
    if protocol:
        rows.append([PROTOCOL, *_protocol_row(cells, protocol)])
    header = [
        f"{title}, {len(seeds)} seed{'s' if len(seeds) > 1 else ''}",
        *(one.removeprefix(prefix) for one in cells),
    ]
    return table([*header, *(f"all: {name}" for name in ("overall", "lineage", "direction"))], rows)


def _protocol_row(cells: Sequence[str], protocol: Mapping[str, ProtocolScore]) -> Iterator[str]:
    runs = [run for cell in cells if cell in protocol for run in protocol[cell].runs]
    for cell in cells:
        score = protocol.get(cell)
        yield "{:.2f} / – / {:.2f}".format(*score.shares) if score else "–"
    counts = [{"overall": (right, n), "pair_direction": (directed, n)} for right, directed, n in runs]
    drawn = [Result(PROTOCOL, seed, 0, 0.0, count) for seed, count in enumerate(counts)]
    yield from (_interval(drawn, metric) for metric in THREE)


def _every(results: Mapping[str, Mapping[str, Sequence[Result]]], library: Mapping[str, Sequence[Result]]) -> str:
    columns: dict[str, Mapping[str, Sequence[Result]]] = {
        **{name: _of(results["paper"], f"{key}-") for key, name in ARCHITECTURES.items()},
        "Llama and Stable Diffusion": library,
        "generations": results["generations"],
    }
    rows = [[name, *(_interval(found[name], "overall") for found in columns.values())] for name in METHODS]
    return table(["overall", *columns], rows)


def _three(results: Sequence[Result], cell: str) -> str:
    found = [summarise([one for one in results if one.cell == cell], metric) for metric in THREE]
    return " / ".join(f"{one.micro:.2f}" if one else "–" for one in found)


def _interval(results: Sequence[Result], metric: str) -> str:
    found = summarise(results, metric)
    return f"{found.micro:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else "–"
