"""A family as a rich tree: who hangs under whom on the screen, and the columns beside the names.

A run of single children (the checkpoints of one training) is drawn straight down instead of ever further right, and
models that are related without a direction hang under one another with a ``~``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text
from rich.tree import Tree

from neural_phylogeny.records import Edge, ModelRecord, RelatedPair
from neural_phylogeny.reports.branches import RUN_MARK, hang_pairs, run_from
from neural_phylogeny.reports.families import Family, count
from neural_phylogeny.reports.labels import DIM, MISSING, NAME, Columns, columns, evidence_line, size_of
from neural_phylogeny.reports.names import safe

INDENT = 4
"""Cells that one level of a rich tree takes."""

WIDEST_NAME = 72
"""Longer names do not push the columns of the others to the right."""


@dataclass(frozen=True)
class Style:
    """How much is drawn: evidence under each edge, columns beside each name."""

    evidence: bool = False
    annotated: bool = True


@dataclass
class Place:
    """A model's place on the screen: under which tree level, with which mark, because of which claim."""

    name: str
    depth: int
    above: int
    mark: str = ""
    claim: Edge | RelatedPair | None = None

    @property
    def end(self) -> int:
        """The column after the name."""
        return INDENT * self.depth + cell_len(self.mark + safe(self.name))


@dataclass
class Plan:
    """All places of a family in the order in which they are drawn, and the pairs that hang nowhere."""

    places: list[Place] = field(default_factory=list)
    loose: list[tuple[str, RelatedPair]] = field(default_factory=list)


def plan(family: Family) -> Plan:
    """Where every model of a family is drawn. Linear in the family."""
    below, tops, loose = hang_pairs(family)
    made = Plan(loose=loose)
    straight: set[str] = set()
    stack = [Place(root, 1, -1) for root in reversed(tops)]
    while stack:
        place = stack.pop()
        index = len(made.places)
        made.places.append(place)
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
        self._plan = plan(family)
        self._style = style
        self._title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        deepest = max((place.depth for place in self._plan.places), default=0)
        needed = INDENT * deepest + 40
        width = max(options.max_width, needed)
        yield from console.render(self._tree(width), options.update(width=width))

    def _tree(self, width: int) -> Tree:
        n_models = self._family.size - sum(1 for name in self._family.names if name not in self._models)
        heading = Text(f"{self._title}: {count(n_models, 'model')}", style="bold blue")
        trees = [Tree(heading, guide_style=DIM, highlight=False)]
        loose: dict[str, list[RelatedPair]] = {}
        for name, pair in self._plan.loose:
            loose.setdefault(name, []).append(pair)
        widths = self._widths(width)
        for place in self._plan.places:
            lines = [self._first_line(place, widths), *self._further_lines(place, loose.get(place.name, []))]
            label = Text("\n").join(lines)
            trees.append(trees[place.above + 1].add(label))
        return trees[0]

    def _widths(self, screen: int) -> tuple[int, ...]:
        """Where the columns start and how wide each is; empty when they do not fit the screen."""
        places = [place for place in self._plan.places if place.claim is not None]
        cells = [[cell_len(text) for text, _ in columns(p.claim).texts()] for p in places if p.claim is not None]
        if not cells:
            return ()
        widest = [max(column) for column in zip(*cells, strict=True)]
        ends = [place.end for place in self._plan.places if place.end <= WIDEST_NAME]
        start = max(ends, default=0)
        needed = start + sum(2 + width for width in widest if width)
        return (start, *widest) if needed <= screen else ()

    def _first_line(self, place: Place, widths: tuple[int, ...]) -> Text:
        line = Text.assemble((place.mark, DIM), self._named(place.name))
        if not self._style.annotated:
            return line
        if place.claim is None:
            model = self._models.get(place.name)
            return line.append(f"  {size_of(model)}", style=DIM) if model else line
        if not widths:
            return line.append("\n").append_text(_beside(columns(place.claim), 0, ()))
        return line.append_text(_beside(columns(place.claim), place.end, widths))

    def _named(self, name: str) -> Text:
        if name in self._models:
            return Text(safe(name), style=NAME)
        return Text.assemble((safe(name), MISSING), (" (not in the collection)", DIM))

    def _further_lines(self, place: Place, loose: list[RelatedPair]) -> Iterator[Text]:
        for copy in self._family.copies.get(place.name, ()):
            remark = self._models[copy].remark if copy in self._models else ""
            yield Text(f"= {safe(copy)}{f'  {safe(remark)}' if remark else ''}", style=DIM)
        if not self._style.annotated:
            return
        model = self._models.get(place.name)
        if model is not None and model.remark:
            yield Text(f"note: {safe(model.remark)}", style=DIM)
        if self._style.evidence and place.claim is not None:
            yield from map(evidence_line, place.claim.evidence)
        for edge in self._family.further.get(place.name, ()):
            yield from self._aside(Text(f"also from {safe(edge.parent)}"), edge)
        for pair in loose:
            other = pair.b if place.name == pair.a else pair.a
            yield from self._aside(Text(f"~ {safe(other)}"), pair)

    def _aside(self, line: Text, claim: Edge | RelatedPair) -> Iterator[Text]:
        yield line.append_text(_beside(columns(claim), 0, ()))
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
