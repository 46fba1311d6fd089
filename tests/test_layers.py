"""Data crosses the rooms in one direction: checked from the source, import by import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "neural_phylogeny"
PACKAGE = "neural_phylogeny"

BASE = ("errors", "wording", "inputs", "records", "files", "json_fields", "graphs")
"""What every room may import; each knows only those named before it."""

ROOMS = ("formats", "sources", "tensors", "statistics", "relations", "detector", "trees", "reconstruction", "claims")
"""In the order in which data crosses them: a room knows itself, the base and the rooms before it."""

SIDE = ("reports", "evaluation", "demo")
"""They know the base alone."""

STRANGERS = {("tensors", "sources"), ("statistics", "sources"), ("relations", "sources"), ("trees", "detector")}
"""Rooms that come later and still do not know each other."""

ALLOWED = {
    **{name: set(BASE[: k + 1]) for k, name in enumerate(BASE)},
    **{
        name: {other for other in (*BASE, *ROOMS[: k + 1]) if (name, other) not in STRANGERS}
        for k, name in enumerate(ROOMS)
    },
    **{name: {*BASE, name} for name in SIDE},
    "cli": {*BASE, *ROOMS, *SIDE, "cli"},
    "lab": {*BASE, *ROOMS, *SIDE, "cli", "lab"},
    "__init__": {"errors", "inputs", "records", "reconstruction", "trees"},
}

OWNERS = {
    **dict.fromkeys(("torch", "safetensors", "PIL", "transformers", "peft", "diffusers", "timm"), ("lab/",)),
    "matplotlib": ("lab/", "reports/figure.py", "reports/difference.py"),
    "gguf": ("formats/gguf/",),
    "h5py": ("formats/",),
    "onnx": ("formats/onnx/",),
    **dict.fromkeys(("sklearn", "scipy"), ("trees/baselines/", "lab/")),
    "networkx": ("reports/", "evaluation/"),
    **dict.fromkeys(("pandas", "pyarrow"), ("reports/",)),
    "yaml": ("claims/cards.py",),
    "click": ("cli/", "lab/commands/"),
    "rich": ("reports/", "cli/"),
}
"""Libraries that only some modules may import, lazily or not."""

EXCEPTIONS = {("records", "reports"), ("records", "reconstruction")}
"""What is handed to a user imports what renders and explains it, inside its methods."""


def imports(path: Path) -> list[tuple[str, bool]]:
    """Every module that a file imports, and whether it does so inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            module = node.module or ""
            found += [
                (f"{module}.{alias.name}" if module == PACKAGE else module, id(node) in inside) for alias in node.names
            ]
    return found


def home(path: Path) -> str:
    """The room or base module of a file."""
    first = path.relative_to(SRC).parts[0]
    return first.removesuffix(".py")


FILES = sorted(SRC.rglob("*.py"))


def test_every_module_has_its_place():
    assert {home(path) for path in FILES} <= set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_a_room_imports_only_what_stands_before_it(path):
    name = path.relative_to(SRC).as_posix()
    for module, is_inside in imports(path):
        root, *rest = module.split(".")
        if root != PACKAGE or not rest or rest[0].startswith("__"):
            continue
        if (home(path), rest[0]) in EXCEPTIONS:
            assert is_inside, f"{name} imports {module} at its top"
            continue
        assert rest[0] in ALLOWED[home(path)], f"{name} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SRC).as_posix())
def test_heavy_libraries_stay_with_their_owners(path):
    name = path.relative_to(SRC).as_posix()
    for module, _ in imports(path):
        owners = OWNERS.get(module.split(".")[0], (name,))
        assert any(name.startswith(owner) for owner in owners) or _is_for_types(path, module), f"{name}: {module}"


def _is_for_types(path: Path, module: str) -> bool:
    """Whether an import is seen by the type checker alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    ]
    return any(module in ast.unparse(node) for node in guarded)


def test_the_default_path_needs_no_optional_library(tmp_path):
    script = """
import sys
import numpy as np
from neural_phylogeny import reconstruct
rng = np.random.default_rng(0)
reconstruct({name: {"w": rng.uniform(-1, 1, (32, 32))} for name in "abc"}).to_text()
heavy = {"torch", "scipy", "sklearn", "h5py", "onnx", "networkx"} & set(sys.modules)
sys.exit(f"imported {sorted(heavy)}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
