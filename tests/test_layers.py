"""Data crosses the rooms in one direction: checked from the source, import by import."""

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "neural_phylogeny"
PACKAGE = "neural_phylogeny"

ROWS = """
errors wording inputs graphs demo:
files: errors
records: errors inputs
reports: errors wording inputs graphs files records
evaluation: errors files records
tensors: errors inputs
formats: errors wording inputs files
sources: errors wording inputs files formats
index: errors inputs graphs files formats tensors
claims: errors wording inputs files records formats sources
statistics: errors inputs graphs files formats tensors
relations: errors inputs formats tensors statistics
detector: errors files formats tensors statistics relations
trees: errors graphs files relations
reconstruction: errors wording inputs graphs files records formats sources tensors statistics relations detector trees
reconstruction: claims index
cli: errors wording inputs demo files records formats sources tensors statistics trees reconstruction claims reports
cli: evaluation index
lab: errors inputs graphs files records formats sources tensors statistics relations detector trees reconstruction
lab: claims reports evaluation cli index
__init__: errors inputs records trees reconstruction
"""
"""Rooms (folders and loose files), and after the colon the other rooms that they import."""

IMPORTS: dict[str, set[str]] = {}
for row in ROWS.strip().splitlines():
    for importer in row.split(":")[0].split():
        IMPORTS.setdefault(importer, set()).update(row.split(":")[1].split())

OWNERS = {
    **dict.fromkeys(("torch", "safetensors", "PIL", "transformers", "peft", "diffusers", "timm"), ("lab/",)),
    "matplotlib": ("lab/", "reports/figure.py", "reports/difference.py"),
    **{"gguf": ("formats/gguf/", "lab/"), "h5py": ("formats/", "lab/"), "onnx": ("formats/onnx/",)},
    **dict.fromkeys(("sklearn", "scipy"), ("trees/baselines/", "lab/")),
    "networkx": ("reports/", "evaluation/"),
    "pandas": ("reports/",),
    "pyarrow": ("reports/", "index/"),
    **dict.fromkeys(("dask", "distributed"), ("reconstruction/cluster.py", "reconstruction/nearness.py")),
    "yaml": ("claims/cards.py",),
    **{"huggingface_hub": ("sources/remote/hub.py",), "fsspec": ("sources/remote/stores.py",)},
    "click": ("cli/", "lab/commands/"),
    "rich": ("reports/", "cli/"),
}
"""Libraries that only some modules may import, lazily or not."""

EXCEPTIONS = {("records", "reports"), ("records", "reconstruction")}
"""What is handed to a user imports what renders and explains it, inside its methods."""


@cache
def imports(path: Path) -> list[tuple[str, bool, bool]]:
    """Every module that a file imports; whether inside a function, and whether for the type checker alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))

    def below(is_top: Callable[[ast.AST], bool]) -> set[int]:
        return {id(node) for top in ast.walk(tree) if is_top(top) for node in ast.walk(top)}

    inside = below(lambda top: isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef))
    guarded = below(lambda top: isinstance(top, ast.If) and getattr(top.test, "id", "") == "TYPE_CHECKING")
    found: list[tuple[str, bool, bool]] = []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: a relative import"
            names = [f"{PACKAGE}.{each.name}" for each in node.names] if node.module == PACKAGE else [node.module]
        found += [(name, id(node) in inside, id(node) in guarded) for name in names]
    return found


def home(path: Path) -> str:
    """The room of a file."""
    return path.relative_to(SRC).parts[0].removesuffix(".py")


FILES = sorted(SRC.rglob("*.py"))


def level(room: str) -> int:
    return 1 + max(map(level, IMPORTS[room]), default=0)


def test_rooms_and_levels_are_few():
    assert {home(path) for path in FILES} == set(IMPORTS)
    assert len(IMPORTS) - 1 <= 21
    assert max(map(level, IMPORTS)) <= 9


@pytest.mark.parametrize("room", IMPORTS)
def test_a_room_imports_the_rooms_of_its_row_alone(room):
    found = set()
    for path in FILES:
        for module, is_inside, _ in imports(path) if home(path) == room else ():
            root, other = f"{module}.".split(".")[:2]
            if root != PACKAGE or other in ("", room) or other.startswith("__"):
                continue
            assert other in IMPORTS[room] or ((room, other) in EXCEPTIONS and is_inside), f"{path} imports {module}"
            found.add(other)
    assert IMPORTS[room] <= found, "a row names what is not imported"


def test_heavy_libraries_stay_with_their_owners():
    for path in FILES:
        name = path.relative_to(SRC).as_posix()
        for module, _, is_for_types in imports(path):
            owners = OWNERS.get(module.split(".")[0], (name,))
            assert is_for_types or name.startswith(owners), f"{name}: {module}"


def test_the_default_path_needs_no_optional_library(tmp_path):
    script = """
import sys, numpy as np
from neural_phylogeny import reconstruct
rng = np.random.default_rng(0)
reconstruct({name: {"w": rng.uniform(-1, 1, (32, 32))} for name in "abc"}).to_text()
sys.exit(sorted({"torch", "scipy", "sklearn", "h5py", "onnx", "networkx"} & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
