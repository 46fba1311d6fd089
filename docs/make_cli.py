"""Write ``docs/cli.md``, a page of each command and ``docs/exports.md`` from the program: ``python docs/make_cli.py``.

Tests compare them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from neural_phylogeny.cli.group import nphylo
from neural_phylogeny.reports.formats import FORMATS

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


def command_pages() -> dict[str, str]:
    """By file name below ``docs/commands``, the page of each command from its own help."""
    found = {}
    for context in commands():
        help_text = context.command.get_help(context)
        text = f"# {context.command_path}\n\nGenerated from its own help.\n\n```text\n{help_text}\n```\n"
        found[f"{context.command_path.replace(' ', '-')}.md"] = text
    return found


def contents() -> str:
    """``mkdocs.yml`` with the commands and the tables that there are today."""
    text = CONTENTS.read_text(encoding="utf-8")
    pages = [(name.removesuffix(".md").replace("-", " "), f"commands/{name}") for name in command_pages()]
    tables = [(path.stem, f"tables/{path.name}") for path in sorted((CONTENTS.parent / "docs/tables").glob("*.md"))]
    for folder, found in (("commands", pages), ("tables", tables)):
        lines = "".join(f"      - {title}: {page}\n" for title, page in found)
        text = re.sub(rf"(?:^      - [^\n]*: {folder}/[^\n]*\n)+", lines, text, flags=re.MULTILINE)
    return text


def formats_page() -> str:
    """What each format of a result holds, and what is lost."""
    rows = [
        f"| `{form.name}` | {' '.join(f'`{suffix}`' for suffix in form.suffixes)} | {form.holds} |"
        for form in FORMATS.values()
    ]
    return EXPORTS + "\n".join(["| format | suffixes | holds |", "|---|---|---|", *rows]) + "\n"


EXPORTS = """# Formats

Generated from the table of formats by `docs/make_cli.py`.

`nphylo tree` and `nphylo show` write each with `--format`, or by the suffix of `-o`. A file is written whole or not at
all: where the disk is full, the old one stays. Names are escaped in each: control characters, marks that turn text
around, and what has a meaning in the format. `Phylogeny.load` reads the result file (`json`) alone.

Tests read each format back with the tools that it is for: DendroPy and Biopython, networkx, pydot and Graphviz,
pyarrow, the schema of CycloneDX, the SPDX model, PyYAML, Mermaid. SARIF and JUnit XML of `derived` and `verify` fit
their schemas.

"""


CONTENTS = Path(__file__).parents[1] / "mkdocs.yml"


if __name__ == "__main__":
    CONTENTS.write_text(contents(), encoding="utf-8")
    here = Path(__file__).parent
    (here / "cli.md").write_text(page(), encoding="utf-8")
    (here / "exports.md").write_text(formats_page(), encoding="utf-8")
    (here / "commands").mkdir(exist_ok=True)
    for name, text in command_pages().items():
        (here / "commands" / name).write_text(text, encoding="utf-8")
