"""The public names: sorted, documented, and cheap to have."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import neural_phylogeny

SRC = Path(__file__).parents[1] / "src"
MODULES = sorted((SRC / "neural_phylogeny").rglob("*.py"))


def test_the_public_names_are_sorted_and_there():
    assert neural_phylogeny.__all__ == sorted(neural_phylogeny.__all__)
    for name in neural_phylogeny.__all__:
        assert getattr(neural_phylogeny, name).__name__ == name
        assert name in dir(neural_phylogeny)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'neural_phylogeny' has no attribute 'reconstrukt'"):
        neural_phylogeny.reconstrukt  # noqa: B018


@pytest.mark.parametrize("name", neural_phylogeny.__all__)
def test_a_public_name_is_documented(name):
    documentation = getattr(neural_phylogeny, name).__doc__
    assert documentation is not None
    assert documentation.split("\n")[0].rstrip().endswith((".", "?"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_every_public_thing_of_a_module_is_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}:{node.lineno} {node.name} has no docstring"


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("numpy", "torch", "rich", "networkx", "click", "neural_phylogeny.records")
    script = f"import sys, neural_phylogeny; sys.exit(str([n for n in {heavy} if n in sys.modules]).strip('[]'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "", done.stderr


def test_every_room_can_be_imported_first():
    for room in ("reports.text", "evaluation", "cli.group"):
        done = subprocess.run(
            [sys.executable, "-c", f"import neural_phylogeny.{room}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert importlib.import_module("neural_phylogeny.reconstruction.api").__all__
