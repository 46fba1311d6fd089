"""A phylogeny drawn for people: on a console, as plain text, as HTML."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from neural_phylogeny.records import Edge, Phylogeny, RelatedPair
from neural_phylogeny.reports.drawing import FamilyTree, Style
from neural_phylogeny.reports.families import copies_of, families, is_related, not_compared, summary, undecided
from neural_phylogeny.reports.labels import DIM, NAME, size_of
from neural_phylogeny.reports.names import safe
from neural_phylogeny.wording import small_share

PLAIN_WIDTH = 10_000
"""Plain text is not broken into lines: whoever reads it has a width of their own."""

HTML_WIDTH = 140


def render(phylogeny: Phylogeny, *, evidence: bool = False) -> RenderableType:
    """A phylogeny for a console: a summary, each family, what stands alone and why, a legend.

    Names are data: they are made safe and never read as markup. Near-linear in the size of the result.
    """
    parts = [*family_trees(phylogeny, Style(evidence)), *_left_over(phylogeny), *_legend(phylogeny)]
    spaced: list[RenderableType] = [Text(summary(phylogeny), style=NAME)]
    if phylogeny.share_read < 1.0:
        spaced.append(Text(f"{small_share(phylogeny.share_read)} of the weights were read", style=DIM))
    for part in parts:
        spaced += [Text(""), part]
    return Group(*spaced)


def family_trees(phylogeny: Phylogeny, style: Style) -> list[RenderableType]:
    """The families of more than one model, a renderable each."""
    models = {model.name: model for model in phylogeny.models}
    related = [family for family in families(phylogeny) if is_related(family)]
    return [FamilyTree(family, f"Family {number}", models, style) for number, family in enumerate(related, start=1)]


def to_text(phylogeny: Phylogeny, *, evidence: bool = False) -> str:
    """The drawing as plain text, as ``nphylo tree`` prints it into a file or a pipe.

    Examples
    --------
    >>> from neural_phylogeny.records import Edge, ModelRecord
    >>> about = {"format": "npz", "parameters": 10, "family": 0}
    >>> models = tuple(ModelRecord(name=name, path=name, **about) for name in ("base", "child"))
    >>> edge = Edge(parent="base", child="child", kind="finetune", p_direction=0.9, similarity=0.75)
    >>> print(to_text(Phylogeny(models=models, edges=(edge,))), end="")  # doctest: +ELLIPSIS
    2 models, 1 family, 1 edge
    <BLANKLINE>
    Family 1: 2 models
    └── base  10 parameters, npz
        └── child  finetune  similarity 0.750  direction 90 %
    <BLANKLINE>
    similarity: cosine of the compared weights; direction: probability ...
    """
    return plain(render(phylogeny, evidence=evidence))


def plain(renderable: RenderableType) -> str:
    """Any drawing as text without colours; lines end where the words end."""
    console = Console(file=io.StringIO(), width=PLAIN_WIDTH, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(renderable, crop=False)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def to_html(phylogeny: Phylogeny, *, evidence: bool = False) -> str:
    """The drawing as one ``<pre>`` element with inline styles, as notebooks show it."""
    console = Console(file=io.StringIO(), width=HTML_WIDTH, record=True, force_jupyter=False)
    console.print(render(phylogeny, evidence=evidence), crop=False)
    font = "font-family:Menlo,'DejaVu Sans Mono',Consolas,monospace;line-height:1.3"
    return console.export_html(inline_styles=True, code_format=f'<pre style="{font}"><code>{{code}}</code></pre>')


def _left_over(phylogeny: Phylogeny) -> Iterator[RenderableType]:
    """What is in no tree, never silently dropped."""
    models = {model.name: model for model in phylogeny.models}
    copies = copies_of(phylogeny)
    alone = [family.names[0] for family in families(phylogeny) if not is_related(family)]
    yield from _section(
        "Related to no other model here",
        [
            (name, "; ".join(filter(None, (size_of(models[name]), models[name].remark))))
            for name in alone
            if name in models
        ],
    )
    yield from _section(
        "Same initialisation or missing ancestor",
        [(model.name, "; ".join(filter(None, (size_of(model), model.remark)))) for model in undecided(phylogeny)],
    )
    yield from _section(
        "Not compared",
        [
            (" = ".join([model.name, *copies.get(model.name, ())]), model.remark or "no reason is recorded")
            for model in not_compared(phylogeny)
        ],
    )
    yield from _section("Skipped", [(skipped.path, skipped.reason) for skipped in phylogeny.skipped])


def _section(title: str, rows: list[tuple[str, str]]) -> Iterator[RenderableType]:
    if rows:
        heading = Text(f"{title}: {len(rows):,}", style="bold blue")
        lines = [Text.assemble((safe(name), NAME), (f"  {safe(words)}", DIM)) for name, words in rows]
        yield Group(heading, *(Padding(line, (0, 0, 0, 2), expand=False) for line in lines))


def _legend(phylogeny: Phylogeny) -> Iterator[RenderableType]:
    """What the marks mean, of those that are in the drawing."""
    claims: list[Edge | RelatedPair] = [*phylogeny.edges, *phylogeny.undirected]
    entries = [
        ("similarity: cosine of the compared weights", any(c.similarity is not None for c in claims)),
        (
            "parent: probability that this model is the parent, against every other model here or none",
            any(edge.p_parent is not None for edge in phylogeny.edges),
        ),
        (
            "direction: probability of this direction, given that one of the two was made from the other",
            any(edge.p_direction is not None for edge in phylogeny.edges),
        ),
        (
            "support: share of resamples of the matrices that recover the edge",
            any(edge.support is not None for edge in phylogeny.edges),
        ),
        ("?: less likely than not", any(edge.is_weak for edge in phylogeny.edges)),
        ("~ related, direction undecided; p: p-value of the relatedness test", bool(phylogeny.undirected)),
        (
            "of the weights: share that could be compared",
            any(claim.coverage is not None and claim.coverage < 0.995 for claim in claims),
        ),
        (
            "= same weights under another name"
            if phylogeny.share_read == 1.0
            else "= equal in all that was read, under another name",
            bool(phylogeny.copies),
        ),
    ]
    shown = [words for words, used in entries if used]
    if shown:
        yield Text("; ".join(shown), style=DIM)
