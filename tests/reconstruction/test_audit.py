"""``derived``, ``verify`` and ``diff`` as functions: on files and in memory, and what their results can do."""

import json

import numpy as np
import pytest

from neural_phylogeny import InvalidOptionError, SavedFileError, demo, derived, diff, verify
from neural_phylogeny.claims.derivation import LOWEST
from neural_phylogeny.cli.options import LOWEST as LOWEST_OPTION

DEMO = demo.folder()
HERON, GODWIT, EGRET = (DEMO / f"{bird}.safetensors" for bird in ("heron", "godwit", "egret"))


@pytest.fixture(scope="module")
def found():
    return derived(HERON, [EGRET, GODWIT], among=DEMO)


def test_derived_of_files(found):
    assert (found.verdict, found.which) == ("derived", ("godwit.safetensors",))
    assert [one.verdict for one in found.derivations] == ["not derived", "derived"]
    assert str(found).startswith("heron.safetensors was not derived from egret.safetensors")
    assert repr(found).startswith("<Derivations: heron.safetensors was not derived")
    content = found.to_dict()
    assert content == json.loads(found.to_json())
    assert content["operating_point"]["strangers"]["derived"] == 0
    assert found.derivations[1].to_dict() == content["derivations"][1]
    html = found._repr_html_()
    assert "which: godwit.safetensors" in html
    assert "Evidence" in html


def test_derived_in_memory():
    rng = np.random.default_rng(0)
    base = {"w": rng.uniform(-1, 1, (96, 96)), "v": rng.uniform(-1, 1, (96, 96))}
    half = {name: np.where(np.abs(values) < 0.4, 0, values) for name, values in base.items()}
    other = {name: rng.uniform(-1, 1, (96, 96)) for name in base}
    pruned = derived(half, base)
    assert (pruned.child, pruned.verdict, pruned.derivations[0].kinds) == ("child", "derived", ("pruned",))
    several = derived(half, [other, base], among={"more": other})
    assert several.which == ("parent 2",)
    with pytest.raises(InvalidOptionError, match="different models"):
        derived(base, base)


@pytest.mark.parametrize("level", [0.5, 1.0, True, "high"])
def test_levels_without_a_measured_rate_are_refused(level):
    with pytest.raises(InvalidOptionError, match="at_least"):
        derived(HERON, GODWIT, at_least=level)
    assert LOWEST == LOWEST_OPTION


def test_verify_takes_claims():
    found = verify(DEMO, claims=[{"model": "heron", "parent": "godwit"}, {"model": "ibis", "parent": "<b>gone"}])
    assert found.counts == {"confirmed": 1, "contradicted": 0, "unproven": 1}
    assert found.claims[0].path.endswith("heron.safetensors")
    assert found.to_dict() == json.loads(found.to_json())
    assert repr(found) == "<Verification: 2 claims: 1 confirmed, 1 unproven>"
    assert str(found.claims[1]) == "ibis from <b>gone: unproven, the parent <b>gone is not at hand"
    assert "&lt;b&gt;gone" in found._repr_html_()
    assert "<b>gone" not in found._repr_html_()
    with pytest.raises(SavedFileError, match=r"claims\[0\]"):
        verify(DEMO, claims=[{"model": "heron"}])


def test_verify_of_a_mapping(tmp_path):
    pytest.importorskip("yaml", reason="PyYAML is not installed: cards are not read")
    for bird in ("heron", "godwit"):
        (tmp_path / bird).mkdir()
        (tmp_path / bird / "model.safetensors").write_bytes((DEMO / f"{bird}.safetensors").read_bytes())
    (tmp_path / "heron" / "README.md").write_text("---\nbase_model: godwit\n---\n")
    models = {"ours": tmp_path / "heron", "theirs": tmp_path / "godwit"}
    found = verify(models, among=DEMO)
    assert [claim.declared.model for claim in found.claims] == ["ours"]
    assert found.claims[0].verdict in ("confirmed", "unproven")


def test_diff():
    found = diff(GODWIT, HERON)
    assert str(found).startswith("godwit.safetensors -> heron.safetensors: relative change")
    assert found.to_dict() == json.loads(found.to_json())
    assert repr(found).startswith("<Changes: godwit.safetensors -> heron.safetensors")
    assert "<th>effective rank</th>" in found._repr_html_()
    memory = diff({"x": np.zeros((4, 4))}, {"x": np.ones((4, 4))})
    assert (memory.a, memory.b, memory.tensors[0].changed) == ("a", "b", float("inf"))


def test_a_part_of_a_declared_merge_that_is_not_seen_is_unproven():
    """A relative that the weights exclude as a parent may be a part of a merge all the same; a stranger may not."""
    finch, merlin = {"model": "finch", "parent": "merlin"}, {"model": "finch", "parent": "dunlin"}
    plain = verify(DEMO, claims=[finch, merlin])
    merged = verify(DEMO, claims=[{**claim, "relation": "merge"} for claim in (finch, merlin)])
    assert [claim.verdict for claim in plain.claims] == ["contradicted", "contradicted"]
    assert [claim.verdict for claim in merged.claims] == ["unproven", "contradicted"]
