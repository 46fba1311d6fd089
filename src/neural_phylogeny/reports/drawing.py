"""A family as a rich tree: who hangs under whom on the screen, and the columns beside the names.

A run of single children (the checkpoints of one training) is drawn straight down instead of ever further right, and
models that are related without a direction hang under one another with a ``~``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text
from rich.tree import Tree

from neural_phylogeny.records import Edge, ModelRecord, RelatedPair
from neural_phylogeny.reports.branches import RUN_MARK, hang_pairs, run_from, subtree_sizes
from neural_phylogeny.reports.families import Family, count
from neural_phylogeny.reports.labels import (
    DIM,
    MISSING,
    NAME,
    Columns,
    columns,
    evidence_line,
    short_columns,
    size_of,
)
from neural_phylogeny.reports.names import safe
from neural_phylogeny.reports.prose import Prose
from neural_phylogeny.reports.short_names import short_names

INDENT = 4
"""Cells that one level of a rich tree takes."""

LEAST_NAME = 16
"""Cells that a name keeps on the narrowest screen."""

WIDEST_NAME = 72
"""Longer names do not push the columns of the others to the right."""


@dataclass(frozen=True)
class Style:
    """How much is drawn: evidence under each edge, columns beside each name, how many generations."""

    evidence: bool = False
    annotated: bool = True
    depth: int | None = None
    """Generations below the roots that are drawn; all where it is None."""


@dataclass
class Place:
    """A model's place on the screen: under which tree level, with which mark, because of which claim."""

    name: str
    depth: int
    above: int
    mark: str = ""
    claim: Edge | RelatedPair | None = None
    folded: int = 0
    """Models below it that are not drawn."""

    def end(self, label: str) -> int:
        """The column after the name, drawn as ``label``."""
        return INDENT * self.depth + cell_len(self.mark + label)


@dataclass
class Plan:
    """All places of a family in the order in which they are drawn, and the pairs that hang nowhere."""

    places: list[Place] = field(default_factory=list)
    loose: list[tuple[str, RelatedPair]] = field(default_factory=list)


def plan(family: Family, depth: int | None = None) -> Plan:
    """Where every model of a family is drawn, down to ``depth`` generations below the roots. Linear in the family."""
    below, tops, loose = hang_pairs(family)
    sizes = subtree_sizes(below, tops) if depth is not None else {}
    made = Plan(loose=loose)
    straight: set[str] = set()
    stack = [Place(root, 1, -1) for root in reversed(tops)]
    while stack:
        place = stack.pop()
        index = len(made.places)
        made.places.append(place)
        if depth is not None and place.depth > depth and below.get(place.name):
            place.folded = sizes[place.name] - 1
            continue
        if place.name not in straight:
            straight.update(run_from(place.name, below))
        for claim, name in reversed(below.get(place.name, [])):
            mark = "~ " if isinstance(claim, RelatedPair) else ""
            if name in straight:
                stack.append(Place(name, place.depth, place.above, mark or RUN_MARK, claim))
            else:
                stack.append(Place(name, place.depth + 1, index, mark, claim))
    return made


def has_run(family: Family) -> bool:
    """Whether a drawing of a family has models straight below each other."""
    return any(place.mark == RUN_MARK for place in plan(family).places)


