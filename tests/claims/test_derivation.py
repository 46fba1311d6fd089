"""Was this model derived from that one?"""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.claims.derivation import best_path, derivation, product
from neural_phylogeny.claims.operating_point import KINDS, operating_point
from neural_phylogeny.errors import InvalidOptionError, NotFoundError, UnreadableFileError
from neural_phylogeny.reconstruction.judged import Judged
from neural_phylogeny.reconstruction.named import judged_and_named
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.records import Edge, Phylogeny, RelatedPair, SharedComponent, UndecidedGroup


def named(bird: str) -> str:
    return f"{bird}.safetensors"


def verdict_on(judged: Judged, child: str, parent: str, at_least: float = 0.95):
    return derivation(judged, named(child), named(parent), at_least)


def test_a_child_and_a_grandchild(judged):
    child = verdict_on(judged, "heron", "godwit")
    assert (child.verdict, child.kinds, child.path) == ("derived", ("finetune",), (named("godwit"), named("heron")))
    assert child.probability is not None
    assert child.probability >= 0.95
    assert child.p_value is not None
    assert child.p_value < 1e-12
    grandchild = verdict_on(judged, "heron", "dunlin", at_least=0.97)
    assert grandchild.verdict == "undetermined"
    assert grandchild.path == (named("dunlin"), named("godwit"), named("heron"))
    assert "below the required 97 %" in grandchild.reasons[0]


def test_what_is_excluded(judged):
    stranger = verdict_on(judged, "heron", "egret")
    assert (stranger.verdict, stranger.nearest) == ("not derived", named("godwit"))
    assert "no relation" in stranger.reasons[0]
    backwards = verdict_on(judged, "godwit", "heron")
    assert backwards.verdict == "not derived"
    assert "the other way round" in backwards.reasons[0]
    sibling = verdict_on(judged, "finch", "merlin")
    assert sibling.verdict == "not derived"
    assert "has another parent, nightjar.safetensors" in sibling.reasons[0]


def test_relatives_that_the_edges_do_not_place(judged):
    assert verdict_on(judged, "avocet", "osprey", at_least=0.999).verdict == "undetermined"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"undirected": (RelatedPair(a="a", b="b"),)}, "which came first"),
        ({"undecided": (UndecidedGroup(models=("a", "b"), reason="common initialisation"),)}, "random initialisation"),
        (
            {
                "components": (
                    SharedComponent(
                        a="a", b="b", component="vae.", component_in_b="vae.", share_of_a=0.2, share_of_b=0.1
                    ),
                )
            },
            "all else is unrelated",
        ),
        (
            {
                "components": (
                    SharedComponent(
                        a="a", b="b", component="", component_in_b="eye", changed=True, share_of_a=1.0, share_of_b=0.1
                    ),
                )
            },
            "a third model's",
        ),
    ],
)
def test_what_the_weights_leave_open(changed, reason):
    rng = np.random.default_rng(0)
    models = {name: {"w": rng.uniform(-1, 1, (48, 48))} for name in "ab"}
    judged = Judged.of(models, Reading(1))
    assert derivation(judged, "b", "a").verdict == "not derived"
    found = derivation(replace(judged, answer=replace(judged.answer, **changed)), "b", "a")
    assert found.verdict == "undetermined"
    assert reason in found.reasons[0]


def test_copies_are_derived_and_the_order_is_open():
    rng = np.random.default_rng(0)
    base = {"w": rng.uniform(-1, 1, (48, 48))}
    found = derivation(Judged.of({"a": base, "b": base}, Reading(1)), "b", "a")
    assert (found.verdict, found.kinds, found.exact) == ("derived", ("copy",), True)
    assert "which of the two was first" in found.reasons[0]


def test_a_common_initialisation_is_no_descent_however_probable(judged, monkeypatch):
    """A path without exact evidence counts only where more than an initialisation is in common."""
    edges = tuple(replace(edge, evidence=()) for edge in judged.answer.edges)
    bare = replace(judged, answer=replace(judged.answer, edges=edges))
    assert verdict_on(bare, "heron", "godwit").verdict == "derived"
    monkeypatch.setattr(Judged, "has_trained_ancestor", lambda *_: False)
    found = verdict_on(bare, "heron", "godwit")
    assert found.verdict == "undetermined"
    assert "random initialisation" in found.reasons[0]
    assert verdict_on(judged, "heron", "godwit").verdict == "derived"  # equal values prove the common origin


def test_the_most_probable_path_is_taken():
    def edge(parent: str, child: str, p: float | None) -> Edge:
        return Edge(parent=parent, child=child, kind="merge", p_parent=p)

    answer = Phylogeny(edges=(edge("a", "c", 0.5), edge("a", "b", 0.9), edge("b", "c", 0.8), edge("c", "d", None)))
    path = best_path(answer, "a", "d")
    assert [edge.child for edge in path] == ["b", "c", "d"]
    assert product(path) == pytest.approx(0.9 * 0.8 * 0.5)
    assert best_path(answer, "d", "a") == []


def test_the_shipped_operating_point_has_no_strangers_among_the_derived():
    point = operating_point(0.95)
    assert point.level == 0.95
    assert [point.counts[kind][0] for kind in KINDS[:2]] == [0, 0]
    assert all(point.counts[kind][1] >= 100 for kind in KINDS)
    assert [operating_point(level).level for level in (0.85, 0.999)] == [0.8, 0.99]
    assert operating_point(0.9).counts["one seed"][0] == 0
    assert point.sentence().startswith("Operating point at 95%")


def test_a_path_stands_for_one_model(tmp_path, folder):
    with pytest.raises(NotFoundError):
        judged_and_named([str(tmp_path / "none.npz")], [], Reading(1))
    with pytest.raises(InvalidOptionError, match="the path of one model"):
        judged_and_named([str(folder)], [], Reading(1))
    base = str(folder / "base.npz")
    with pytest.raises(InvalidOptionError, match="different models"):
        judged_and_named([base, base], [], Reading(1))
    (tmp_path / "cut.npz").write_bytes((folder / "base.npz").read_bytes()[:500])
    with pytest.raises(UnreadableFileError, match=r"cut\.npz: "):
        judged_and_named([base, str(tmp_path / "cut.npz")], [], Reading(1))


def test_the_page_has_the_shipped_numbers():
    page = (Path(__file__).parents[2] / "docs" / "tables" / "derived.md").read_text(encoding="utf-8")
    stored = json.loads((files("neural_phylogeny.claims") / "operating_point.json").read_text(encoding="utf-8"))
    for kind, numbers in stored["pairs"].items():
        row = " | ".join(map(str, [numbers["pairs"], *numbers["derived"]]))
        assert f"| {row} |" in page, kind
