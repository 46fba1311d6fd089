"""The stacked networks against torch's own layers."""

import pytest

torch = pytest.importorskip("torch")

from neural_phylogeny.lab.families.architectures import Architecture  # noqa: E402
from neural_phylogeny.lab.families.initial import initial  # noqa: E402
from neural_phylogeny.lab.families.layout import Layout  # noqa: E402
from neural_phylogeny.lab.families.networks import forward  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(("cell", "module"), [("elman", "RNN"), ("gru", "GRU"), ("lstm", "LSTM")])
def test_the_cells_are_those_of_torch(cell, module, rng):
    architecture = Architecture("recurrent", 8, 10, (12,), "tanh", cell)
    layout = Layout.of(architecture)
    tensors = layout.views(torch.from_numpy(initial(architecture, "default", 1.0, rng))[None])
    x = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(0))
    rnn = getattr(torch.nn, module)(8, 12, batch_first=True)
    rnn.load_state_dict({name[4:]: t[0] for name, t in tensors.items() if name.startswith("rnn.")})
    last = rnn(x[0].view(5, 8, 8))[0][:, -1]
    expected = last @ tensors["head.weight"][0].T + tensors["head.bias"][0]
    torch.testing.assert_close(forward(architecture, tensors, x)[0], expected)


def test_the_convolutions_are_those_of_torch(rng):
    architecture = Architecture("conv-norm", 10, 10, (4, 6))
    layout = Layout.of(architecture)
    tensors = layout.views(torch.from_numpy(initial(architecture, "kaiming-normal", 1.0, rng))[None])
    net = torch.nn.Sequential()
    for inputs, outputs in ((1, 4), (4, 6)):
        conv = torch.nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        net.extend([conv, torch.nn.BatchNorm2d(outputs), torch.nn.ReLU()])
    net.extend([torch.nn.Flatten(), torch.nn.Linear(6 * 9, 10)])
    net.load_state_dict({name: t[0] for name, t in tensors.items()}, strict=False)
    x = torch.randn(1, 7, 100, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(forward(architecture, tensors, x, {})[0], net(x[0].view(7, 1, 10, 10)))
    torch.testing.assert_close(forward(architecture, tensors, x)[0].isfinite().all(), torch.tensor(True))
