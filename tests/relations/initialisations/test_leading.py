"""The leading values of a family: in the order of construction, without the vectors of norms."""

import numpy as np

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.relations.initialisations.leading import read_leading
from neural_phylogeny.tensors.alignment import align


def read(models):
    checkpoints = [MemoryCheckpoint(model) for model in models]
    alignment = align([each.tensors for each in checkpoints], [str(k) for k in range(len(models))])
    return read_leading(checkpoints, alignment)


def network(rng):
    shapes = {
        "fc.10.weight": (4, 30),
        "fc.10.bias": (4,),
        "fc.2.weight": (30, 20),
        "fc.2.bias": (30,),
        "norm.bias": (30,),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in sorted(shapes.items())}


def test_sorted_names_are_read_in_the_order_of_their_numbers_weights_first():
    rng = np.random.default_rng(0)
    models = [network(rng) for _ in range(2)]
    found = read(models)
    assert [tensor.name for tensor in found] == ["fc.2.weight", "fc.2.bias", "fc.10.weight", "fc.10.bias"]
    assert found[0].fans == found[1].fans == (20, 30)
    np.testing.assert_array_equal(found[0].values[1], models[1]["fc.2.weight"].ravel())


def test_the_order_of_a_state_dict_is_kept():
    rng = np.random.default_rng(1)
    model = {"z.weight": rng.normal(size=(6, 5)), "a.weight": rng.normal(size=(5, 6))}
    assert [tensor.name for tensor in read([model, model])] == ["z.weight", "a.weight"]
