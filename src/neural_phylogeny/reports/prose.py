"""Sentences in a drawing: broken into lines also where nothing else is, as in a file or a pipe."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

WIDTH = 120
"""Columns of a line of sentences; fewer on a narrower terminal."""


@dataclass(frozen=True)
class Prose:
    """Text that is broken at ``WIDTH`` columns."""

    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.text, self._within(options))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, self._within(options), self.text)

    def _within(self, options: ConsoleOptions) -> ConsoleOptions:
        return options.update(width=min(options.max_width, WIDTH))
