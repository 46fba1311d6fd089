"""A phylogeny drawn for people: on a console and as plain text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.records import UNDECIDED_REASONS, Edge, ModelRecord, Phylogeny, RelatedPair, SharedComponent
from neural_phylogeny.reports.drawing import FamilyTree, Style, has_run
from neural_phylogeny.reports.families import (
    Family,
    copies_of,
    families,
    few,
    is_related,
    not_compared,
    summary,
    undecided,
)
from neural_phylogeny.reports.labels import DIM, NAME, size_of
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.prose import Prose
from neural_phylogeny.wording import percent, small_share

PLAIN_WIDTH = 10_000
"""Plain text is not broken into lines: whoever reads it has a width of their own."""


FOLDED = 300
"""Above this many models a terminal shows the roots of the families and their children, unless more is requested."""


def render(
    phylogeny: Phylogeny,
    *,
    evidence: bool = False,
    depth: int | None = None,
    family: str | None = None,
    is_terminal: bool = False,
) -> RenderableType:
    """A phylogeny for a console: a summary, each family, what stands alone and why, a legend.

    Names are data: they are made safe and never read as markup. Near-linear in the size of the result.

    Parameters
    ----------
    evidence : bool
        List the evidence under each edge.
    depth : int, optional
        Generations below the roots that are drawn.
    family : str, optional
        Draw this family alone: its number, or the name of one of its models.
    is_terminal : bool
        Fold large results where no ``depth`` is given.

    Raises
    ------
    UnknownChoiceError
        When there is no such family.
    """
    folds = is_terminal and depth is None and family is None and len(phylogeny.models) > FOLDED
    style = Style(evidence, depth=1 if folds else depth)
    parts = family_trees(phylogeny, style, family)
    parts += _left_over(phylogeny, folds) if family is None else ()
    parts += [Prose(Text(words, style=DIM)) for words in legend(phylogeny)]
    if folds:
        parts.append(Text("folded: --depth N shows N generations, --family N one family, --html a report", style=DIM))
    spaced: list[RenderableType] = [Text(summary(phylogeny), style=NAME)]
    if phylogeny.share_read < 1.0:
        spaced.append(Text(f"{small_share(phylogeny.share_read)} of the weights were read", style=DIM))
    if phylogeny.prior not in ("", "unknown"):
        spaced.append(Text(f"prior: it is {phylogeny.prior} that the parents are among these models", style=DIM))
    for part in parts:
        spaced += [Text(""), part]
    return Group(*spaced)


def family_trees(phylogeny: Phylogeny, style: Style, only: str | None = None) -> list[RenderableType]:
    """The families of more than one model, a renderable each; that called ``only`` where it is given."""
    models = {model.name: model for model in phylogeny.models}
    related = [family for family in families(phylogeny) if is_related(family)]
    chosen = list(enumerate(related, start=1))
    if only is not None:
        chosen = [(number, family) for number, family in chosen if only == str(number) or only in _members(family)]
        if not chosen:
            known = [str(number + 1) for number in range(len(related))]
            raise UnknownChoiceError("family", only, [*known, *models])
    trees: list[RenderableType] = []
    for number, family in chosen:
        tree, odds = FamilyTree(family, f"Family {number}", models, style), root_odds(phylogeny, family.names)
        trees.append(Group(tree, Text(odds, style=DIM)) if odds else tree)
    return trees


def _members(family: Family) -> set[str]:
    return {*family.names, *(copy for copies in family.copies.values() for copy in copies)}


def root_odds(phylogeny: Phylogeny, names: Sequence[str]) -> str:
    """Where the root of a family lies: the odds where there is a doubt, and the rootstrap where it was asked for."""
    roots = [m for m in phylogeny.models if m.rootstrap is not None and m.name in names]
    rootstraps = ", ".join(f"{safe(m.name)} {percent(m.rootstrap)}" for m in roots[:ROOTS_NAMED])
    odds = _odds_of_roots(phylogeny, names)
    return "; ".join(filter(None, (odds, f"rootstrap: {rootstraps}" if rootstraps else "")))


def _odds_of_roots(phylogeny: Phylogeny, names: Sequence[str]) -> str:
    chosen = [one for one in phylogeny.credible_roots if set(one.models) & set(names)]
    rows = [(name, p) for one in chosen for name, p in zip(one.models, one.probabilities, strict=True)]
    if len(rows) < 2:
        return ""
    named = [f"{safe(name)} {p:.2f}" for name, p in rows[:ROOTS_NAMED]]
    more = f" or {len(rows) - ROOTS_NAMED} more" if len(rows) > ROOTS_NAMED else ""
    return f"root: {' or '.join(named)}{more}"


ROOTS_NAMED = 2
"""Number of possible roots that are named; the others are counted."""


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


COVERAGE = "of the weights: share that could be compared"

Rows = list[tuple[str, str]]
"""Names, each with the words beside it."""


def sections(phylogeny: Phylogeny) -> list[tuple[str, Rows]]:
    """What is in no tree, never silently dropped, under its headings; empty ones are left out."""
    models = {model.name: model for model in phylogeny.models}
    copies = copies_of(phylogeny)
    alone = [models[family.names[0]] for family in families(phylogeny) if not is_related(family)]
    proven = {name for group in phylogeny.undecided if group.reason == UNDECIDED_REASONS[0] for name in group.models}
    certain = [model for model in undecided(phylogeny) if model.name in proven]
    unsure = [model for model in undecided(phylogeny) if model.name not in proven]
    found = [
        ("Related to no other model here", [(model.name, _about(model)) for model in alone]),
        ("One initialisation, trained independently", [(model.name, _about(model)) for model in certain]),
        ("Same initialisation or missing ancestor", [(model.name, _about(model)) for model in unsure]),
        ("Shared components, no descent", [(one.a, _shared(one)) for one in phylogeny.components]),
        (
            "Not compared",
            [
                (" = ".join([model.name, *copies.get(model.name, ())]), model.remark or "no reason is recorded")
                for model in not_compared(phylogeny)
            ],
        ),
        ("Skipped", few([(skipped.path, skipped.reason) for skipped in phylogeny.skipped])),
    ]
    return [(title, rows) for title, rows in found if rows]


def _shared(one: SharedComponent) -> str:
    if one.contained:
        share = percent(one.share_of_b)
        changed = ", trained on" * one.changed
        return f"is contained in {one.b} as {one.component_in_b or 'a part'}, {share} of its weights{changed}"
    name = f"the component {one.component}" if one.component else "a component"
    other = f" ({one.component_in_b} there)" if one.component_in_b != one.component else ""
    return (
        f"shares {name} with {one.b}{other}: {percent(one.share_of_a)} and {percent(one.share_of_b)} of their weights; "
        f"{'one of them trained it on' if one.changed else 'otherwise unrelated'}"
    )


def _about(model: ModelRecord) -> str:
    return "; ".join(filter(None, (size_of(model), model.remark)))


SHOWN = 12
"""Rows of what is in no family that are shown where the rest is folded."""


def _left_over(phylogeny: Phylogeny, folds: bool = False) -> Iterator[RenderableType]:
    for title, rows in sections(phylogeny):
        heading = Text(f"{title}: {len(rows):,}", style="bold blue")
        shown = rows[:SHOWN] if folds else rows
        lines = [Text.assemble((safe(name), NAME), (f"  {safe(words)}", DIM)) for name, words in shown]
        lines += [Text(f"… {len(rows) - SHOWN:,} more", style=DIM)] if len(rows) > len(shown) else []
        yield Group(heading, *(Padding(line, (0, 0, 0, 2), expand=False) for line in map(Prose, lines)))


def legend(phylogeny: Phylogeny, coverage: str = COVERAGE) -> Iterator[str]:
    """What the marks mean, of those that are in the drawing, in one line; nothing where there are none."""
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
            "root: probability of being the root of the family, of those that hold 95 % of it",
            any(len(one.models) > 1 for one in phylogeny.credible_roots),
        ),
        (
            "support: share of resamples of the matrices that recover the edge",
            any(edge.support is not None for edge in phylogeny.edges),
        ),
        (
            "concordance: of the matrices that alone give the child a parent, the share that gives it this one",
            any(edge.concordance is not None for edge in phylogeny.edges),
        ),
        (
            "rootstrap: share of those resamples in which a root is one",
            any(model.rootstrap is not None for model in phylogeny.models),
        ),
        ("then: made from the model above", any(map(has_run, families(phylogeny)))),
        ("?: less likely than not", any(edge.is_weak for edge in phylogeny.edges)),
        ("~ related, direction undecided; p: p-value of the relatedness test", bool(phylogeny.undirected)),
        (
            coverage,
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
        yield "; ".join(shown)
    drawn = sum(any(one.feature == "initialisation" for one in claim.evidence) for claim in claims)
    if drawn:
        edges = f"{drawn:,} edge joins" if drawn == 1 else f"{drawn:,} edges join"
        yield (
            f"{edges} models that began with the draw of a usual seed, which the evidence names; two models that were "
            "trained independently from one seed can look like parent and child"
        )
