"""Large kinds: parts are those of torch, adapters stay low in rank, averages and coarse grids are what they say."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from neural_phylogeny.lab.families import large_parts  # noqa: E402
from neural_phylogeny.lab.families.initial import initial  # noqa: E402
from neural_phylogeny.lab.families.large_networks import BUILDERS, CLASS_HEAD, MASKED_HEAD, draw_large  # noqa: E402
from neural_phylogeny.lab.families.large_plan import draw_large_family  # noqa: E402
from neural_phylogeny.lab.families.large_tasks import draw_large_tasks  # noqa: E402
from neural_phylogeny.lab.families.layout import Layout  # noqa: E402
from neural_phylogeny.lab.families.make import trained_families  # noqa: E402
from neural_phylogeny.lab.families.plan import Training  # noqa: E402
from neural_phylogeny.lab.families.prior import read_prior  # noqa: E402
from neural_phylogeny.lab.families.training import Job, train  # noqa: E402

pytestmark = pytest.mark.torch

PRIOR = read_prior("large")
assert PRIOR.large is not None
OWN = replace(
    PRIOR.large,
    networks=replace(PRIOR.large.networks, parameters=(4e4, 4.1e4)),
    stages=replace(PRIOR.large.stages, root_steps=(10.0, 11.0), steps=((10.0, 11.0),), members=(4, 6), longest=20),
    batch=(4,),
    examples=40,
)


def network_of(kind, seed=0):
    return draw_large(np.random.default_rng(seed), OWN.networks, kind)


def tasks_of(network, pictures, seed=0):
    return draw_large_tasks(network, 6, 40, 1.0, pictures, PRIOR.pictures, np.random.default_rng(seed))


def test_convolutions_by_products_are_convolutions():
    weight, shift, x = torch.randn(2, 4, 3, 3, 2), torch.randn(2, 4), torch.randn(5, 6, 7, 8)
    theirs = functional.conv2d(x, weight.flatten(0, 1), shift.flatten(), (1, 2), (1, 1), groups=2)
    ours = large_parts.by_products(x, weight, shift, (1, 2), (1, 1))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", BUILDERS)
def test_every_kind_answers_what_its_tasks_ask(kind, pictures):
    network = network_of(kind)
    layout, view = Layout.of(network), tasks_of(network, pictures).views[0]
    flat = torch.stack([torch.from_numpy(initial(network, "library", 1.0, np.random.default_rng(k))) for k in (0, 1)])
    x = torch.from_numpy(np.stack([view.x[:3]] * 2))
    found = network.part.run(layout.views(flat), x, {})
    assert found.shape[:2] == (2, 3)
    assert found.shape[2:-1] == (view.y.shape[1:] if view.y.dtype == np.int64 else ())
    assert torch.isfinite(found).all()
    alone = network.part.run(layout.views(flat[1:]), x[1:], {})
    torch.testing.assert_close(alone[0], found[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["decoder", "experts"])
def test_a_decoder_sees_no_later_token(kind):
    network = network_of(kind)
    flat = torch.from_numpy(initial(network, "default", 1.0, np.random.default_rng(0)))[None]
    x = torch.randint(1, network.inputs.shape[0], (1, 2, network.inputs.shape[1])).float()
    before = network.part.run(Layout.of(network).views(flat), x, {})
    x[..., -1] = 0.0
    after = network.part.run(Layout.of(network).views(flat), x, {})
    torch.testing.assert_close(after[:, :, :-1], before[:, :, :-1])


ROOT = Training(0, "adamw", 1e-2, 1e-2, 0.0, 10, 4, 0, 0, False, 0.0, False, 1)


@pytest.fixture(scope="module")
def trained(pictures):
    """A decoder, two low-rank tunes, a coarse tune with an average, and that average."""
    network = network_of("decoder", 3)
    views = tasks_of(network, pictures).views
    jobs = [
        (ROOT, -1),
        (replace(ROOT, adapter="lora", rank=2, seed=2), 0),
        (replace(ROOT, adapter="dora", rank=2, seed=3), 0),
        (replace(ROOT, grid="bf16", average=0.9, seed=4), 0),
        (replace(ROOT, steps=0, takes_average=True), 3),
    ]
    start = initial(network, "library", 1.0, np.random.default_rng(0))
    found = train(network, [Job(training, parent, start) for training, parent in jobs], views, 4)
    layout = Layout.of(network)
    return [layout.model(one.weights) for one in found]


def test_a_low_rank_tune_moves_its_matrices_by_that_rank(trained):
    root, lora, dora = trained[:3]
    moved = [name for name in root if not np.array_equal(root[name], lora[name])]
    assert moved
    assert all("attn" in name for name in moved)
    for name in moved:
        values = np.linalg.svd(lora[name] - root[name], compute_uv=False)
        assert values[2] < 1e-3 * values[0]
        assert not np.array_equal(root[name], dora[name])
    assert all(np.array_equal(root[name], dora[name]) for name in root if name not in moved)


def test_a_coarse_tune_lies_on_its_grid_and_its_average_lags(trained):
    root, coarse, average = trained[0], trained[3], trained[4]
    for name, w in coarse.items():
        np.testing.assert_array_equal(w.view(np.uint32) & 0xFFFF, 0)
        assert np.linalg.norm(average[name] - root[name]) < np.linalg.norm(w - root[name])
        assert not np.array_equal(average[name], root[name])


@pytest.mark.parametrize("kind", ["decoder", "encoder", "vit"])
def test_plans_are_forests_that_can_be_trained(kind, pictures):
    network = network_of(kind)
    tasks = tasks_of(network, pictures)
    for seed in range(30):
        plan = draw_large_family(OWN, network, tasks, 4, np.random.default_rng(seed))
        for k, (parent, training) in enumerate(zip(plan.parents, plan.trainings, strict=True)):
            assert parent < k
            before = plan.trainings[parent]
            if training.takes_average:
                assert before.average
                assert training.task == before.task
            if parent >= 0 and tasks.classes[before.task]:
                assert tasks.classes[training.task]
            if training.rank:
                assert not training.new_head


def test_a_model_has_the_head_of_its_task(pictures):
    small = replace(PRIOR, large=OWN, alterations=replace(PRIOR.alterations, share=0.0))
    families = trained_families(5, pictures, small, n_families=3, kind="encoder")
    names = [set(model) for family in families for model in family.models]
    for one in names:
        heads = [any(name.startswith(head) for name in one) for head in (MASKED_HEAD, CLASS_HEAD)]
        assert sum(heads) == 1
    assert any(any(name.startswith(CLASS_HEAD) for name in one) for one in names)