class FamilyTree:
    """A rich renderable of one family; wider than the screen rather than broken when the tree is very deep."""

    def __init__(self, family: Family, title: str, models: Mapping[str, ModelRecord], style: Style) -> None:
        self._family = family
        self._models = models
        self._plan = plan(family, style.depth)
        self._style = style
        self._title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        deepest = max((place.depth for place in self._plan.places), default=0)
        needed = INDENT * deepest + 40
        width = max(options.max_width, needed)
        yield from console.render(self._tree(width), options.update(width=width))

    def _fit(self, screen: int) -> None:
        """Choose names and columns that fit the screen: all in full, else short columns, else short names too."""
        names = [place.name for place in self._plan.places]
        copies = [copy for name in names for copy in self._family.copies.get(name, ())]
        self._folder, self._labels = "", {name: safe(name) for name in (*names, *copies)}
        self._columns = columns
        self._widths_of = self._widths(screen)
        if self._widths_of or not self._style.annotated:
            return
        if not any(place.claim for place in self._plan.places):
            return
        self._columns = short_columns
        room = screen - self._column_space() - INDENT * max(place.depth for place in self._plan.places) - len(RUN_MARK)
        if not self._widths(screen):
            known = [name for name in (*names, *copies) if name in self._models]
            self._folder, short = short_names(known, max(LEAST_NAME, room), suffixes=False)
            self._labels |= short
        self._widths_of = self._widths(screen)

    def _tree(self, width: int) -> Tree:
        self._fit(width)
        n_models = self._family.size - sum(1 for name in self._family.names if name not in self._models)
        heading = Text(f"{self._title}: {count(n_models, 'model')}", style="bold blue")
        if self._columns is short_columns:
            heading.append("  (kind, similarity, probability of the parent)", style=DIM)
        if self._folder:
            heading.append(f"  names begin with {self._folder}", style=DIM)
        trees = [Tree(heading, guide_style=DIM, highlight=False)]
        loose: dict[str, list[RelatedPair]] = {}
        for name, pair in self._plan.loose:
            loose.setdefault(name, []).append(pair)
        for place in self._plan.places:
            lines: list[RenderableType] = [
                self._first_line(place),
                *self._further_lines(place, loose.get(place.name, [])),
            ]
            label = lines[0] if len(lines) == 1 else Group(*lines)
            trees.append(trees[place.above + 1].add(label))
        return trees[0]

    def _widest(self) -> list[int]:
        """Cells that each column takes; empty where there are none."""
        claims = [place.claim for place in self._plan.places if place.claim is not None]
        cells = [[cell_len(text) for text, _ in self._columns(claim).texts()] for claim in claims]
        return [max(column) for column in zip(*cells, strict=True)] if cells else []

    def _column_space(self) -> int:
        folded = max((place.folded for place in self._plan.places), default=0)
        return sum(2 + width for width in self._widest() if width) + (len(f"  +{folded:,} below") if folded else 0)

    def _widths(self, screen: int) -> tuple[int, ...]:
        """Where the columns start and how wide each is; empty when they do not fit the screen."""
        widest = self._widest()
        if not widest:
            return ()
        ends = [place.end(self._labels[place.name]) for place in self._plan.places]
        start = max((end for end in ends if end <= WIDEST_NAME), default=0)
        return (start, *widest) if start + self._column_space() <= screen else ()

    def _first_line(self, place: Place) -> Text:
        line = self._named_line(place)
        return line.append(f"  +{place.folded:,} below", style=DIM) if place.folded else line

    def _named_line(self, place: Place) -> Text:
        widths = self._widths_of
        line = Text.assemble((place.mark, DIM), self._named(place.name))
        if not self._style.annotated:
            return line
        if place.claim is None:
            model = self._models.get(place.name)
            return line.append(f"  {size_of(model)}", style=DIM) if model else line
        if not widths:
            return line.append("\n").append_text(_beside(self._columns(place.claim), 0, ()))
        end = place.end(self._labels[place.name])
        return line.append_text(_beside(self._columns(place.claim), end, widths))

    def _named(self, name: str) -> Text:
        if name in self._models:
            return Text(self._labels[name], style=NAME)
        return Text.assemble((safe(name), MISSING), (" (not in the collection)", DIM))

    def _further_lines(self, place: Place, loose: list[RelatedPair]) -> Iterator[RenderableType]:
        for copy in self._family.copies.get(place.name, ()):
            remark = self._models[copy].remark if copy in self._models else ""
            yield Prose(Text(f"= {self._labels[copy]}{f'  {safe(remark)}' if remark else ''}", style=DIM))
        if not self._style.annotated:
            return
        model = self._models.get(place.name)
        if model is not None and model.remark:
            yield Prose(Text(f"note: {safe(model.remark)}", style=DIM))
        if self._style.evidence and place.claim is not None:
            yield from map(evidence_line, place.claim.evidence)
        for edge in self._family.further.get(place.name, ()):
            yield from self._aside(Text(f"also from {self._labels.get(edge.parent, safe(edge.parent))}"), edge)
        for pair in loose:
            other = pair.b if place.name == pair.a else pair.a
            yield from self._aside(Text(f"~ {self._labels.get(other, safe(other))}"), pair)

    def _aside(self, line: Text, claim: Edge | RelatedPair) -> Iterator[Text]:
        yield line.append_text(_beside(self._columns(claim), 0, ()))
        if self._style.evidence:
            yield from map(evidence_line, claim.evidence)


def _beside(shown: Columns, end: int, widths: tuple[int, ...]) -> Text:
    """The columns beside a name that ends at ``end``: padded to the widths, or one after the other without any."""
    line = Text()
    padded = [" " * max(0, widths[0] - end)] if widths else [""]
    for k, (text, style) in enumerate(shown.texts()):
        width = widths[k + 1] if widths else len(text)
        if width:
            line.append("".join(padded) + "  ").append(text, style=style)
            padded = [" " * (width - len(text))]
    return line
