"""Every format reads back in the tool that its users have, whatever the names of the models."""

import csv
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from tests.reports.exports.readers import IN_OTHER_TESTS, READERS, biopython

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.inputs import Skipped
from neural_phylogeny.records import (
    Edge,
    MissingAncestor,
    ModelRecord,
    Phylogeny,
    RelatedPair,
    SharedComponent,
    UndecidedGroup,
)
from neural_phylogeny.reports.formats import FORMATS, find_format, format_of_name
from neural_phylogeny.reports.names import safe

HOSTILE = (
    "<script>alert(1)</script>&amp;&lt;b&gt;",
    "two \"quotes\" 'and' one\\",
    "new\nline\r\ttab\x1b[31m",
    "right\u202eto\u2066left\u200f",
    "=1+cmd|' /C calc'!A0",
    "---\nbase_model: evil",
    "a, b; (c):d[&x]{e}|f~g@h #i %s ]]>",
    "x" * 300,
    "true",
    "\ud800 half a pair",
    "ünïcödé 模型",
)


def family(names=HOSTILE) -> Phylogeny:
    """A chain of models with these names, a missing ancestor above, a merge and a related pair."""
    models = tuple(ModelRecord(name=name, path="", format="npz", parameters=10, family=0) for name in names)
    numbers: dict[str, Any] = {
        "p_parent": 0.9,
        "p_direction": 0.95,
        "p_value": 1e-20,
        "similarity": 0.75,
        "coverage": 1.0,
    }
    edges = [Edge(parent=a, child=b, kind="finetune", **numbers) for a, b in pairwise(names)]
    return Phylogeny(models=models, edges=tuple(edges))


def expected(phylogeny: Phylogeny, name: str) -> tuple[set[tuple[str, str]], set[str]]:
    """Names as the format shows them: escaped, but for JSON lines, which keep them as the result file does."""
    shown = str if name == "jsonl" else safe
    edges = {(shown(edge.parent), shown(edge.child)) for edge in phylogeny.edges}
    names = [*(model.name for model in phylogeny.models), *(ancestor.name for ancestor in phylogeny.missing)]
    return edges, {shown(name) for name in names}


def test_every_format_is_read_back():
    assert {*READERS, *IN_OTHER_TESTS} == set(FORMATS)


@pytest.mark.parametrize("name", sorted(READERS))
def test_hostile_names_are_escaped_and_read_back(name):
    phylogeny = family()
    written = FORMATS[name].write(phylogeny)
    if isinstance(written, str):
        assert not any(mark in written for mark in ("\x1b", "\u202e", "\u2066", "\u200f", "\ud800", "\r"))
        written.encode("utf-8")
    edges, names = READERS[name](written)
    right_edges, right_names = expected(phylogeny, name)
    assert edges in (right_edges, set())
    assert names in (right_names, set())
    assert edges or names


def hostile_result() -> Phylogeny:
    """Hostile names and words in every place that a name or a remark can have."""
    base = family()
    first, second, *others = HOSTILE
    return replace(
        base,
        models=tuple(
            replace(model, path=model.name, remark=model.name, sha256=model.name, format=model.name)
            for model in base.models
        ),
        edges=tuple(replace(edge, part=edge.child) for edge in base.edges[1:]),
        undirected=(RelatedPair(a=first, b=others[0], part=second),),
        copies=((first, second),),
        undecided=(UndecidedGroup(models=(first, others[1]), reason="common initialisation"),),
        components=(
            SharedComponent(a=first, b=second, component=first, component_in_b=second, share_of_a=1, share_of_b=1),
        ),
        skipped=tuple(Skipped(path=name, reason=name) for name in HOSTILE),
        provenance={"notes": list(HOSTILE), "parameters": {"method": first}},
    )


MARKS = ("\x1b", "\u202e", "\u2066", "\u200f", "\r")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_no_format_holds_what_a_name_would_do(name):
    """One test over all formats: nothing that a terminal, a browser, a spreadsheet or a parser would obey."""
    written = FORMATS[name].write(hostile_result())
    if isinstance(written, bytes):
        assert not any(mark.encode() in written for mark in MARKS if not mark.isascii())
        return
    assert not any(mark in written for mark in MARKS)
    written.encode("utf-8")
    if name in ("html", "svg", "graphml"):
        assert "<script>alert" not in written
    if name in ("svg", "graphml"):
        ET.fromstring(written)
    if name in ("json", "node-link", "cyclonedx", "spdx"):
        json.loads(written)
    if name.startswith("csv"):
        cells = [cell for row in csv.reader(StringIO(written)) for cell in row]
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells)


