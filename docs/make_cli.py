"""Write ``docs/cli.md`` from the help of all commands: ``python docs/make_cli.py``; a test compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from neural_phylogeny.cli.group import nphylo

WIDTH = 100
HEADER = "# The command line\n\nGenerated from `nphylo --help` by `docs/make_cli.py`; change the help, not this page.\n"


def commands(command: click.Command = nphylo, above: click.Context | None = None) -> Iterator[click.Context]:
    """The context of a command and of every command below it, in the order of the help."""
    names = nphylo.context_settings["help_option_names"]
    own = "nphylo" if above is None else command.name
    context = click.Context(command, above, own, terminal_width=WIDTH, help_option_names=names)
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None, name
            yield from commands(below, context)


def page() -> str:
    """The page: a section for each command, with its help."""
    sections = ((context.command_path, context.command.get_help(context)) for context in commands())
    return HEADER + "".join(f"\n## {title}\n\n```text\n{text}\n```\n" for title, text in sections)


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(page(), encoding="utf-8")
