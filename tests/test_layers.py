"""Rooms only know the rooms before them, and heavy libraries stay where they belong."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "neural_phylogeny"

ORDER = ["errors", "records", "files", "fields", "formats", "sources", "tensors", "measures", "relations", "trees"]
"""Each may import itself and what stands before it."""

EXTRA = {
    "reports": {"errors", "records", "files", "fields", "reports"},
    "evaluation": {"errors", "records", "files", "fields", "evaluation"},
    "demo": {"demo"},
    "assembly": {*ORDER, ""},
    "facade": {*ORDER, "assembly"},
    "cli": {*ORDER, "reports", "evaluation", "demo", "assembly", "facade", "cli", ""},
    "": {"errors", "records", "facade"},
}
"""Rooms beside the line; "" is the package itself."""

OWNERS = {
    "sklearn": {"trees/clustering.py", "trees/estimators.py"},
    "h5py": {"formats"},
    "onnx": {"formats"},
    "google": {"formats"},
    "networkx": {
        "records.py",
        "reports/graph.py",
        "evaluation/metrics.py",
        "evaluation/standing.py",
        "evaluation/truth.py",
    },
    "rich": {"reports", "cli"},
    "click": {"cli"},
    "torch": set(),
    "scipy": set(),
}
"""The only files, or rooms, that may import a library."""

FILES = sorted(SOURCE.rglob("*.py"))


def room_of(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imports(path):
    """(module, enclosing function or None) of every import that runs."""
    tree = ast.parse(path.read_text())
    typing_only = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    inside = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for child in ast.walk(node):
                inside[child] = node.name
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside.get(node)) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module, inside.get(node)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_room_imports_only_rooms_before_it(path):
    room = room_of(path)
    allowed = EXTRA[room] if room in EXTRA else set(ORDER[: ORDER.index(room) + 1])
    for module, function in imports(path):
        package, _, rest = module.partition(".")
        if package != "neural_phylogeny":
            continue
        target = rest.split(".")[0]
        listed_exception = room == "records" and target == "reports" and function is not None
        assert target in allowed or listed_exception, f"{room or 'the package'} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_library_is_imported_only_by_its_owner(path):
    name = path.relative_to(SOURCE).as_posix()
    for module, _ in imports(path):
        owners = OWNERS.get(module.split(".")[0])
        assert owners is None or name in owners or room_of(path) in owners, f"{name} imports {module}"


def test_every_room_has_a_place():
    rooms = {room_of(path) for path in FILES}
    assert rooms <= {*ORDER, *EXTRA}
