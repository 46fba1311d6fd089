"""``nphylo lab zoo``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.exits import OK, talk
from neural_phylogeny.cli.options import output_options, quiet_option
from neural_phylogeny.lab.commands.listing import write_list
from neural_phylogeny.lab.commands.options import DIGITS, data_sets_option, existing_folder, folder

JOBS = os.cpu_count() or 1


@click.group("zoo")
def command() -> None:
    """Train families of networks whose lineage is known.

    For benchmarks, for training detectors, and for trying the tool on something whose answer can be checked.

    \b
    Example:
      nphylo lab zoo make quick --out families/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or wrong, or a model did not learn its task
    """


@command.command("list")
@output_options("text", "json")
def list_recipes(form: str, output: str | None) -> int:
    """List the recipes.

    A recipe is a TOML file; a path to one of your own works wherever a name does.

    \b
    Example:
      nphylo lab zoo list

    \b
    Exit codes:
      0  all is well
      2  wrong usage
    """
    from neural_phylogeny.lab.zoo.libraries.recipes import known_library_recipes, read_library_recipe
    from neural_phylogeny.lab.zoo.recipes import known_recipes, read_recipe

    recipes = [read_recipe(name) for name in known_recipes()]
    rows = [
        {"name": r.name, "summary": r.summary, "families": r.families, "cells": [cell.name for cell in r.cells]}
        for r in recipes
    ]
    details = [f"{r.families} families; {', '.join(cell.name for cell in r.cells)}" for r in recipes]
    libraries = [read_library_recipe(name) for name in known_library_recipes()]
    rows += [{"name": r.name, "summary": r.summary, "suite": r.suite, "use": r.use} for r in libraries]
    details += [f"suite {r.suite}; to {r.use}" for r in libraries]
    return write_list("recipes", rows, details, form, output)


@command.command("make")
@click.argument("recipe", metavar="RECIPE")
@click.option("--out", type=folder, required=True, help="Where they go.")
@click.option("--collections", type=click.IntRange(1), default=1, show_default=True, help="Seeds, from --seed on.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The first seed.")
@click.option(
    "--jobs", type=click.IntRange(1), default=JOBS, show_default="cores", help="Processes of one thread each."
)
@data_sets_option
@quiet_option
def make_collections(
    recipe: str, out: Path, collections: int, seed: int, jobs: int, data: Path | None, quiet: bool
) -> int:
    """Train the collections of a recipe.

    OUT/CELL/SEED gets checkpoints with names that tell nothing, and truth.json, for each cell of the recipe. What an
    interrupted run has trained is kept: the same command goes on from there. The same seed gives the same networks,
    whatever the number of jobs. Recipes of transformers, peft, diffusers and timm
    need the extra `zoo` and use one process.

    \b
    Examples:
      nphylo lab zoo make quick --out families/
      nphylo lab zoo make fc --out families/ --collections 8 --data datasets/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  data are missing or wrong, or a model did not learn its task
    """
    from neural_phylogeny.lab.zoo.libraries.recipes import known_library_recipes, read_library_recipe
    from neural_phylogeny.lab.zoo.make import make
    from neural_phylogeny.lab.zoo.recipes import read_recipe

    if data is None and not quiet:
        talk(DIGITS)
    with sink.progress_bar(quiet, "training") as progress:
        if recipe in known_library_recipes():
            from neural_phylogeny.lab.zoo.libraries.make import make_collections as make_of_libraries

            folders = make_of_libraries(
                read_library_recipe(recipe),
                out,
                collections=collections,
                seed=seed,
                data=data and data.resolve(),
                progress=progress,
            )
        else:
            folders = make(
                read_recipe(recipe),
                out,
                collections=collections,
                seed=seed,
                jobs=jobs,
                data=data and data.resolve(),
                progress=progress,
            )
    sink.write("\n".join(map(str, folders)), None)
    return OK


@command.command("formats")
@click.argument("recipe", metavar="RECIPE")
@click.option(
    "--made",
    type=existing_folder,
    required=True,
    help="The --out of `nphylo lab zoo make RECIPE`.",
)
@click.option("--out", type=folder, required=True, help="Where they go.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which collection.")
def write_formats(recipe: str, made: Path, out: Path, seed: int) -> int:
    """Write a collection of transformers or timm in every format and layout.

    OUT/RECIPE-FORMAT/SEED gets the same models and the same truth for each format. `mixed` takes the lossless
    formats in turn, `mixed-rounded` all of them. Needs the extra `zoo`.

    \b
    Example:
      nphylo lab zoo formats llama-code --made families/ --out formats/

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  the collection is not there
    """
    from importlib.util import find_spec

    from neural_phylogeny.errors import MissingExtraError
    from neural_phylogeny.lab.zoo.libraries.recipes import read_library_recipe

    if find_spec("torch") is None:
        raise MissingExtraError("Collections in every format", "zoo")
    from neural_phylogeny.lab.zoo.libraries.formats import formats_of_collection

    folders = formats_of_collection(read_library_recipe(recipe), made, out, seed=seed)
    sink.write("\n".join(map(str, folders)), None)
    return OK


@command.command("convert")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--side", type=click.IntRange(4, 512), default=32, show_default=True, help="Pixels a side.")
@click.option("--colour/--grey", default=True, show_default=True)
@click.option("--test-share", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.2, show_default=True)
def convert_images(folder: Path, target: Path, side: int, colour: bool, test_share: float) -> int:
    """Write a data set of the zoo from folders of images.

    FOLDER holds train/CLASS/*.png and test/CLASS/*.png, as torchvision's ImageFolder and most exports have them, or
    CLASS/*.png alone, of which a share becomes the test. TARGET is the .npz file.

    \b
    Example:
      nphylo lab zoo convert imagenette/ datasets/imagenette.npz --side 32

    \b
    Exit codes:
      0  all is well
      2  wrong usage
      3  no images, or some that cannot be read
    """
    from neural_phylogeny.lab.zoo.convert import convert

    written = convert(folder, target, side=side, colour=colour, test_share=test_share)
    sink.write(f"{target}: {written[0]} images to train, {written[1]} to test, {written[2]} classes", None)
    return OK
