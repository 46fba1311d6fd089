"""``nphylo demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from neural_phylogeny.cli import exits
from neural_phylogeny.cli import output as sink
from neural_phylogeny.cli.options import evidence_option, method_option, quiet_option
from neural_phylogeny.cli.score import mistake_lines, score_lines
from neural_phylogeny.cli.tree import code_of

if TYPE_CHECKING:
    from rich.console import RenderableType

GAP = 4
"""Cells between the answer and the truth when they stand side by side."""


@click.command("demo")
@method_option
@evidence_option
@quiet_option
@click.option("--html", default="nphylo-demo.html", show_default=True, metavar="FILE", help="Where the report goes.")
def command(method: str, evidence: bool, quiet: bool, html: str) -> int:
    """Run on the families that ship with the package and list the mistakes.

    Small networks trained on handwritten digits: two unrelated trees, three generations, several formats. The answer
    and the truth are drawn side by side.

    \b
    Example:
      nphylo demo

    \b
    Exit codes:
      0  done, whatever the score
      2  wrong usage
    """
    from neural_phylogeny import demo
    from neural_phylogeny.evaluation import read_truth, score
    from neural_phylogeny.evaluation.truth import as_phylogeny
    from neural_phylogeny.reconstruction.api import reconstruct
    from neural_phylogeny.reports.drawing import Style
    from neural_phylogeny.reports.text import family_trees, render
    from neural_phylogeny.trees.functions import find_method

    folder = demo.folder()
    with sink.progress_bar(quiet) as progress:
        answer = reconstruct([folder], method=find_method(method), progress=progress, hashes=True)
    truth = read_truth(folder / "truth.json")
    _draw_both(
        ("RESULT FROM THE WEIGHTS", [render(answer, evidence=evidence)]),
        ("GROUND TRUTH", family_trees(as_phylogeny(truth, answer), Style(annotated=False))),
    )
    found = score(answer, truth)
    sink.write("\n".join(["", *score_lines(found), *mistake_lines(found)]), None)
    try:
        answer.save_html(html)
    except OSError as error:
        exits.talk(f"the report could not be written to {html}: {error.strerror}")
    else:
        sink.write(f"\nThe report is in {html}: open it in a browser.", None)
    return code_of(answer)


Titled = tuple[str, "list[RenderableType]"]


def _draw_both(answer: Titled, truth: Titled) -> None:
    """Draw answer and truth side by side where the terminal is wide enough, else one below the other."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from neural_phylogeny.reports.text import plain

    stacks = []
    for title, parts in (answer, truth):
        spaced = [line for part in parts for line in (Text(""), part)]
        stacks.append(Group(Text(title, style="bold reverse"), *spaced))
    console = sink.terminal()
    # The last paragraph of the answer, its legend, may be broken into lines; the trees may not.
    trees = [plain(stack).rsplit("\n\n", 1)[0] for stack in stacks]
    widths = [max(map(len, text.splitlines())) for text in trees]
    if console is not None and sum(widths) + GAP <= console.width:
        grid = Table.grid(padding=(0, GAP, 0, 0))
        grid.add_column(width=console.width - widths[1] - GAP)
        grid.add_column(width=widths[1], no_wrap=True)
        grid.add_row(*stacks)
        sink.draw(grid, None)
        return
    for number, stack in enumerate(stacks):
        sink.draw(Group(Text(""), stack) if number else stack, None)
