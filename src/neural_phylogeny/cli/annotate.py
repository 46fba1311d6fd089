"""``nphylo annotate``."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import at_least_option, filter_options, quiet_option, reading_options

if TYPE_CHECKING:
    from neural_phylogeny.claims.annotate import Change
    from neural_phylogeny.records import Edge


def _named(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Names on the hub by names here."""
    for one in given:
        if not all(one.partition("=")[::2]):
            raise click.BadParameter(f"{one!r} is not NAME=ID")
    return dict((one.partition("=")[0], one.partition("=")[2]) for one in given)


@click.command("annotate")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--among",
    multiple=True,
    metavar="PATH",
    help="Further models, whose cards are not changed, such as the parents. May be repeated.",
)
@click.option(
    "--as", "ids", multiple=True, callback=_named, metavar="NAME=ID", help="Name of a parent on the hub, as org/name."
)
@click.option("--write", is_flag=True, help="Change the cards, or create them; without it nothing is written.")
@at_least_option
@click.option("-o", "--output", metavar="FILE", help="Write the proposed changes to this file instead of stdout.")
@filter_options
@reading_options
@quiet_option
def command(
    paths: tuple[str, ...],
    among: tuple[str, ...],
    ids: dict[str, str],
    write: bool,
    at_least: float,
    output: str | None,
    quiet: bool,
    **reading: Any,
) -> int:
    """Propose the parents that the weights show as fields of model cards.

    The proposal is a unified diff of the README.md of each model at or below PATH: base_model and
    base_model_relation, in the words of the hub. A model in a folder of its own that has no card gets one with these
    two fields. Nothing else changes. A card with broken front matter, and one that names a parent which is not at hand,
    is left as it is, with the reason on stderr.

    \b
    Examples:
      nphylo annotate models/
      nphylo annotate ours/ --among base/ --as base=org/base-7b --write

    \b
    Exit codes:
      0  success, whether or not there is something to change
      2  wrong usage
      3  a model or a card could not be read
    """
    from neural_phylogeny.claims.annotate import proposal
    from neural_phylogeny.errors import OutputError
    from neural_phylogeny.reconstruction.judged import Judged
    from neural_phylogeny.reconstruction.options import Reading
    from neural_phylogeny.reports.exports.card import card_edges, card_fields

    prior = reading.pop("prior")
    with sink.progress_bar(quiet) as progress:
        judged = Judged.of(list(dict.fromkeys([*paths, *among])), Reading(progress=progress, **reading), prior)
    lines = {
        child: card_fields([_renamed(edge, ids) for edge in edges])
        for child, edges in card_edges(judged.answer).items()
    }
    found = proposal(judged, paths, lines, at_least)
    text = "".join(_diff(change) for change in found.changes)
    sink.write(text if output not in (None, sink.STDOUT) else exits.safe_lines(text), output)
    if write:
        for change in found.changes:
            if change.is_new and os.path.lexists(change.path):
                raise OutputError(change.path, "it appeared meanwhile")
            sink.write(change.after.encode("utf-8"), os.path.realpath(change.path))  # a link stays one
    if not quiet:
        for reason in found.left:
            exits.talk(f"left as it is: {reason}")
        done = "changed" if write else "to change; --write applies"
        exits.talk(f"{len(found.changes)} card{'s' * (len(found.changes) != 1)} {done}")
    return exits.SOME_UNREADABLE if any(item.is_model for item in judged.answer.skipped) or found.broken else exits.OK


def _renamed(edge: Edge, ids: dict[str, str]) -> Edge:
    from dataclasses import replace

    return replace(edge, parent=ids.get(edge.parent, edge.parent))


def _diff(change: Change) -> str:
    """The change of one card as a unified diff."""
    before, after = (text.splitlines(keepends=True) for text in (change.before, change.after))
    where = change.path.lstrip("/")
    lines = difflib.unified_diff(before, after, "/dev/null" if change.is_new else f"a/{where}", f"b/{where}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
