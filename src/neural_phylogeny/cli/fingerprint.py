"""``nphylo fingerprint``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import (
    F,
    Size,
    component_option,
    download_option,
    filter_options,
    formats_option,
    limit_option,
    quiet_option,
)
from neural_phylogeny.wording import in_bytes

if TYPE_CHECKING:
    from neural_phylogeny.inputs import Skipped

SUFFIX = ".nphylo"

size_option = click.option(
    "--size",
    type=Size(),
    metavar="SIZE",
    default="256KiB",
    show_default=True,
    help="Most bytes of values that are kept of a model; files are smaller, since they are compressed.",
)

workers_option = click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that read one model each. One that is killed costs its model a second try; a model that two died "
    "of is named and left out.",
)

cluster_option = click.option(
    "--cluster",
    metavar="ADDRESS|local",
    default="",
    help="Read on the workers of a Dask cluster: the address of its scheduler, as tcp://10.0.0.1:8786, or local for "
    "one of --workers processes here. Needs the extra cluster-dask.",
)

root_option = click.option(
    "--root",
    metavar="FOLDER",
    default="",
    help="Call models by their paths below this folder, so that runs on parts of it use the same names.",
)


def fingerprint_options(command: F) -> F:
    """Options of the commands that make fingerprints of many models."""
    options = (
        *(size_option, workers_option, cluster_option, root_option, component_option, formats_option, limit_option),
        *(download_option, filter_options, quiet_option),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("fingerprint")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE|FOLDER",
    help="A file named *.nphylo for one model, else a folder that gets a file for each.",
)
@fingerprint_options
def command(
    paths: tuple[str, ...],
    output: str,
    quiet: bool,
    **reading: Any,
) -> int:
    """Keep a few values of each model, to be compared without the weights.

    A fingerprint is read wherever a model is: by tree, compare, derived, diff, and by an index. The same values are
    kept of equal tensors of every model. It holds values of the model, of a large one less than a hundredth of a
    percent.

    \b
    Examples:
      nphylo fingerprint model.safetensors -o model.nphylo
      nphylo fingerprint hf://org/name -o name.nphylo
      nphylo fingerprint uploads/ -o prints/

    \b
    Exit codes:
      0  success
      2  wrong usage
      3  some inputs could not be read; the others have their fingerprints
    """
    from neural_phylogeny.files.atomic import replacing
    from neural_phylogeny.formats.fingerprint import Fingerprint
    from neural_phylogeny.reconstruction.fingerprints import fingerprints

    is_file = output.endswith(SUFFIX)
    failed = written = 0
    with sink.progress_bar(quiet):
        for name, _, found in fingerprints(paths, **reading):
            if not isinstance(found, Fingerprint):
                failed += name_skipped(found, quiet)
                continue
            if is_file and written:
                raise click.UsageError(f"{output} takes one model, and there are more; name a folder with -o")
            target = output if is_file else os.path.join(output, _file_name(name))
            os.makedirs(os.path.dirname(target) or os.curdir, exist_ok=True)
            content = found.to_bytes()
            with replacing(target) as file:
                file.write(content)
            written += 1
            if not quiet:
                total = sum(tensor.size for tensor in found.tensors.values())
                exits.talk(f"{target}: {in_bytes(len(content))}, {found.n_values:,} of {total:,} values")
    return exits.SOME_UNREADABLE if failed or not written else exits.OK


def name_skipped(found: Skipped, quiet: bool) -> bool:
    """Say why there is no fingerprint; whether a model was lost."""
    if not quiet:
        exits.talk(f"skipped {found.path}: {found.reason}")
    return found.is_model


def _file_name(name: str) -> str:
    """The name of a model as one name of a file."""
    return name.replace("/", "__").replace(os.sep, "__").replace("\0", "") + SUFFIX
