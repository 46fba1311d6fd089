"""Quantised modules of every kind that torch has, saved in every way, against torch's own dequantised weights."""

import copy
import warnings

import numpy as np
import pytest
import torch
import torch.ao.quantization as quantization
from torch import nn

from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.pytorch.inert import Inert
from neural_phylogeny.formats.pytorch.packed import unpacked, weight_and_bias

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


class Static(nn.Module):
    """Every layer that can be quantised statically; convolutions keep their weights in their state."""

    def __init__(self):
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.conv1, self.conv2, self.relu = nn.Conv1d(3, 8, 3), nn.Conv2d(1, 8, 3), nn.ReLU()
        self.up, self.bn, self.conv3 = nn.ConvTranspose2d(8, 6, 3), nn.BatchNorm2d(6), nn.Conv3d(2, 4, 3)
        self.fc, self.no_bias, self.norm = nn.Linear(6, 5), nn.Linear(5, 4, bias=False), nn.LayerNorm(4)
        self.words, self.bag = nn.Embedding(20, 12), nn.EmbeddingBag(20, 12)

    def forward(self, x, x1, x3):
        x = self.bn(self.up(self.relu(self.conv2(self.quant(x)))))
        x = self.norm(self.no_bias(self.fc(x.mean((2, 3)))))
        return self.dequant(x), self.dequant(self.conv1(self.quant(x1))), self.dequant(self.conv3(self.quant(x3)))


class Recurrent(nn.Module):
    """Layers that are quantised dynamically; recurrent ones keep all weights of a layer in one object."""

    def __init__(self):
        super().__init__()
        self.lstm, self.gru = nn.LSTM(12, 16, 2, bidirectional=True), nn.GRU(32, 10, bidirectional=True)
        self.deep, self.cell, self.fc = nn.LSTM(20, 20, 2), nn.LSTMCell(4, 5), nn.Linear(20, 5)

    def forward(self, x):
        x, _ = self.lstm(x)
        x, _ = self.gru(x)
        x, _ = self.deep(x)
        return self.fc(x)


EXAMPLES = torch.randn(4, 1, 8, 8), torch.randn(4, 3, 9), torch.randn(2, 2, 5, 5, 5)


@pytest.fixture(scope="module")
def static():
    """A float net and its quantised copy; embeddings of eight and of four bits."""
    engines = torch.backends.quantized.supported_engines
    engine = torch.backends.quantized.engine = "x86" if "x86" in engines else engines[-1]
    torch.manual_seed(0)
    net = Static().eval()
    config = quantization.get_default_qconfig(engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantised = quantization.fuse_modules(copy.deepcopy(net), [["conv2", "relu"]])
        for child in quantised.children():
            child.qconfig = config
        quantised.up.qconfig = quantization.default_qconfig
        quantised.words.qconfig = quantization.float_qparams_weight_only_qconfig
        quantised.bag.qconfig = quantization.float_qparams_weight_only_qconfig_4bit
        quantization.prepare(quantised, inplace=True)
        quantised(*EXAMPLES)
        quantization.convert(quantised, inplace=True)
    return net, quantised


def saved(net, how, path):
    if how == "state dict":
        torch.save(net.state_dict(), path)
    elif how == "module":
        torch.save(net, path)
    elif how == "script":
        torch.jit.script(net).save(path)
    else:
        torch.jit.trace(net, EXAMPLES).save(path)
    return path


@pytest.mark.parametrize("how", ["state dict", "module", "script", "trace"])
def test_statically_quantised_layers_have_the_float_names_again(static, how, tmp_path):
    net, quantised = static
    with open_checkpoint(saved(quantised, how, tmp_path / "x.pt")) as checkpoint:
        for name, expected in net.state_dict().items():
            assert checkpoint.tensors[name].shape == tuple(expected.shape), name
        for layer in ("conv1", "conv2", "up", "conv3", "fc", "no_bias", "words", "bag"):
            module = getattr(quantised, layer)
            weight = module.weight().dequantize().numpy()
            info = checkpoint.tensors[f"{layer}.weight"]
            assert (info.codes, info.code_bits) == ("torch", 4 if layer == "bag" else 8)
            read = checkpoint.read(f"{layer}.weight")
            np.testing.assert_allclose(read.reshape(weight.shape), weight, rtol=1e-6, atol=1e-6)
            np.testing.assert_array_equal(checkpoint.read(f"{layer}.weight", 7, 20), read[7:20])
        for layer in ("conv1", "conv2", "up", "conv3", "fc"):
            bias = getattr(quantised, layer).bias().detach().numpy()
            np.testing.assert_array_equal(checkpoint.read(f"{layer}.bias"), bias)
        assert "no_bias.bias" not in checkpoint.tensors


@pytest.mark.parametrize("dtype", [torch.qint8, torch.float16], ids=str)
@pytest.mark.parametrize("how", ["state dict", "module", "script"])
def test_dynamically_quantised_recurrent_layers_have_the_float_names_again(how, dtype, tmp_path):
    torch.manual_seed(0)
    net = Recurrent().eval()
    kinds = {nn.LSTM, nn.GRU, nn.LSTMCell, nn.Linear}
    quantised = quantization.quantize_dynamic(net, kinds, dtype=dtype)
    with open_checkpoint(saved(quantised, how, tmp_path / "x.pt")) as checkpoint:
        for name, expected in net.state_dict().items():
            assert checkpoint.tensors[name].shape == tuple(expected.shape), name
            error = np.abs(checkpoint.read(name) - expected.numpy().reshape(-1)).max()
            assert error <= expected.abs().max() / (250 if dtype is torch.qint8 else 1000), name


def test_half_a_step_is_the_most_that_a_weight_is_off(tmp_path):
    weight = torch.randn(6, 5)
    scales = (weight.abs().amax(1) / 127).double()
    stored = torch.quantize_per_channel(weight, scales, torch.zeros(6, dtype=torch.int64), 0, torch.qint8)
    torch.save({"a.weight": stored}, tmp_path / "x.pt")
    with open_checkpoint(tmp_path / "x.pt") as checkpoint:
        error = np.abs(checkpoint.read("a.weight").reshape(6, 5) - weight.numpy())
    assert (error <= 0.5001 * scales.numpy()[:, None]).all()


def test_a_packed_object_of_something_else_has_no_tensors():
    assert weight_and_bias([1, "text", {"a": 1}]) == (None, None)
    assert unpacked("lstm._all_weight_values.0.param", Inert()) == {}
    loop: list[object] = []
    loop.append(loop)
    assert unpacked("fc._packed_params", loop) == {}
