"""``nphylo derived``."""

from __future__ import annotations

from typing import Any, Literal

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import claim_options, quiet_option, reading_options

CODES = {"derived": exits.OK, "not derived": exits.NOTHING_COMPARED, "undetermined": exits.UNDETERMINED}


@click.command("derived")
@click.argument("child", metavar="CHILD")
@click.option(
    "--from", "parents", multiple=True, required=True, metavar="PARENT", help="A possible parent; may be repeated."
)
@click.argument("more", nargs=-1, metavar="[PARENT...]")
@claim_options("Further models of the family, a file, folder or glob; they make the answer safer. May be repeated.")
@reading_options
@quiet_option
def command(
    child: str,
    parents: tuple[str, ...],
    more: tuple[str, ...],
    among: tuple[str, ...],
    at_least: float,
    form: Literal["text", "json", "junit", "sarif"],
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
    from neural_phylogeny.reconstruction.audit import derived
    from neural_phylogeny.reports import checks
    from neural_phylogeny.reports import derivation as shown

    with sink.progress_bar(quiet) as progress:
        found = derived(child, [*parents, *more], among=list(among), at_least=at_least, progress=progress, **reading)
    if form == "text":
        sink.draw(shown.render_derivations(found), output)
    elif form == "json":
        sink.write(found.to_json(), output)
    else:
        rows = shown.derivation_checks(found.derivations, child)
        sink.write(checks.written(form, rows, "nphylo derived", shown.RULES), output)
    return CODES[found.verdict]
