"""Fixtures shared by all rooms."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from click.testing import CliRunner, Result

from neural_phylogeny.cli.group import nphylo
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records import Edge, MissingAncestor, ModelRecord, Phylogeny, RelatedPair
from neural_phylogeny.statistics.one_pass import measure, standard_statistics
from neural_phylogeny.statistics.results import Statistics
from neural_phylogeny.tensors.alignment import align

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
"""jsonschema builds 38 grammars for it, which takes two seconds; no schema here has an internationalised address."""

hypothesis.settings.register_profile("busy", deadline=None)  # a loaded machine is no fault of the code
hypothesis.settings.load_profile("busy")


@pytest.fixture(autouse=True)
def _few_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws are looked for under two seeds: a hundred cost half a second in each family that leaves a doubt."""
    monkeypatch.setattr("neural_phylogeny.reconstruction.findings.seeds", lambda count=0: (0, 42, *range(count)))


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20250423)


@pytest.fixture(scope="session")
def wild() -> Path:
    """The folder of groups of public checkpoints, or a visible skip."""
    shared = os.environ.get("NPHYLO_SHARED", "")
    folder = Path(shared) / "wild"
    if not shared or not folder.is_dir():
        pytest.skip("NPHYLO_SHARED names no folder with wild/: no public checkpoints to test on")
    return folder


@pytest.fixture(scope="session")
def measured() -> Callable[..., Statistics]:
    """Measure models given as arrays by name."""

    def run(*models: Mapping[str, Any], threads: int = 1, statistics=None) -> Statistics:
        checkpoints = [MemoryCheckpoint(model) for model in models]
        alignment = align([c.tensors for c in checkpoints], [str(k) for k in range(len(models))])
        return measure(checkpoints, alignment, statistics or standard_statistics(), threads=threads)

    return run


class Runner:
    """Runs a command in this process; exit code 0 is expected by default, any with None."""

    def __call__(self, *arguments: object, code: int | None = 0, **extra: Any) -> Result:
        result = CliRunner().invoke(nphylo, [str(argument) for argument in arguments], **extra)
        assert code is None or result.exit_code == code, result.output + repr(result.exception)
        return result


@pytest.fixture(scope="session")
def run() -> Runner:
    return Runner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A parent, its child and a stranger as npz files; file names with marks that mean something to terminals."""
    models = tmp_path / "models"
    models.mkdir()
    rng = np.random.default_rng(7)
    parent = rng.uniform(-1, 1, (48, 48)).astype(np.float32)
    child = parent + rng.normal(0, 0.5, parent.shape).astype(np.float32)
    stranger = rng.uniform(-1, 1, (48, 48)).astype(np.float32)
    for name, weights in (("base", parent), ("child[red]", child), ("stranger\x1b[2J", stranger)):
        np.savez(models / f"{name}.npz", w=weights)
    return models


Build = Callable[..., Phylogeny]


def two(text: str) -> list[tuple[str, str]]:
    return [(pair[0], pair[1]) for pair in text.split()]


@pytest.fixture
def answer() -> Build:
    """Build a result: ``families`` is one string of one-letter models each, edges and pairs are two letters."""

    def build(
        families: Sequence[str],
        edges: str = "",
        undirected: str = "",
        *,
        copies: str = "",
        hidden: str = "",
        not_compared: str = "",
        skipped: str = "",
        confidence: float = 0.9,
    ) -> Phylogeny:
        models = [(name, k) for k, family in enumerate(families) for name in family if name not in hidden]
        return Phylogeny(
            models=(
                *(
                    ModelRecord(name=name, path=f"x/{name}", format="npz", parameters=10, family=k)
                    for name, k in models
                ),
                *(
                    ModelRecord(name=name, path=f"x/{name}", format="npz", parameters=10, family=None)
                    for name in not_compared
                ),
            ),
            edges=tuple(
                Edge(parent=a, child=b, kind="finetune", p_direction=confidence, similarity=0.9, coverage=1.0)
                for a, b in two(edges)
            ),
            undirected=tuple(
                RelatedPair(a=a, b=b, p_value=1.0 - confidence, similarity=0.9, coverage=1.0)
                for a, b in two(undirected)
            ),
            missing=tuple(MissingAncestor(name=name, family=0) for name in hidden),
            copies=tuple(tuple(group) for group in copies.split()),
            skipped=tuple(Skipped(path=f"x/{name}", reason="it is empty") for name in skipped),
        )

    return build
