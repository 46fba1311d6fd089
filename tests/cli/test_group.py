"""The command line as a whole, some of it in a process of its own."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import click
import pytest

import neural_phylogeny
from neural_phylogeny.cli.exits import EXIT_CODES
from neural_phylogeny.cli.group import COMMANDS, nphylo
from neural_phylogeny.errors import NeuralPhylogenyError

DOCS = Path(__file__).parents[2] / "docs"

HELP = """
import sys
from neural_phylogeny.cli.group import nphylo
code = nphylo.main(sys.argv[1:], prog_name="nphylo", standalone_mode=False)
heavy = {"numpy", "networkx", "rich", "neural_phylogeny.reconstruction.api"} & set(sys.modules)
sys.exit(f"imported {sorted(heavy)}" if heavy else code)
"""


def process(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = "import sys; from neural_phylogeny.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_imports_nothing_heavy(arguments):
    done = subprocess.run([sys.executable, "-c", HELP, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_version(run):
    assert run("--version").stdout == f"nphylo, version {neural_phylogeny.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_how_and_with_which_exit_codes(run, name):
    text = run(name, "--help").stdout
    assert "Example" in text
    assert f"nphylo {name}" in text
    assert "Exit codes:" in text
    summary = nphylo.get_command(None, name).get_short_help_str(200)  # type: ignore[arg-type, union-attr]
    assert summary.endswith(".")
    assert not summary.endswith("...")


def test_the_page_of_the_docs_is_current():
    page = runpy.run_path(str(DOCS / "make_cli.py"))["page"]()
    assert (DOCS / "cli.md").read_text() == page, "run: python docs/make_cli.py"


def test_the_page_documents_every_command_and_subcommand():
    titles = {line[3:] for line in (DOCS / "cli.md").read_text().splitlines() if line.startswith("## ")}
    lab = nphylo.get_command(None, "lab")  # type: ignore[arg-type]
    assert isinstance(lab, click.Group)
    subcommands = {f"nphylo lab {name}" for name in lab.list_commands(None)}  # type: ignore[arg-type]
    assert {"nphylo", *(f"nphylo {name}" for name in COMMANDS), *subcommands} <= titles


def test_every_deliberate_error_has_an_exit_code():
    kinds = NeuralPhylogenyError.__subclasses__()
    assert {kind for kind in EXIT_CODES if kind in kinds} == set(kinds)


def test_an_unknown_command(run):
    assert "No such command 'tre'" in run("tre", code=2).stderr


def test_no_command_gives_the_help(run):
    assert "Commands:" in run(code=2).stderr


def test_a_reader_that_goes_away_is_no_error(folder):
    command = [sys.executable, "-c", "from neural_phylogeny.cli import main; main()", "tree", str(folder)]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""


def test_letters_that_the_encoding_lacks_are_escaped(folder):
    done = process("tree", str(folder), PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert r"\u2514" in done.stdout


def test_a_pipe_gets_no_colours_even_where_they_are_forced(folder):
    assert "\x1b" not in process("tree", str(folder), FORCE_COLOR="1").stdout
