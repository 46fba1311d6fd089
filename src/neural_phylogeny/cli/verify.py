"""``nphylo verify``."""

from __future__ import annotations

from typing import Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import at_least_option, filter_options, output_options, quiet_option, reading_options


@click.command("verify")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--claims",
    default="card",
    show_default=True,
    metavar="card|FILE",
    help="What the models say themselves, or a list of claims: CSV or JSON with model, parent and relation.",
)
@click.option(
    "--among",
    multiple=True,
    metavar="PATH",
    help="Further models, whose claims are not checked, such as the parents. May be repeated.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["contradicted", "unproven"]),
    default="contradicted",
    show_default=True,
    help="The mildest verdict that fails.",
)
@at_least_option
@output_options("text", "json", "junit", "sarif")
@filter_options
@reading_options
@quiet_option
def command(
    paths: tuple[str, ...],
    claims: str,
    among: tuple[str, ...],
    fail_on: str,
    at_least: float,
    form: str,
    output: str | None,
    quiet: bool,
    **reading: Any,
) -> int:
    """Check what models say of their parents against their weights.

    Claims are read from README.md (base_model, base_model_relation), adapter_config.json, config.json,
    trainer_state.json and the metadata of safetensors and GGUF files. A claim is confirmed, contradicted, with the
    nearest relative named, or unproven: the parent is not at hand, or the weights do not decide. What is declared
    never changes a verdict. Cards need the extra `cards`.

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
    from neural_phylogeny.claims.declared import listed
    from neural_phylogeny.claims.verify import checked, own_claims
    from neural_phylogeny.reconstruction.judged import Judged
    from neural_phylogeny.reconstruction.options import Reading
    from neural_phylogeny.reports import checks
    from neural_phylogeny.reports import verification as shown

    given = listed(claims) if claims != "card" else None
    prior = reading.pop("prior")
    with sink.progress_bar(quiet) as progress:
        judged = Judged.of(list(dict.fromkeys([*paths, *among])), Reading(progress=progress, **reading), prior)
    declared, problems = own_claims(judged, paths) if given is None else (given, [])
    problems += [f"{item.path}: {item.reason}" for item in judged.answer.skipped if item.is_model]
    found = checked(judged, declared, at_least)
    if form == "json":
        sink.write(shown.verification_to_json(found, problems, at_least), output)
    elif form in ("junit", "sarif"):
        ready = shown.verification_checks(found, {ref.name: ref.path for ref in judged.refs})
        sink.write(
            checks.to_junit(ready, "nphylo verify") if form == "junit" else checks.to_sarif(ready, shown.RULES), output
        )
    else:
        sink.draw(shown.render_verification(found, problems), output)
    if not quiet and (form != "text" or output is not None):
        exits.talk(shown.summary(found))
    verdicts = {one.verdict for one in found}
    if "contradicted" in verdicts:
        return exits.NOTHING_COMPARED
    if fail_on == "unproven" and "unproven" in verdicts:
        return exits.UNDETERMINED
    return exits.SOME_UNREADABLE if problems else exits.OK
