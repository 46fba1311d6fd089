"""Approximations of neural lineage: each measure finds a planted parent, features need a network that can be run."""

import json

import numpy as np
import pytest

from neural_phylogeny.lab.bench.probes import Probes, answers, centred_kernel_alignment, first_order, probes_of
from neural_phylogeny.lab.bench.tables.lineage import MEASURES, Measured, Model, learnt


def dense(rng, parent=None):
    """A dense network of two hidden layers, or one near another."""
    shapes = {"layers.0.weight": (12, 16), "layers.0.bias": (12,), "layers.1.weight": (8, 12), "layers.1.bias": (8,)}
    if parent is None:
        return {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {name: values + 0.2 * rng.normal(size=values.shape) for name, values in parent.items()}


def shown(tensors, digits) -> Probes:
    """The probes of a network that can be run."""
    found = probes_of(tensors, digits)
    assert found is not None
    return found


def collection(rng):
    """Two stars of three children."""
    digits = rng.uniform(0.0, 255.0, size=(40, 8, 8))
    roots = [dense(rng), dense(rng)]
    tensors = [*roots, *(dense(rng, roots[k % 2]) for k in range(6))]
    models = []
    for each in tensors:
        probes = shown(each, digits)
        models.append(Model(each, probes, answers(each, probes)))
    return Measured.of(models, [-1, -1, 0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize("measure", MEASURES)
def test_planted_parents_are_found(measure, rng):
    known = collection(rng)
    given, alone = known.found(known.distances[measure])
    assert given == 6
    assert alone >= 4  # a child of a smaller norm than its parent is no candidate's child


def test_what_to_look_at_is_learnt_from_other_collections(rng):
    weights = learnt([collection(rng) for _ in range(3)])
    known = collection(rng)
    given, alone = known.found(-known.inputs() @ weights)
    assert given == 6
    assert alone >= 4


def test_the_first_order_is_that_of_a_small_step(rng):
    digits = rng.uniform(0.0, 255.0, size=(5, 8, 8))
    kernels = {
        "convs.0.weight": rng.normal(size=(4, 3, 5, 5)),
        "convs.0.bias": rng.normal(size=4),
        "convs.1.weight": rng.normal(size=(6, 4, 3, 3)),
        "convs.1.bias": rng.normal(size=6),
        "hidden.weight": rng.normal(size=(7, 6 * 2 * 2)),
        "hidden.bias": rng.normal(size=7),
    }
    for tensors in (dense(rng), kernels):
        probes = shown(tensors, digits)
        change = {name: 1e-6 * rng.normal(size=values.shape) for name, values in tensors.items()}
        moved = answers({name: values + change[name] for name, values in tensors.items()}, probes)
        for guess, reached, before in zip(
            first_order(tensors, change, probes), moved, answers(tensors, probes), strict=True
        ):
            np.testing.assert_allclose(guess, reached, atol=1e-8)
            assert np.abs(reached - before).max() > 1e-7


def test_convolutions_answer_as_the_framework_does(rng):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from neural_phylogeny.lab.zoo.networks import Convolutional

    net = Convolutional(16, 3, 10, (4, 6), 7).double()
    tensors = {name: value.numpy() for name, value in net.state_dict().items() if not name.startswith("head.")}
    probes = shown(tensors, rng.uniform(0.0, 255.0, size=(5, 8, 8)))
    assert probes.images.shape == (5, 3, 16, 16)
    head = torch.from_numpy(answers(tensors, probes)[-1])
    with torch.no_grad():
        np.testing.assert_allclose(net.head(head), net(torch.from_numpy(probes.images)), rtol=1e-9)


def test_alignment_is_that_of_its_kernels(rng):
    for p in (5, 50):
        a, b = rng.normal(size=(20, p)), rng.normal(size=(20, p + 2))
        centre = np.eye(20) - 1.0 / 20
        of_a, of_b = centre @ a @ a.T @ centre, centre @ b @ b.T @ centre
        wanted = (of_a * of_b).sum() / np.sqrt((of_a**2).sum() * (of_b**2).sum())
        assert centred_kernel_alignment(a, b) == pytest.approx(wanted)
    a = rng.normal(size=(20, 5))
    turned = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    assert centred_kernel_alignment(a, 2.0 * a @ turned + 1.0) == pytest.approx(1.0)
    assert centred_kernel_alignment(a, np.ones((20, 2))) == 0.0


def test_what_cannot_be_run_has_no_features(rng):
    digits = np.zeros((2, 8, 8))
    assert probes_of({"layer1.0.conv1.weight": rng.normal(size=(4, 3, 3, 3))}, digits) is None
    assert probes_of({**dense(rng), "norm.weight": np.ones(8)}, digits) is None
    models = [Model({"w": rng.normal(size=(4, 3))}, None, None) for _ in range(3)]
    known = Measured.of(models, [-1, 0, 0])
    assert known.found(known.distances["features, CKA"]) is None
    assert np.isfinite(known.inputs()).all()


def test_the_page_says_so_in_the_cell(run, rng, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    for cell in ("dense", "other"):
        folder = tmp_path / cell / "0"
        folder.mkdir(parents=True)
        root = dense(rng) if cell == "dense" else {"layer1.weight": rng.normal(size=(4, 3, 3, 3))}
        for name in ("a", "b", "c"):
            own = root if name == "a" else {key: 1.2 * value + 0.1 for key, value in root.items()}
            stored = {key: value.astype(np.float32) for key, value in own.items()}
            safetensors.save_file(stored, folder / f"{name}.safetensors")
        edges = [{"parent": "a.safetensors", "child": f"{name}.safetensors", "kind": "finetune"} for name in "bc"]
        truth = {"group": cell, "complete": True, "roots": ["a.safetensors"], "edges": edges}
        (folder / "truth.json").write_text(json.dumps(truth))
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    text = run("lab", "table", "lineage", "--checkpoints", tmp_path, "-q").stdout
    row = next(line for line in text.splitlines() if line.startswith("| features, CKA"))
    assert "/" in row.split("|")[2]
    assert row.split("|")[3].strip() == "cannot be run"
    learnt_row = next(line for line in text.splitlines() if line.startswith("| learnt"))
    assert learnt_row.count("/") == 2
