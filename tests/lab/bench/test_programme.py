"""The paper's programme: what was run is kept, the page has a table for each experiment."""

import json
import sys
from types import SimpleNamespace

from neural_phylogeny.lab.bench import programme
from neural_phylogeny.lab.bench.programme import ProtocolScore, page, run_missing, run_protocol_missing
from neural_phylogeny.lab.bench.runs import Result
from neural_phylogeny.lab.bench.suites import cached_collections, data_folder, find_suite
from neural_phylogeny.trees.methods import METHODS

CELLS = {
    "paper": ["fc-fmnist-5shot", "conv-tiny-full", "resnet-cifar-full", "vit-cifar-5shot"],
    "generations": ["generations-fc-trees"],
    "decoder": ["llama-code"],
    "diffusion": ["stable", "stable-swapped"],
}


def results_of(cells):
    counts = {"overall": (3.0, 4.0), "lineage": (6.0, 6.0), "pair_direction": (1.0, 2.0)}
    return {name: [Result(cell, 0, 4, 0.1, counts) for cell in cells] for name in METHODS}


def test_the_page_has_every_experiment():
    protocol = {"fc-fmnist-5shot": ProtocolScore(((3.0, 4.0, 4.0), (4.0, 4.0, 4.0)))}
    text = page({suite: results_of(cells) for suite, cells in CELLS.items()}, protocol, "paper.png", "forest.png")
    for title in (
        "| FC, 1 seed | fmnist-5shot",
        "| Conv, 1 seed |",
        "| ResNet, 1 seed |",
        "| ViT, 1 seed |",
        "| collection, 1 seed | llama-code",
        "| generations, 1 seed |",
        "| overall | FC | Conv |",
    ):
        assert title in text, title
    assert text.count("*The paper:*") == 4
    assert "0.75 / 1.00 / 0.50" in text
    assert "| the paper's protocol | 0.88 / – / 1.00 | 0.88 [0.75, 1.00] | – | 1.00 [1.00, 1.00] |" in text
    assert all(f"| {name} | 0.75 [0.75, 0.75] |" in text for name in METHODS)
    assert "not public" in text


def test_what_was_run_is_not_run_again(tmp_path, monkeypatch):
    monkeypatch.setattr(programme, "SUITES", ("quick",))
    monkeypatch.setattr(programme, "METHODS", {name: METHODS[name] for name in ("star", "nearest-l2")})
    lines: list[str] = []
    first = run_missing(data_folder(), tmp_path, 1, lines.append)
    assert lines[0].startswith("quick: 0 of")
    assert sorted(path.name for path in (tmp_path / "quick").iterdir()) == ["nearest-l2.json", "star.json"]
    monkeypatch.setattr(programme, "run_suite", None)
    assert run_missing(data_folder(), tmp_path, 1, lines.append) == first


def test_cells_of_the_protocol_are_kept(tmp_path, monkeypatch):
    trained: list[str] = []

    def run(collections, runs):
        trained.extend(kept.cell for kept in collections)
        return [SimpleNamespace(score=SimpleNamespace(right=1, directed=2.0, children=2)) for _ in range(runs)]

    module = SimpleNamespace(run_protocol=run)  # the real one imports torch
    monkeypatch.setitem(sys.modules, "neural_phylogeny.lab.training.protocol", module)
    stored = tmp_path / "protocol.json"
    stored.write_text(json.dumps({"quick-star": [[9, 10.0, 10]], "quick-old": [5, 9, 10.0, 10]}))
    collections = cached_collections(find_suite("quick"), data_folder(), 1)
    found = run_protocol_missing(collections, stored, lambda line: None)
    assert found == {
        "quick-star": ProtocolScore(((9, 10.0, 10),)),
        "quick-tree": ProtocolScore(((1, 2.0, 2),) * 5),
    }
    assert trained == ["quick-tree"]
    assert set(json.loads(stored.read_text())) == {"quick-star", "quick-tree"}
