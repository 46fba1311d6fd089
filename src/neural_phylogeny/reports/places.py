"""What a drawing consists of: models, lines and panels with their places. Lengths are CSS pixels; y grows downward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neural_phylogeny.records import Edge, RelatedPair
from neural_phylogeny.reports.text_width import text_width

NODE = 26.0
"""Height of a model."""

PAD, TITLE, BETWEEN = 18.0, 34.0, 22.0
"""Inside a panel, its title, between panels."""

ASPECT = 1.9
"""Width of the whole drawing over its height, where the panels allow it."""


@dataclass
class Node:
    """A model or missing ancestor in a drawing; (x, y) is the middle of its left end, within its panel."""

    name: str
    label: str
    note: str = ""
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    ahead: float = 0.0
    """Where the next layer starts."""
    layer: int = 0
    panel: int = 0
    colour: int = 0
    is_missing: bool = False
    copies: tuple[str, ...] = ()
    kind: str = ""
    words: str = ""
    """Name and claim in words, for those who cannot see the drawing."""
    n_below: int = 0
    """Models that descend from it in the drawing, folded or not."""
    is_folded: bool = False
    is_weak: bool = False

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.x + self.width

    @property
    def label_width(self) -> float:
        """Of the name as it is drawn."""
        return text_width(self.label, 12.5, is_bold=True)


@dataclass(frozen=True)
class Link:
    """A line between two models; ``claim`` is None for a common initialisation. ``is_main``: the child hangs by it."""

    start: str
    end: str
    claim: Edge | RelatedPair | None
    is_main: bool = False


@dataclass
class Panel:
    """One family, or what stands together outside of all families; (x, y) is its upper left corner."""

    title: str
    names: list[str]
    links: list[Link]
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0


@dataclass
class Layout:
    """Everything that is drawn. ``folder`` is what all names start with, left out of the labels."""

    nodes: dict[str, Node]
    panels: list[Panel]
    width: float
    height: float
    folder: str = ""


WIDTHS = (0.8, 1.0, 1.25, 1.5)
"""Widths that are tried, as multiples of that of a square drawing stretched to ``ASPECT``."""


def pack(panels: Sequence[Panel]) -> tuple[float, float]:
    """Place the panels in the tightest of a few widths; the width and height of the whole.

    Near-linear in the number of panels; for more than 400 one width is tried.
    """
    if not panels:
        return 0.0, 0.0
    area = sum((panel.width + BETWEEN) * (panel.height + BETWEEN) for panel in panels)
    widest = max(panel.width for panel in panels) + BETWEEN
    limits = [max(widest, scale * (ASPECT * area) ** 0.5) for scale in (WIDTHS if len(panels) <= 400 else (1.0,))]
    best = min(limits, key=lambda limit: _waste(*_packed(panels, limit)))
    return _packed(panels, best)


def _waste(width: float, height: float) -> float:
    """Area, more where a drawing is much wider or higher than it should be."""
    stretch = width / height / ASPECT
    return width * height * math.sqrt(max(stretch, 1.0 / stretch))


def _packed(panels: Sequence[Panel], limit: float) -> tuple[float, float]:
    """Put each panel in its turn where it comes to lie highest, then leftmost; the width and height of the whole."""
    skyline = [(0.0, 0.0)]  # from x on, a panel may start at y
    for panel in panels:
        wide = panel.width + BETWEEN
        panel.y, panel.x = min(
            (max(y, *(other for at, other in skyline if x < at < x + wide), y), x)
            for x, y in skyline
            if x + wide <= limit + 1e-6
        )
        right = panel.x + wide
        after = [y for x, y in skyline if x <= right][-1]
        kept = [(x, y) for x, y in skyline if x < panel.x or x > right]
        skyline = sorted([*kept, (panel.x, panel.y + panel.height + BETWEEN), (right, after)])
    return max(panel.x + panel.width for panel in panels), max(panel.y + panel.height for panel in panels)


Points = list[tuple[float, float]]


def curve(start: Node, end: Node, *, is_directed: bool) -> tuple[Points, Points]:
    """The points of a line between two models, a segment or a cubic curve and a segment, and those of its arrow.

    A line that passes layers runs straight through them at the height of its end, where the layout leaves a lane.
    """
    if end.layer < start.layer:
        start, end = end, start
    if end.layer > start.layer:
        x, stop = start.right, end.x - (5.0 if is_directed else 0.0)
        turn = stop if end.layer == start.layer + 1 else min(stop, start.ahead)
        bend = (turn - x) / 2
        tip = [(end.x, end.y), (end.x - 8, end.y - 4.5), (end.x - 8, end.y + 4.5)] if is_directed else []
        straight = [(stop, end.y)] if turn < stop else []
        return [(x, start.y), (x + bend, start.y), (turn - bend, end.y), (turn, end.y), *straight], tip
    if is_directed:
        x, stop = start.x + 12, end.y - NODE / 2
        return [(x, start.y + NODE / 2), (x, stop - 4)], [(x, stop), (x - 4.5, stop - 8), (x + 4.5, stop - 8)]
    reach, x = min(40.0, 14.0 + abs(end.y - start.y) / 12), start.x
    return [(x, start.y), (x - reach, start.y), (x - reach, end.y), (x, end.y)], []
