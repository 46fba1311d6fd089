"""Suites: which collections a benchmark asks about, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import neural_phylogeny
from neural_phylogeny.errors import SavedFileError, UnknownChoiceError
from neural_phylogeny.lab.bench.cached import CachedCollection, load_cached


@dataclass(frozen=True)
class Suite:
    """A set of cells, each with a collection a seed.

    Attributes
    ----------
    recipes : tuple of str
        What `nphylo lab zoo make` trains them with; none for collections found in the wild.
    metrics : tuple of str
        Those that its table by cell shows, the leading one first.
    """

    name: str
    summary: str
    recipes: tuple[str, ...]
    metrics: tuple[str, ...] = ("overall", "tree_direction")


DATA = Path("benchmarks", "data")
"""Cached collections in the repository."""

PAPER_METRICS = ("overall", "lineage", "pair_direction")

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            "paper",
            "architectures x data x shots: four parents of five children, no decay, everything trainable",
            ("fc", "conv", "resnet", "vit"),
            PAPER_METRICS,
        ),
        Suite(
            "mixed",
            "optimisers, decay, schedules, frozen layers, heads and tasks mixed within a family",
            ("mixed-fc", "mixed-conv"),
            ("overall", "tree_direction", "pair_direction"),
        ),
        Suite(
            "generations",
            "random trees, chains and runs of checkpoints over two to five generations",
            ("generations-fc", "generations-conv"),
            ("overall", "tree_direction", "pair_direction"),
        ),
        Suite(
            "strangers",
            "independent models of one configuration and one data set: how many are falsely called related",
            ("strangers-fc-own", "strangers-fc-same", "strangers-conv-own", "strangers-conv-same"),
            ("false_positives", "overall"),
        ),
        Suite(
            "wild",
            "public checkpoints with documented lineage",
            (),
            ("exact_parent", "tree_direction", "pair_direction"),
        ),
        *(
            Suite(name, summary, recipes, ("overall", "exact_parent", "tree_direction"))
            for name, summary, recipes in (
                (
                    "decoder",
                    "Llama, GPT-2, Qwen2 and Mixtral: runs, fine-tunes, adapters, second stages, larger vocabularies",
                    ("llama-code", "gpt2-docs", "qwen-chain", "experts"),
                ),
                (
                    "encoder",
                    "BERT, DistilBERT, RoBERTa and wav2vec under heads of several kinds and class counts",
                    ("bert-heads", "distilbert-heads", "roberta-heads", "speech"),
                ),
                ("vision", "ViT, timm's ConvNeXt and ResNet", ("vit-images", "convnext-images", "resnet-images")),
                (
                    "diffusion",
                    "DDPM U-Nets with moving averages, pipelines of U-Net, VAE and text encoder",
                    ("ddpm", "ddpm-chain", "stable", "stable-swapped"),
                ),
                ("formats", "one collection of Llama in every format and layout", ()),
            )
        ),
        Suite(
            "sweeps",
            "one property at a time: fine-tuning steps, children of one parent, weights pruned, pixels",
            (
                "sweep-steps",
                "sweep-children",
                "sweep-pruned",
                *(f"sweep-side-{side}" for side in (8, 14, 16, 28, 32, 64)),
            ),
            ("overall", "tree_direction", "pair_direction"),
        ),
        Suite("quick", "small dense nets, stars and trees: a test of the whole chain", ("quick",), PAPER_METRICS),
    )
}
"""All suites by name."""


def data_folder(chosen: Path | None = None) -> Path:
    """The folder of cached collections: the given one, else ``benchmarks/data`` of this repository.

    Looked for below the working directory, then beside the package, where an editable installation has it.

    Raises
    ------
    SavedFileError
        When no folder is given and this is not a copy of the repository.
    """
    if chosen is not None:
        return chosen
    for folder in (Path(), Path(neural_phylogeny.__file__).parents[2]):
        if (folder / DATA).is_dir():
            return folder / DATA
    raise SavedFileError(
        f"no folder {DATA} here or beside the package, which an installation from an index does not have; name a "
        "folder of cached collections with --data, or make one with nphylo lab bench cache SUITE DIR --out FOLDER"
    )


def find_suite(name: str) -> Suite:
    """A suite by name; raises UnknownChoiceError with the known ones."""
    if name not in SUITES:
        raise UnknownChoiceError("suite", name, SUITES)
    return SUITES[name]


def cached_collections(suite: Suite, data: Path, seeds: int) -> list[CachedCollection]:
    """The cached collections of a suite, at most this many seeds a cell, in order.

    Raises
    ------
    SavedFileError
        When there are none, or one is damaged.
    """
    by_cell: dict[str, list[Path]] = {}
    for path in sorted((data / suite.name).glob("*/*.npz"), key=lambda path: (path.parent.name, _seed(path))):
        by_cell.setdefault(path.parent.name, []).append(path)
    if not by_cell:
        make = "".join(f"nphylo lab zoo make {recipe} --out DIR, " for recipe in suite.recipes)
        make += "then " if make else ""
        raise SavedFileError(
            f"{data / suite.name}: no cached collections (CELL/SEED.npz) of the suite {suite.name!r}; make them with "
            f"{make}nphylo lab bench cache {suite.name} DIR --out {data}"
        )
    return [load_cached(path) for paths in by_cell.values() for path in paths[:seeds]]


def _seed(path: Path) -> int:
    return int(path.stem) if path.stem.isdecimal() else 0


def cells_of(suite: Suite) -> set[str] | None:
    """Names of the cells that a suite's recipes make; None where any will do."""
    from neural_phylogeny.lab.zoo.libraries.recipes import known_library_recipes
    from neural_phylogeny.lab.zoo.recipes import read_recipe

    libraries = set(suite.recipes) & set(known_library_recipes())
    rest = [recipe for recipe in suite.recipes if recipe not in libraries]
    return libraries | {cell.name for recipe in rest for cell in read_recipe(recipe).cells} or None
