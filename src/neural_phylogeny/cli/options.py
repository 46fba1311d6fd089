"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}


class Size(click.ParamType[int]):
    """A number of bytes such as ``512M``, ``1GiB`` or ``1073741824``; units are powers of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", str(value).strip().lower())
        if found is None or float(found[1]) <= 0:
            self.fail(f"{value!r} is not a size; write 512M, 1GiB or a number of bytes", param, ctx)
        return int(float(found[1]) * 2 ** _UNITS[found[2]])


def reading_options(command: F) -> F:
    """Options of every command that reads weights."""
    options = (
        click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=1e-3,
                     show_default=True, help="Chance that any unrelated pair is called related."),
        click.option("--threads", type=click.IntRange(1), help="Workers; all cores by default."),
        click.option("--memory", type=Size(), default="1GiB", show_default=True,
                     help="What buffers and statistics may take, e.g. 512M."),
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything that is drawn."),
        click.option("--component", metavar="NAME", help="Which state dict to take from files that hold several."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def format_option(*formats: str) -> Callable[[F], F]:
    """``--format`` with its choices, the first being the default."""
    return click.option(
        "--format", "form", type=click.Choice(formats), default=formats[0], show_default=True, help="How to write it."
    )


output_option = click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Write to this file instead; whole, or not at all."
)
evidence_option = click.option("--evidence", is_flag=True, help="Say under each edge what speaks for it.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress bar and no remarks on stderr.")
