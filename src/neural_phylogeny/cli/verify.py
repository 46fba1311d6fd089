"""``nphylo verify``."""

from __future__ import annotations

from typing import Any, Literal

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import claim_options, filter_options, quiet_option, reading_options


@click.command("verify")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--claims",
    default="card",
    show_default=True,
    metavar="card|FILE",
    help="What the models say themselves, or a list of claims: CSV or JSON with model, parent and relation.",
)
@claim_options("Further models, whose claims are not checked, such as the parents. May be repeated.")
@click.option(
    "--fail-on",
    type=click.Choice(["contradicted", "unproven"]),
    default="contradicted",
    show_default=True,
    help="The mildest verdict that fails.",
)
@filter_options
@reading_options
@quiet_option
def command(
    paths: tuple[str, ...],
    claims: str,
    among: tuple[str, ...],
    fail_on: str,
    at_least: float,
    form: Literal["text", "json", "junit", "sarif"],
    output: str | None,
    quiet: bool,
    **reading: Any,
) -> int:
    """Check what models say of their parents against their weights.

    Claims are read from README.md (base_model, base_model_relation), adapter_config.json, config.json,
    model_index.json, trainer_state.json, mergekit_config.yml and the metadata of safetensors and GGUF files. A claim is
    confirmed, contradicted, with the nearest relative named, or unproven: the parent is not at hand, or the weights do
    not decide. What is declared never changes a verdict. Cards and recipes need the extra `cards`.

    \b
    Examples:
      nphylo verify models/
      nphylo verify ours/ --among base-models/ --fail-on unproven --format junit -o verify.xml
      nphylo verify models/ --claims claims.csv

    \b
    Exit codes:
      0  nothing fails
      1  a claim is contradicted
      2  wrong usage
      3  a list of claims, or what a model says of itself, could not be read
      4  a claim is unproven, with --fail-on unproven
    """
    from neural_phylogeny.reconstruction.audit import verify
    from neural_phylogeny.reports import checks
    from neural_phylogeny.reports import verification as shown

    with sink.progress_bar(quiet) as progress:
        found = verify(list(paths), claims=claims, among=list(among), at_least=at_least, progress=progress, **reading)
    if form == "text":
        sink.draw(shown.render_verification(found), output)
    elif form == "json":
        sink.write(found.to_json(), output)
    else:
        sink.write(checks.written(form, shown.verification_checks(found.claims), "nphylo verify", shown.RULES), output)
    if not quiet and (form != "text" or output is not None):
        exits.talk(shown.summary(found.claims))
    if found.counts["contradicted"]:
        return exits.NOTHING_COMPARED
    if fail_on == "unproven" and found.counts["unproven"]:
        return exits.UNDETERMINED
    return exits.SOME_UNREADABLE if found.problems else exits.OK
