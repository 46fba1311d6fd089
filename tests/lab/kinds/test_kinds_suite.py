"""The suite of kinds: disguises keep the function, and answers are scored as a person would."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from neural_phylogeny.lab.bench.tables.kinds import summary  # noqa: E402
from neural_phylogeny.lab.kinds import bases  # noqa: E402
from neural_phylogeny.lab.kinds import operations as op  # noqa: E402
from neural_phylogeny.lab.kinds.collections import CHOOSING, KindsCollection, World  # noqa: E402
from neural_phylogeny.lab.kinds.networks import ARCHITECTURES  # noqa: E402
from neural_phylogeny.lab.kinds.scoring import Score  # noqa: E402
from neural_phylogeny.lab.kinds.training import started  # noqa: E402
from neural_phylogeny.records import Edge, ModelRecord, Phylogeny  # noqa: E402


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.name)
def test_disguises_keep_the_function(architecture):
    width = architecture.widths[0]
    state = started(architecture, width, 1)
    generator = torch.Generator().manual_seed(0)
    for name, tensor in state.items():
        if tensor.is_floating_point() and tensor.dim() == 1:
            state[name] = 0.5 + torch.rand(tensor.shape, generator=generator)
    world = World(architecture, CHOOSING, width, 0, {"base": state})
    made = [op.permuted(architecture, state, generator), op.wider(architecture.units[0], state, 0.25, generator)]
    made += [op.rescaled(architecture, state, generator)] if any(u.scaled for u in architecture.units) else []
    made += [op.rotated(architecture.rotations, state, generator)]
    assert not torch.equal(made[0][architecture.units[0].reads[0][0]], state[architecture.units[0].reads[0][0]])
    for one in (made[0], *made[2:]):
        world.keeps(one, state)


def test_adapters_are_counted_by_where_they_are():
    edges = {"base-0": "base-0", "tuned-0": "base-0", "base-1": "base-0", "tuned-1": "tuned-1-merged"}
    claimed = [Edge(parent=parent, child=f"{base}-adapter", kind="adapter") for base, parent in edges.items()]
    found = bases.counted("dense", bases.ALONE, Phylogeny(models=(), edges=tuple(claimed)), [*edges, "base-2"])
    assert (found.base, found.sibling, found.stranger, found.nowhere, found.number) == (2, 1, 1, 1, 5)
    assert "| dense | LoRA alone | 5 | 2 | 1 | 1 | 1 |" in bases.text_of([found])


def test_an_answer_is_scored():
    names = ("base", "copy", "child", "stranger")
    collection = KindsCollection("one", "dense", CHOOSING, {"base": {}, "stranger": {}})
    collection.add("copy", {}, "base", "copy")
    collection.add("child", {}, "base", "finetune")
    models = tuple(
        ModelRecord(name=name, path="", format="memory", parameters=1, family=int(name == "stranger")) for name in names
    )
    edge = Edge(parent="copy", child="child", kind="finetune")
    score = Score()
    score.add(collection, Phylogeny(models=models, edges=(edge,), copies=(("copy", "base"),)))
    assert [one.exact for one in score.scored] == [True, True]
    assert (score.macro_f1, score.false_kin, score.strangers) == (1.0, [], 3)
    assert "| choosing | 2 | 1.00 | 1.00 | 1.00 | 1.00 | – | 0 of 3 | – |" in summary({CHOOSING: score})
