"""Approximations of neural lineage: each measure finds a planted parent, features need a network that can be run."""

import json

import numpy as np
import pytest

from neural_phylogeny.lab.bench.tables.lineage import (
    MEASURES,
    Model,
    answers,
    centred_kernel_alignment,
    found_parents,
)


def dense(rng, parent=None):
    """A dense network of two hidden layers, or one near another."""
    shapes = {"layers.0.weight": (12, 16), "layers.0.bias": (12,), "layers.1.weight": (8, 12), "layers.1.bias": (8,)}
    if parent is None:
        return {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {name: values + 0.2 * rng.normal(size=values.shape) for name, values in parent.items()}


@pytest.mark.parametrize("measure", MEASURES)
def test_planted_parents_are_found(measure, rng):
    roots = [dense(rng), dense(rng)]
    tensors = [*roots, *(dense(rng, roots[k % 2]) for k in range(6))]
    probes = rng.normal(size=(40, 16))
    models = [Model(each, answers(each, probes)) for each in tensors]
    given, alone = found_parents(models, [-1, -1, 0, 1, 0, 1, 0, 1], measure)
    assert given == 6
    assert alone >= 4  # a child of a smaller norm than its parent is no candidate's child


def test_alignment_is_that_of_its_kernels(rng):
    a, b = rng.normal(size=(20, 5)), rng.normal(size=(20, 7))
    centre = np.eye(20) - 1.0 / 20
    of_a, of_b = centre @ a @ a.T @ centre, centre @ b @ b.T @ centre
    wanted = (of_a * of_b).sum() / np.sqrt((of_a**2).sum() * (of_b**2).sum())
    assert centred_kernel_alignment(a, b) == pytest.approx(wanted)
    turned = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    assert centred_kernel_alignment(a, 2.0 * a @ turned + 1.0) == pytest.approx(1.0)
    assert centred_kernel_alignment(a, np.ones((20, 2))) == 0.0


def test_what_cannot_be_run_has_no_features(rng):
    kernels = {"convs.0.weight": rng.normal(size=(4, 3, 3, 3))}
    assert answers(kernels, np.zeros((2, 27))) is None
    models = [Model(kernels, None) for _ in range(3)]
    assert found_parents(models, [-1, 0, 0], "features, CKA") == (-1, -1)


def test_the_page_says_so_in_the_cell(run, rng, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    for cell in ("dense", "conv"):
        folder = tmp_path / cell / "0"
        folder.mkdir(parents=True)
        root = dense(rng) if cell == "dense" else {"convs.0.weight": rng.normal(size=(4, 3, 3, 3))}
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
    assert row.split("|")[2].strip() == "cannot be run"
    assert "/" in row.split("|")[3]
