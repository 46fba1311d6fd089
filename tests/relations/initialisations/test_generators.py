"""PyTorch's generator in NumPy, against the installed PyTorch."""

import numpy as np
import pytest

from neural_phylogeny.relations.initialisations.generators import TorchGenerator

torch = pytest.importorskip("torch")

SEEDS = (0, 42, 3407, 2**31 + 5)


@pytest.mark.parametrize("seed", SEEDS)
def test_uniform_numbers_are_the_librarys_to_the_last_bit(seed):
    torch.manual_seed(seed)
    expected = torch.empty(1000).uniform_(-0.25, 0.75).numpy()
    assert (TorchGenerator(seed).uniform(1000, -0.25, 0.75).astype(np.float32) == expected).all()


@pytest.mark.parametrize("sizes", [(16,), (17,), (100, 40), (15,), (3, 4, 8), (7, 33, 1, 5, 16)])
def test_normal_numbers_follow_in_any_sizes(sizes):
    torch.manual_seed(7)
    generator = TorchGenerator(7)
    for size in sizes:
        expected = torch.empty(size).normal_(0.5, 2.0).numpy()
        np.testing.assert_allclose(generator.normal(size, 0.5, 2.0), expected, atol=1e-5)
    assert generator.uniform(1, 0, 1)[0] == torch.rand(1).item()


def test_truncated_draws_of_both_ages_of_the_library():
    bounds = (0.0, 0.5, -1.0, 1.0)
    torch.manual_seed(3)
    expected = torch.nn.init.trunc_normal_(torch.empty(20, 10), *bounds).numpy().ravel()
    drawn = [TorchGenerator(3).rejected_normal(200, *bounds), TorchGenerator(3).truncated_normal(200, *bounds)]
    assert min(np.abs(each - expected).max() for each in drawn) < 1e-5


def test_orthogonal_draws():
    torch.manual_seed(3)
    generator = TorchGenerator(3)
    for shape in ((12, 30), (30, 12), (16, 16)):
        expected = torch.nn.init.orthogonal_(torch.empty(shape), gain=1.4).numpy()
        np.testing.assert_allclose(generator.orthogonal(*shape, gain=1.4), expected, atol=1e-4)


def test_layers_take_the_next_words_in_the_order_of_construction():
    torch.manual_seed(11)
    layers = [torch.nn.Linear(20, 30), torch.nn.Conv2d(3, 8, 3), torch.nn.LSTM(6, 10), torch.nn.Embedding(50, 4)]
    generator = TorchGenerator(11)
    for layer, fan_in in zip(layers[:2], (20, 27), strict=True):
        for parameter in layer.parameters():
            drawn = generator.uniform(parameter.numel(), -(fan_in**-0.5), fan_in**-0.5)
            np.testing.assert_allclose(drawn, parameter.detach().numpy().ravel(), atol=1e-7)
    for parameter in layers[2].parameters():
        drawn = generator.uniform(parameter.numel(), -(10**-0.5), 10**-0.5)
        np.testing.assert_allclose(drawn, parameter.detach().numpy().ravel(), atol=1e-7)
    np.testing.assert_allclose(generator.normal(200), layers[3].weight.detach().numpy().ravel(), atol=1e-5)


def test_a_generator_can_begin_in_the_middle():
    assert TorchGenerator(1, place=50).uniform(3, 0, 1).tolist() == TorchGenerator(1).uniform(53, 0, 1)[50:].tolist()
