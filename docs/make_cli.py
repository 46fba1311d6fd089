"""Write ``docs/cli.md`` from the help of the commands: ``python docs/make_cli.py``; a test checks it is current."""

from __future__ import annotations

from pathlib import Path

import click

from neural_phylogeny.cli.group import COMMANDS, nphylo

WIDTH = 100
HEADER = "# The command line\n\nGenerated from `nphylo --help` by `docs/make_cli.py`; change the help, not this page.\n"


def page() -> str:
    """The page: the help of the group, then of every command."""
    names = nphylo.context_settings["help_option_names"]
    group = click.Context(nphylo, info_name="nphylo", terminal_width=WIDTH, help_option_names=names)
    sections = [("nphylo", nphylo.get_help(group))]
    for name in COMMANDS:
        command = nphylo.get_command(group, name)
        assert command is not None, name
        sections.append((f"nphylo {name}", command.get_help(click.Context(command, group, name, terminal_width=WIDTH))))
    return HEADER + "".join(f"\n## {title}\n\n```text\n{text}\n```\n" for title, text in sections)


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(page(), encoding="utf-8")
