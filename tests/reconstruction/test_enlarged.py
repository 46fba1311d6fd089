"""The size of matrices does not decide: a family and the same family with every matrix four times as large."""

import numpy as np

from neural_phylogeny import demo, reconstruct
from neural_phylogeny.formats import open_checkpoint


def enlarged(models, seed=0):
    """Twice the rows and twice the columns, the further ones drawn from the matrix, the same ones in all models."""
    rng = np.random.default_rng(seed)
    places = {}

    def drawn(name, axis, size):
        if (name, axis, size) not in places:
            places[name, axis, size] = np.concatenate([np.arange(size), rng.integers(0, size, size)])
        return places[name, axis, size]

    found = {}
    for model, tensors in models.items():
        found[model] = dict(tensors)
        for name, values in tensors.items():
            for axis in range(min(values.ndim, 2)):
                values = np.take(values, drawn(name, axis, values.shape[axis]), axis)
            found[model][name] = values
    return found


def test_matrices_four_times_as_large_give_the_same_forest():
    models = {}
    for path in sorted(demo.folder().iterdir()):
        if path.suffix in {".safetensors", ".pth", ".npz"}:
            with open_checkpoint(path) as checkpoint:
                models[path.stem] = {
                    name: np.asarray(checkpoint.read(name)).reshape(tensor.shape)
                    for name, tensor in checkpoint.tensors.items()
                }
    small, large = reconstruct(models), reconstruct(enlarged(models))
    edges = {(edge.parent, edge.child) for edge in small.edges}
    assert len(edges) >= 10
    assert {(edge.parent, edge.child) for edge in large.edges} == edges