@pytest.mark.parametrize("name", ["newick", "nexus"])
def test_biopython_reads_the_trees_too(name):
    plain = family(("base", "child 1", "it's", "b-2.pt"))
    edges, names = biopython(str(FORMATS[name].write(plain)), name)
    assert edges == expected(plain, name)[0]
    assert len(names) == 4


def test_second_parents_missing_ancestors_and_pairs():
    base = family(("a", "b", "c", "d", "e"))
    phylogeny = replace(
        base,
        edges=(
            Edge(parent="a", child="c", kind="merge", p_parent=0.99),
            Edge(parent="b", child="c", kind="merge", p_parent=0.99),
            Edge(parent="lost", child="a", kind="finetune", p_parent=0.8),
            Edge(parent="c", child="d", kind="pruned", p_parent=0.3),
        ),
        undirected=(RelatedPair(a="d", b="e", p_value=1e-9),),
        missing=(MissingAncestor(name="lost", family=0),),
        undecided=(UndecidedGroup(models=("d", "e"), reason="common initialisation"),),
        copies=(("a", "b"),),
    )
    full, names = expected(phylogeny, "dot")
    second, weak, of_missing = ("b", "c"), ("c", "d"), ("lost", "a")
    lost = {
        "newick": {second},
        "nexus": {second},
        "spdx": {weak},
        "card": {weak, of_missing},
    }
    for name, read in READERS.items():
        edges, found = read(FORMATS[name].write(phylogeny))
        if name in ("newick", "nexus"):
            edges -= {("a", "b")}  # a copy hangs below the model that stands for it
        assert edges in (full - lost.get(name, set()), set()), name
        assert found in (names, names - {"lost"}, set()), name
    assert "-.-|" in str(FORMATS["mermaid"].write(phylogeny))
    properties = json.loads(FORMATS["cyclonedx"].write(phylogeny))["components"][3]["properties"]
    assert {"name": "nphylo:common initialisation", "value": "model-4"} in properties
    assert str(FORMATS["card"].write(phylogeny)).count("base_model_relation: merge") == 1
    (pair,) = csv.DictReader(StringIO(str(FORMATS["csv-pairs"].write(phylogeny))))
    assert (pair["a"], pair["b"], pair["p_value"], pair["similarity"]) == ("d", "e", "1e-09", "")
    assert FORMATS["parquet-pairs"].write(phylogeny)[:4] == b"PAR1"


def test_graphviz_draws_what_dot_holds():
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed: nothing draws DOT")
    text = str(FORMATS["dot"].write(family()))
    done = subprocess.run(["dot", "-Tplain"], input=text, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert sum(line.startswith("edge ") for line in done.stdout.splitlines()) == len(HOSTILE) - 1


def test_files_are_hashed_as_they_are(tmp_path):
    (tmp_path / "one.bin").write_bytes(b"abc")
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "a.bin").write_bytes(b"abc")
    models = tuple(
        ModelRecord(name=name, path=str(tmp_path / name), format="npz", parameters=1, family=None)
        for name in ("one.bin", "shards", "gone")
    )
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    one, shards, gone = json.loads(FORMATS["cyclonedx"].write(Phylogeny(models=models)))["components"]
    assert one["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert shards["components"] == [{"type": "file", "name": "a.bin", "hashes": one["hashes"]}]
    assert "hashes" not in gone
    assert digest in str(FORMATS["spdx"].write(Phylogeny(models=models)))


def test_equal_results_give_equal_files(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    for form in FORMATS.values():
        assert form.write(family()) == form.write(family()), form.name
        form.write(Phylogeny())


def test_formats_by_name_and_suffix():
    suffixes = [suffix for form in FORMATS.values() for suffix in form.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    for form in FORMATS.values():
        for suffix in form.suffixes:
            found = format_of_name(f"some.v1{suffix}")
            assert found is not None
            assert found.name == form.name
    with pytest.raises(UnknownChoiceError, match="did you mean 'newick'"):
        find_format("newik")
