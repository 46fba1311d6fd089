"""Which datasets of an HDF5 file are weights, in the order of the layers where the file tells it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neural_phylogeny.formats.hdf5 import Tree

NOT_WEIGHTS = ("optimizer", "metrics")
"""Beginnings of the outermost groups that hold a trainer's state."""

CONTAINERS = frozenset({"layers", "vars", "_layer_checkpoint_dependencies"})
"""Groups that structure a file and are not part of a weight's name."""


def weights_of(tree: Tree) -> Iterator[tuple[str, Any]]:
    """(name, dataset) in the order of the layers where the file tells it, else by name."""
    root = tree.child(tree.root, "model_weights") if tree.has(tree.root, "model_weights") else tree.root
    layers = tree.names(root, "layer_names")
    if layers is None:
        for path, dataset in tree.walk(root, NOT_WEIGHTS):
            yield "/".join([key for key in path[:-1] if key not in CONTAINERS] + [path[-1]]), dataset
        return
    if tree.has(root, "top_level_model_weights"):
        layers = [*layers, "top_level_model_weights"]
    for layer in dict.fromkeys(layers):
        group = tree.child(root, layer)
        weights = tree.names(group, "weight_names")
        if weights is None:
            for path, dataset in tree.walk(group):
                yield "/".join([layer, *path]), dataset
        else:
            for weight in weights:
                yield f"{layer}/{weight}", tree.child(group, weight)
