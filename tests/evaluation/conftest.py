"""Tiny forests to score."""

from collections.abc import Callable, Sequence

import pytest

from neural_phylogeny.records import Edge, Hidden, Kinship, ModelRecord, Phylogeny, Skipped

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
                *(ModelRecord(name, f"x/{name}", "npz", 10, k) for name, k in models),
                *(ModelRecord(name, f"x/{name}", "npz", 10, None) for name in not_compared),
            ),
            edges=tuple(Edge(a, b, "finetune", confidence, 0.9, 1.0) for a, b in two(edges)),
            undirected=tuple(Kinship(a, b, confidence, 0.9, 1.0) for a, b in two(undirected)),
            hidden=tuple(Hidden(name, 0) for name in hidden),
            copies=tuple(tuple(group) for group in copies.split()),
            skipped=tuple(Skipped(f"x/{name}", "it is empty") for name in skipped),
        )

    return build
