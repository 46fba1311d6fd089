"""Varied families: parts and optimisers are those of torch, heads have the classes of their tasks."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from neural_phylogeny.errors import SavedFileError  # noqa: E402
from neural_phylogeny.lab.families import parts  # noqa: E402
from neural_phylogeny.lab.families.batches import batch_path, read_batch  # noqa: E402
from neural_phylogeny.lab.families.composed import BUILDERS, draw_network  # noqa: E402
from neural_phylogeny.lab.families.initial import initial  # noqa: E402
from neural_phylogeny.lab.families.layout import Layout  # noqa: E402
from neural_phylogeny.lab.families.make import measure_weights, trained_families  # noqa: E402
from neural_phylogeny.lab.families.optimisers import OPTIMISERS, Part  # noqa: E402
from neural_phylogeny.lab.families.plan import Training  # noqa: E402
from neural_phylogeny.lab.families.prior import known_priors, read_prior  # noqa: E402
from neural_phylogeny.lab.families.stored import read_weights, weights_path, write_weights  # noqa: E402
from neural_phylogeny.lab.families.varied import with_own_heads  # noqa: E402
from neural_phylogeny.lab.topologies import draw_parents  # noqa: E402

pytestmark = pytest.mark.torch

VARIED = [name for name in known_priors() if read_prior(name).varied is not None]


def varied(name):
    found = read_prior(name).varied
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.01)),
        ("plain", lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.01)),
        ("nesterov", lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)),
        ("adam", lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.01)),
        ("adamw", lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.01)),
        ("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.05, weight_decay=0.01)),
        ("adagrad", lambda p: torch.optim.Adagrad(p, lr=0.05, weight_decay=0.01)),
    ],
)
def test_an_optimiser_is_that_of_the_framework(name, reference):
    torch.manual_seed(0)
    network = draw_network(np.random.default_rng(0), varied("tables").networks)
    layout = Layout.of(network)
    gradients, start = torch.randn(4, 1, layout.learnt), torch.randn(1, layout.learnt)
    weights, first, second = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
    theirs = nn.Parameter(start.clone())
    optimiser = reference([theirs])
    for t, gradient in enumerate(gradients):
        column = torch.tensor([[1.0]])
        moved = torch.tensor([[t + 1.0]], dtype=torch.float64)
        OPTIMISERS[name](
            Part(weights, gradient.clone(), first, second, moved, 0.05 * column, 0.01 * column, None, layout)
        )
        theirs.grad = gradient
        optimiser.step()
    torch.testing.assert_close(weights, theirs.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "theirs"), [("batch", nn.BatchNorm2d(8)), ("group", nn.GroupNorm(4, 8))])
def test_norms_of_images_are_those_of_the_framework(kind, theirs):
    x = torch.randn(5, 8, 4, 4)
    part = parts.norm(kind, "n", 8, 0, images=True)
    p = {spec.name: torch.ones(1, 8) if spec.role in ("one", "var") else torch.zeros(1, 8) for spec in part.specs}
    torch.testing.assert_close(part.run(p, x, {}), theirs(x), rtol=1e-4, atol=1e-5)


def test_a_stack_convolves_each_network_by_itself():
    part = parts.convolution("c", 3, 4, 0)
    p = {"c.weight": torch.randn(2, 4, 3, 3, 3), "c.bias": torch.randn(2, 4)}
    x = torch.randn(5, 2, 3, 6, 6)
    found = part.run(p, x.flatten(1, 2), None).view(5, 2, 4, 6, 6)
    for k in range(2):
        alone = nn.functional.conv2d(x[:, k], p["c.weight"][k], p["c.bias"][k], padding=1)
        torch.testing.assert_close(found[:, k], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", VARIED)
def test_every_kind_of_network_answers(name):
    own, rng = varied(name).networks, np.random.default_rng(0)
    for kind in own.kinds:
        assert kind in BUILDERS
        network = draw_network(rng, own, kind)
        layout = Layout.of(network)
        flat = torch.stack([torch.from_numpy(initial(network, "default", 1.0, rng)) for _ in range(2)])
        shape = network.inputs.shape
        tokens = network.inputs.what == "tokens"
        x = torch.randint(shape[0], (2, 3, shape[1])).float() if tokens else torch.randn(2, 3, int(np.prod(shape)))
        assert network.part.run(layout.views(flat), x, {}).shape == (2, 3, network.classes)


def test_heads_have_the_classes_of_their_tasks():
    root = Training(0, "sgd", 0.1, 0.1, 0.0, 10, 8, 0, 0, False, 0.0, False, 1)
    plan = _plan((-1, 0, 1, 0), [root, replace(root, task=1), replace(root, task=0), replace(root, task=2)])
    found = with_own_heads(plan, [4, 6, 3])
    assert [training.classes for training in found.trainings] == [4, 6, 6, 4]
    assert [training.new_head for training in found.trainings] == [False, True, False, False]


def _plan(parents, trainings):
    from neural_phylogeny.lab.families.plan import FamilyPlan

    network = draw_network(np.random.default_rng(0), varied("tables").networks)
    return FamilyPlan(network, "star", "default", 1.0, parents, tuple(trainings), (0,) * len(parents), "new")


@pytest.mark.parametrize("topology", ["middle", "attachment", "twigs"])
def test_trees_that_grow_are_trees(topology):
    parents = draw_parents(topology, 9, np.random.default_rng(0), depth=9)
    assert len(parents) == 9
    assert all(parent <= k for k, parent in enumerate(parents))
    assert parents[0] == 0


def test_weights_come_back(tmp_path):
    prior = read_prior("tables")
    own = varied("tables")
    growth = replace(own.growth, root_steps=(10.0, 11.0), steps=((10.0, 11.0),), members=(3, 5))
    small = replace(prior, varied=replace(own, growth=growth, examples=60))
    families = trained_families(3, {}, small, n_families=1, kind="perceptron")
    write_weights(weights_path(tmp_path, 3), families)
    [found] = read_weights(weights_path(tmp_path, 3))
    assert found.about == families[0].about
    for one, other in zip(found.models, families[0].models, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert measure_weights(tmp_path, tmp_path / "batches") == 1
    assert measure_weights(tmp_path, tmp_path / "batches") == 0
    [known] = read_batch(batch_path(tmp_path / "batches", 3))
    np.testing.assert_array_equal(known.parents, families[0].parents)
    weights_path(tmp_path, 4).write_bytes(b"no")
    with pytest.raises(SavedFileError, match="make them again"):
        read_weights(weights_path(tmp_path, 4))


def test_the_judge_is_trained_model_by_model():
    from neural_phylogeny.lab.families.pictures import DataSet

    rng = np.random.default_rng(0)
    data = DataSet({10: rng.random((80, 100)).astype(np.float32)}, np.repeat(np.arange(10), 8))
    prior = read_prior("apart")
    assert prior.apart is not None
    quick = replace(prior, apart=replace(prior.apart, steps=(2.0, 3.0), members=(5, 6)))
    [family] = trained_families(0, {"noise": data}, quick, n_families=1)
    assert len(family.parents) >= 3
    assert (family.parents < 0).any()
