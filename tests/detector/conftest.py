"""Small groups of models with planted relations, and detectors with random weights."""

import numpy as np
import pytest

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import names
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.triples import N_TRIPLES
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.statistics.one_pass import measure, standard_statistics
from neural_phylogeny.tensors.alignment import align


def measurements_of(models):
    """The measurements of models given as arrays by name."""
    checkpoints = [MemoryCheckpoint(model) for model in models]
    alignment = align([c.tensors for c in checkpoints], [str(k) for k in range(len(models))])
    return Measurements.of(measure(checkpoints, alignment, standard_statistics(), threads=1))


def star_of(rng, n=6, moved=0.3):
    """A root and its children, all far apart: models as arrays by name, the root third."""
    shapes = {"0.weight": (24, 20), "0.bias": (24,), "1.weight": (10, 24)}
    root = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    children = [
        {name: (w + moved * rng.normal(size=w.shape)).astype(np.float32) for name, w in root.items()}
        for _ in range(n - 1)
    ]
    return [*children[:2], root, *children[2:]]


@pytest.fixture
def star(rng):
    return star_of(rng)


@pytest.fixture
def measured_star(star):
    return measurements_of(star)


def random_weights(config, seed=0):
    """Weights by name as training leaves them, but random; needs torch."""
    import torch

    from neural_phylogeny.lab.training.network import Detector

    torch.manual_seed(seed)
    model = Detector(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.mean.normal_()
    model.deviation.uniform_(0.5, 2.0)
    return model, {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}


N_FEATURES = len(names())


def random_inputs(rng, n, n_features=N_FEATURES, n_triples=N_TRIPLES):
    """Random inputs of a network for n models."""
    pairs = rng.normal(size=(n, n, n_features)).astype(np.float32)
    triples = rng.normal(size=(n, n, n, n_triples)).astype(np.float16)
    return Inputs(pairs, triples, np.tile(np.arange(n), (n, 1)))


@pytest.fixture
def small_config():
    return DetectorConfig(n_features=N_FEATURES, hidden=16, width=8, n_blocks=2, n_heads=2, channels=4, messages=5)
