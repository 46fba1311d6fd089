"""Phylogenies to draw."""

import pytest

from neural_phylogeny.records import Edge, Evidence, Hidden, Kinship, ModelRecord, Phylogeny, Skipped

NASTY = "evil\x1b[31m\u202e[bold]x</code>"


def model(name: str, family: int | None, remark: str = "") -> ModelRecord:
    return ModelRecord(name, f"models/{name}", "pytorch", 61_706, family, remark)


@pytest.fixture
def everything() -> Phylogeny:
    """A phylogeny with one of each: merge, run, copy, hidden ancestor, undirected pairs, stranger, nasty name."""
    witness = Evidence("kurtosis", 0.5, "base", 0.6, "base has the lighter tails in 75 % of the matrices")

    def edge(parent: str, child: str, confidence: float = 0.97, coverage: float = 1.0) -> Edge:
        return Edge(parent, child, "finetune", confidence, 0.9, coverage, (witness,))

    names = ["base", "a", "b", "merged", "ep1", "ep2", "ep3", "ep4", NASTY, "copy"]
    return Phylogeny(
        models=(
            *(model(name, 3) for name in names),
            model("u1", 1),
            model("u2", 1),
            model("lone", 0),
            model("tiny", None, "not enough evidence"),
        ),
        edges=(
            edge("lost", "base"),
            edge("base", "a"),
            edge("base", "b", 0.6, 0.45),
            edge("a", "merged"),
            edge("b", "merged"),
            edge("base", "ep1"),
            edge("ep1", "ep2"),
            edge("ep2", "ep3"),
            edge("ep3", "ep4"),
        ),
        undirected=(
            Kinship("u1", "u2", 0.999, 0.98, 1.0),
            Kinship(NASTY, "a", 0.9, 0.7, 1.0),
            Kinship("a", "b", 0.9, 0.7, 1.0),
        ),
        hidden=(Hidden("lost", 3),),
        copies=(("ep4", "copy"),),
        skipped=(Skipped("models/bad.pt", "the file is empty"),),
        provenance={"seed": 0, "alpha": 0.001, "versions": {"numpy": "2"}},
    )
