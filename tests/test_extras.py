"""Every extra brings what its commands need, and a command that lacks a library names the extra."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny import demo
from neural_phylogeny.lab.bench.runs import Result, write_results
from neural_phylogeny.reconstruction.api import METHODS, reconstruct

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "neural_phylogeny"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DATA = ROOT / "benchmarks" / "data"

OWNERS = {
    "gguf": ("formats/gguf/",),
    "hub": ("sources/remote/hub.py", "sources/remote/stores.py"),
    "keras": ("formats/hdf5.py",),
    "onnx": ("formats/onnx/",),
    "cluster": ("trees/baselines/",),
    "cluster-dask": ("reconstruction/cluster.py",),
    "pandas": ("reports/frame.py",),
    "cards": ("claims/cards.py",),
    "figures": ("reports/figure.py", "reports/difference.py"),
    "parquet": ("reports/exports/tables.py", "index/export.py"),
    "lab": ("lab/",),
}
"""Whose imports need which extra; all else needs the base alone."""


PARTS = {"google", "dask"}
"""Protocol buffers, which onnx cannot be without, and what distributed cannot be without."""


def normal(name: str) -> str:
    return re.split(r"[\s\[<>=!~;]", name, maxsplit=1)[0].lower().replace("_", "-")


def needed(extra: str | None) -> set[str]:
    """The distributions that the base and an extra name."""
    names, left = set(), [*PROJECT["dependencies"], *(EXTRAS[extra] if extra else [])]
    while left:
        one = left.pop()
        if normal(one) == "neural-phylogeny":
            left += [more for name in re.findall(r"\[(.*)\]", one)[0].split(",") for more in EXTRAS[name]]
        else:
            names.add(normal(one))
    return names


def installed_with(extra: str | None) -> set[str]:
    """Those distributions and what they need in turn."""
    found, left = set(), needed(extra)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        try:
            left |= {normal(one) for one in requires(name) or () if "extra ==" not in one}
        except PackageNotFoundError:  # a requirement of another platform
            continue
    return found


@lru_cache(maxsize=1)
def provided() -> Mapping[str, list[str]]:
    """The distributions that bring each top-level module here."""
    return packages_distributions()


@lru_cache
def absent(extra: str | None) -> str:
    """Installed modules that neither the base nor an extra brings, joined by commas."""
    allowed = {*installed_with(extra), "neural-phylogeny"}
    found = provided()
    return ",".join(name for name, ones in found.items() if not {normal(one) for one in ones} & allowed)


def imported(path: Path) -> set[str]:
    """Top-level modules that a file imports, at its top or inside, that are neither of this package nor of Python."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):  # what type checkers alone see needs no library
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.body = []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names} - {"neural_phylogeny", "__future__"} - sys.stdlib_module_names


def test_all_is_every_extra_but_the_laboratory_and_the_laboratory_has_them_too():
    assert EXTRAS.keys() == {*OWNERS, "all", "zoo"}  # of the laboratory too
    assert needed("all") == set().union(*(needed(extra) for extra in EXTRAS if extra not in ("all", "lab", "zoo")))
    assert needed("all") < needed("lab")


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: path.relative_to(SRC).as_posix())
def test_a_file_imports_what_its_extra_names(path):
    name = path.relative_to(SRC).as_posix()
    extra = next((extra for extra, places in OWNERS.items() if name.startswith(places)), None)
    distributions = provided()
    for module in imported(path) - PARTS:
        assert {normal(one) for one in distributions.get(module, [module])} & needed(extra), f"{name} imports {module}"


SCRIPT = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

absent = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Absent())
from neural_phylogeny.cli import main
sys.argv[:2] = ["nphylo"]
main()
"""


def nphylo(extra: str | None, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run a command as if the base and one extra alone were installed."""
    command = [sys.executable, "-c", SCRIPT, absent(extra), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A parent and its child as Keras and as ONNX files."""
    h5py, onnx = pytest.importorskip("h5py"), pytest.importorskip("onnx")
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    weights = rng.uniform(-1, 1, (48, 64)).astype(np.float32)
    for name in ("a", "b"):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            group = file.create_group("model_weights")
            group.attrs["layer_names"] = [b"dense"]
            dense = group.create_group("dense")
            dense.attrs["weight_names"] = [b"dense/kernel:0"]
            dense["dense/kernel:0"] = weights
        tensor = onnx.numpy_helper.from_array(weights, "w")
        x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 48])
        y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 64])
        node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
        onnx.save(
            onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y], [tensor])), folder / f"{name}.onnx"
        )
        weights = weights + rng.normal(0, 0.05, weights.shape).astype(np.float32)
    return folder


def test_the_base_alone_answers_on_the_demo():
    done = nphylo(None, "tree", demo.folder(), "--format", "json", "-q")
    assert done.returncode == 0, done.stderr
    edges = {(edge["parent"], edge["child"]) for edge in json.loads(done.stdout)["edges"]}
    assert edges == {(edge.parent, edge.child) for edge in reconstruct(demo.folder()).edges}
    assert len(edges) > 9


@pytest.mark.parametrize(("extra", "pattern"), [("keras", "*.h5"), ("onnx", "*.onnx")])
def test_a_reader_needs_its_extra_alone(files, extra, pattern):
    without, found = nphylo(None, "tree", *files.glob(pattern)), nphylo(extra, "tree", *files.glob(pattern))
    assert without.returncode != 0
    assert f"pip install 'neural-phylogeny[{extra}]'" in " ".join((without.stderr + without.stdout).split())
    assert found.returncode == 0, found.stderr
    assert "b" in found.stdout


def test_a_clustering_needs_its_extra_alone():
    without = nphylo(None, "tree", demo.folder(), "--method", "kmeans")
    assert without.returncode == 2
    assert "pip install 'neural-phylogeny[cluster]'" in without.stderr
    assert nphylo("cluster", "tree", demo.folder(), "--method", "kmeans").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "fusion", "--work", "WORK", "--batches", "2"),
        ("families", "make", "tiny", "--out", "WORK", "--count", "1"),
        ("zoo", "make", "quick", "--out", "WORK"),
        ("train", "detector", "BATCHES", "--out", "WORK/x.safetensors"),
        ("bench", "report", "--results", "RESULTS", "--out", "WORK"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_command_of_the_laboratory_names_its_extra(tmp_path, arguments):
    for folder in ("WORK", "BATCHES"):
        (tmp_path / folder).mkdir()
    write_results(tmp_path / "RESULTS", "quick", METHODS["star"], 0, [Result("a", 0, 2, 0.1, {"overall": (1.0, 2.0)})])
    done = nphylo(None, "lab", *(str(tmp_path / one) if one.isupper() or "/" in one else one for one in arguments))
    assert done.returncode == 2, done.stderr
    assert "pip install 'neural-phylogeny[lab]'" in done.stderr


def test_the_laboratory_needs_no_other_extra(tmp_path):
    results = ["--seeds", "1", "--methods", "auto,kmeans,hdbscan", "--data", DATA, "--out", tmp_path, "-q"]
    for command in (
        ["bench", "run", "quick", *results],
        ["bench", "report", "--results", tmp_path, "--out", tmp_path / "tables"],
    ):
        done = nphylo("lab", "lab", *command)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "tables" / "quick.png").is_file()
