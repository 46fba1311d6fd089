"""``nphylo index search``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.fingerprint import size_option
from neural_phylogeny.cli.options import (
    component_option,
    download_option,
    formats_option,
    limit_option,
    output_options,
    quiet_option,
)

if TYPE_CHECKING:
    from neural_phylogeny.formats.fingerprint import Fingerprint
    from neural_phylogeny.index.store import Index

alpha_option = click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-3,
    show_default=True,
    help="Probability that any unrelated model of the index is reported as a relative.",
)


@click.command("search")
@click.argument("index", metavar="INDEX")
@click.argument("model", metavar="MODEL")
@click.option(
    "--nearest",
    type=click.IntRange(1, 1000),
    default=32,
    show_default=True,
    metavar="N",
    help="Near models that are compared in full; in a larger family half of them, and its possible parents.",
)
@alpha_option
@output_options("text", "json")
@size_option
@component_option
@formats_option
@limit_option
@download_option
@quiet_option
def command(
    index: str,
    model: str,
    nearest: int,
    alpha: float,
    form: str,
    output: str | None,
    size: int,
    component: str | None,
    quiet: bool,
) -> int:
    """Find the relatives of a model among all of an index, and its place in their tree.

    MODEL is a path, an address, a fingerprint, or the name of a model of the index. Near models are found among all by
    sketches, and compared in full from their fingerprints, in a large family with models that have many children.
    P-values count every model of the index.

    \b
    Example:
      nphylo index search hub.index suspect.safetensors

    \b
    Exit codes:
      0  relatives were found
      1  none was found
      2  wrong usage
      3  the model or the index could not be read
    """
    from neural_phylogeny.index.store import Index
    from neural_phylogeny.reconstruction.indexed import relatives
    from neural_phylogeny.reports.relatives import relatives_to_json, render_relatives

    with Index(index, is_read_only=True) as opened, sink.progress_bar(quiet):
        name, found = _model(opened, model, size, component)
        answer = relatives(opened, name, found, nearest=nearest, alpha=alpha)
    if form == "json":
        sink.write(relatives_to_json(answer), output)
    else:
        sink.draw(render_relatives(answer), output)
    return exits.OK if answer.relatives else exits.NOTHING_COMPARED


def _model(index: Index, model: str, size: int, component: str | None) -> tuple[str, Fingerprint]:
    """The fingerprint of a model of the index by its name, else that of a path."""
    from neural_phylogeny.reconstruction.fingerprints import fingerprint_model

    known = index.named(model)
    if known is not None:
        return model, known
    found = fingerprint_model(model, size=size, component=component)
    return found.source.name, found
