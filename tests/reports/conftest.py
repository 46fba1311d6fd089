"""Phylogenies to draw."""

import pytest

from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records import Edge, Evidence, MissingAncestor, ModelRecord, Phylogeny, RelatedPair

NASTY = "evil\x1b[31m\u202e[bold]x</code>"


def model(name: str, family: int | None, remark: str = "") -> ModelRecord:
    return ModelRecord(
        name=name, path=f"models/{name}", format="pytorch", parameters=61_706, family=family, remark=remark
    )


@pytest.fixture
def everything() -> Phylogeny:
    """A phylogeny with one of each: merge, run, copy, missing ancestor, undirected pair, unrelated, nasty name."""
    evidence = Evidence(
        feature="kurtosis",
        value=0.5,
        favours="parent",
        model="base",
        strength=0.6,
        statement="base has the lighter tails in 75 % of the matrices",
    )

    def edge(parent: str, child: str, confidence: float = 0.97, coverage: float = 1.0) -> Edge:
        return Edge(
            parent=parent,
            child=child,
            kind="finetune",
            p_direction=confidence,
            similarity=0.9,
            coverage=coverage,
            evidence=(evidence,),
        )

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
            RelatedPair(a="u1", b="u2", p_value=1e-30, similarity=0.98, coverage=1.0),
            RelatedPair(a=NASTY, b="a", p_value=1e-5, similarity=0.7, coverage=1.0),
            RelatedPair(a="a", b="b", p_value=1e-5, similarity=0.7, coverage=1.0),
        ),
        missing=(MissingAncestor(name="lost", family=3),),
        copies=(("ep4", "copy"),),
        skipped=(Skipped(path="models/bad.pt", reason="the file is empty"),),
        provenance={"seed": 0, "alpha": 0.001, "versions": {"numpy": "2"}},
    )
