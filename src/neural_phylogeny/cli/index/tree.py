"""``nphylo index tree``."""

from __future__ import annotations

import click

from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.index.search import alpha_option
from neural_phylogeny.cli.options import drawing_options, formats_help, method_option, output_options, quiet_option
from neural_phylogeny.cli.tree import check_explain, code_of, show
from neural_phylogeny.reports.formats import FORMATS


@click.command("tree", epilog=formats_help())
@click.argument("index", metavar="INDEX")
@click.argument("model", required=False, metavar="[MODEL]")
@method_option
@alpha_option
@output_options(*FORMATS)
@drawing_options
@quiet_option
def command(
    index: str,
    model: str | None,
    method: str,
    alpha: float,
    form: str,
    output: str | None,
    evidence: bool,
    depth: int | None,
    family: str | None,
    explain: str | None,
    quiet: bool,
) -> int:
    """Reconstruct the tree of all models of an index, or of one model and its relatives, without their weights.

    MODEL is the name of a model of the index.

    \b
    Examples:
      nphylo index tree hub.index
      nphylo index tree hub.index org/name -o family.json

    \b
    Exit codes:
      0  success
      1  nothing could be compared
      2  wrong usage
      3  the index could not be read
    """
    from neural_phylogeny.errors import NotFoundError
    from neural_phylogeny.index.store import Index
    from neural_phylogeny.reconstruction.indexed import FAMILY, relatives, tree_of

    check_explain(form, explain)
    with Index(index, is_read_only=True) as opened, sink.progress_bar(quiet):
        if model is None:
            answer = tree_of(opened, alpha=alpha, method=method)
        else:
            found = opened.named(model)
            if found is None:
                remedy = "nphylo index export lists the names."
                raise NotFoundError("the index has no model of this name", path=model, remedy=remedy)
            answer = relatives(opened, model, found, nearest=FAMILY, alpha=alpha, method=method).tree
    show(answer, form, output, evidence, explain, depth, family)
    return code_of(answer)
