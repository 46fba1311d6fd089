"""The public names: sorted, documented, and cheap to have."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import neural_phylogeny
import neural_phylogeny.errors as errors

SRC = Path(__file__).parents[1] / "src"
MODULES = sorted((SRC / "neural_phylogeny").rglob("*.py"))


def test_the_public_names_are_sorted_and_there():
    assert sorted(neural_phylogeny.__all__) == sorted(set(neural_phylogeny.__all__))
    for name in neural_phylogeny.__all__:
        assert getattr(neural_phylogeny, name) is not None
        assert name in dir(neural_phylogeny)


def test_the_public_surface():
    """A name that appears or goes is a decision, with a line in the changelog."""
    assert set(neural_phylogeny.__all__) == {
        *(
            "compare",
            "derived",
            "diff",
            "fingerprint_model",
            "reconstruct",
            "verify",
            "METHODS",
            "Method",
            "Family",
            "Forest",
        ),
        *("Phylogeny", "ModelRecord", "Edge", "RelatedPair", "MissingAncestor", "UndecidedGroup", "Skipped"),
        *("SharedComponent", "LayerChange", "SimilarityTable", "CredibleRoots"),
        *("Comparison", "TensorComparison", "Explanation", "ExplainedClaim", "Evidence", "Reasons"),
        *("Derivations", "Derivation", "Verification", "CheckedClaim", "Declared", "Changes", "TensorChange"),
        *(name for name, kind in vars(errors).items() if isinstance(kind, type) and kind.__module__ == errors.__name__),
    }


def test_what_results_and_calls_offer():
    offered = {
        "Phylogeny": "__str__ __repr__ _repr_html_ load save parent_of children_of ancestors_of family_of roots "
        "explain to_text to_json save_html to_svg to_newick to_networkx to_frame share_read prior",
        "Comparison": "__str__ __repr__ _repr_html_ to_text to_json confidence is_weak",
        "Explanation": "__str__ __repr__ _repr_html_ to_text to_json",
        "Edge": "confidence is_weak",
        "Derivations": "__str__ __repr__ _repr_html_ to_text to_json to_dict verdict which",
        "Verification": "__str__ __repr__ _repr_html_ to_text to_json to_dict counts",
        "Changes": "__str__ __repr__ _repr_html_ to_text to_json to_dict",
        "Derivation": "__str__ to_dict",
        "CheckedClaim": "__str__ to_dict",
    }
    for name, members in offered.items():
        own = {
            member
            for member, value in vars(getattr(neural_phylogeny, name)).items()
            if callable(value) or isinstance(value, property | classmethod)
        }
        assert all(hasattr(getattr(neural_phylogeny, name), member) for member in members.split()), name
        assert {member for member in own if not member.startswith("_")} <= set(members.split()), name
    expected = {
        "reconstruct": "models method prior alpha threads memory seed include exclude component stats save_stats "
        "support sample hashes seeds progress",
        "derived": "child parents among at_least prior alpha threads memory seed component sample progress",
        "verify": "models claims among at_least prior alpha threads memory seed include exclude component sample "
        "progress",
        "diff": "a b include exclude component progress",
        "compare": "a b prior alpha threads memory seed include exclude component sample seeds progress",
    }
    for name, parameters in expected.items():
        assert " ".join(inspect.signature(getattr(neural_phylogeny, name)).parameters) == parameters


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'neural_phylogeny' has no attribute 'reconstrukt'"):
        neural_phylogeny.reconstrukt  # noqa: B018


@pytest.mark.parametrize("name", neural_phylogeny.__all__)
def test_a_public_name_is_documented(name):
    documentation = getattr(neural_phylogeny, name).__doc__ if name != "METHODS" else "A table."
    assert documentation is not None
    assert documentation.split("\n")[0].rstrip().endswith((".", "?"))


def test_every_public_thing_but_the_errors_has_an_example():
    for name in neural_phylogeny.__all__:
        thing = getattr(neural_phylogeny, name)
        if name != "METHODS" and not (isinstance(thing, type) and issubclass(thing, Exception)):
            assert ">>> " in (thing.__doc__ or ""), name


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
