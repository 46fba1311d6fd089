"""``nphylo derived``."""

from __future__ import annotations

from typing import Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import at_least_option, output_options, quiet_option, reading_options

CODES = {"derived": exits.OK, "not derived": exits.NOTHING_COMPARED, "undetermined": exits.UNDETERMINED}


@click.command("derived")
@click.argument("child", metavar="CHILD")
@click.option(
    "--from", "parents", multiple=True, required=True, metavar="PARENT", help="A possible parent; may be repeated."
)
@click.argument("more", nargs=-1, metavar="[PARENT...]")
@click.option(
    "--among",
    multiple=True,
    metavar="PATH",
    help="Further models of the family, a file, folder or glob; they make the answer safer. May be repeated.",
)
@at_least_option
@output_options("text", "json", "junit", "sarif")
@reading_options
@quiet_option
def command(
    child: str,
    parents: tuple[str, ...],
    more: tuple[str, ...],
    among: tuple[str, ...],
    at_least: float,
    form: str,
    output: str | None,
    quiet: bool,
    **reading: Any,
) -> int:
    """Say whether a model was derived from another one.

    CHILD and each PARENT is one model: a file or a folder. Derived takes a probability of at least --at-least in one
    step or several, and more in common than a random initialisation. Of several parents the answer says which. Two
    models alone cannot show that both were made from a third one: give more of the family with --among.

    \b
    Examples:
      nphylo derived ours.safetensors --from base.safetensors
      nphylo derived ours/ --from llama/ mistral/ qwen/ --among models/ --format sarif -o derived.sarif

    \b
    Exit codes:
      0  derived, from one of the parents at least
      1  not derived
      2  wrong usage
      3  one of the models could not be read
      4  undetermined
    """
    from neural_phylogeny.claims.derivation import derivation
    from neural_phylogeny.claims.operating_point import operating_point
    from neural_phylogeny.reconstruction.named import judged_and_named
    from neural_phylogeny.reconstruction.options import Reading
    from neural_phylogeny.reports import checks
    from neural_phylogeny.reports import derivation as shown

    prior = reading.pop("prior")
    with sink.progress_bar(quiet) as progress:
        kept = Reading(progress=progress, **reading)
        judged, names = judged_and_named((child, *parents, *more), among, kept, prior)
    found = [derivation(judged, names[0], name, at_least) for name in names[1:]]
    point = operating_point(at_least)
    if form == "json":
        sink.write(shown.derivations_to_json(found, at_least, point.as_dict()), output)
    elif form == "junit":
        sink.write(checks.to_junit(shown.derivation_checks(found, child), "nphylo derived"), output)
    elif form == "sarif":
        sink.write(checks.to_sarif(shown.derivation_checks(found, child), shown.RULES), output)
    else:
        sink.draw(shown.render_derivations(found, [*ALONE[: 1 - bool(among)], point.sentence()]), output)
    return CODES[shown.overall(found)]


ALONE = ("The models given are all that was read: siblings of a model that was not can look like parent and child.",)
