"""How often are independent networks, trained on the same data with the same configuration, called related?

    python benchmarks/strangers.py [--models 50] [--data FOLDER_WITH_mnist.npz]

Prints, per configuration, the number of pairs, the false kin, the quantiles of the p-values (a valid test has
at most a share q of the pairs below q) and the largest cosines, and what a Gaussian null on the plain cosine
would have said. The digits of scikit-learn serve where no folder is given.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.relations.existence import existence
from neural_phylogeny.statistics.one_pass import measure
from neural_phylogeny.tensors.alignment import align


def mlp(pixels: int, *widths: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in zip((pixels, *widths), (*widths, 10), strict=True):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def conv(side: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


class Recurrent(nn.Module):
    """Rows of the image as a sequence."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(side, 32, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(self.lstm(images.flatten(1, 2))[0][:, -1])
        return scores


def images(folder: str | None) -> tuple[torch.Tensor, torch.Tensor]:
    if folder:
        with np.load(Path(folder) / "mnist.npz", allow_pickle=False) as data:
            x, y = data["x_train"] / 255.0, data["y_train"]
    else:
        digits = load_digits()
        x, y = digits.images / 16.0, digits.target
    return torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(y, dtype=torch.long)


def train(net: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, rate: float) -> dict[str, np.ndarray]:
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate)
    for _ in range(steps):
        batch = torch.randint(len(x), (64,))
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def report(name: str, models: list[dict[str, np.ndarray]]) -> int:
    checkpoints = [MemoryCheckpoint(model) for model in models]
    alignment = align([c.tensors for c in checkpoints], [str(i) for i in range(len(models))])
    found = existence(measure(checkpoints, alignment))
    pairs = np.triu_indices(len(models), 1)
    log_p, cosine, kin = found.log_p[pairs], found.cosine[pairs], int(found.related[pairs].sum())
    size = sum(t.size for t in alignment.tensors if t.is_matrix)
    gaussian = cosine * np.sqrt(size)
    below = {q: float((np.exp(log_p) < q).mean()) for q in (0.1, 0.01, 0.001)}
    print(
        f"{name:28s} pairs {len(log_p):5d}  false kin {kin}  smallest p {np.exp(log_p.min()):.1e}  "
        f"share below .1/.01/.001 {below[0.1]:.3f}/{below[0.01]:.4f}/{below[0.001]:.4f}  "
        f"largest |cosine| {np.abs(cosine).max():.3f}  a Gaussian null would claim {int((gaussian > 6).sum())}"
    )
    return kin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--data", default=os.environ.get("NPHYLO_DATA"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    x, y = images(options.data)
    side = x.shape[-1]
    configurations: dict[str, tuple[Callable[[], nn.Module], float]] = {
        "mlp 256-128": (lambda: mlp(side * side, 256, 128), 1e-3),
        "mlp 32-32": (lambda: mlp(side * side, 32, 32), 3e-3),
        "mlp 16": (lambda: mlp(side * side, 16), 1e-2),
        "conv with batch norm": (lambda: conv(side), 3e-3),
        "lstm 32": (lambda: Recurrent(side), 1e-2),
    }
    total = false = 0
    for name, (make, rate) in configurations.items():
        models = []
        for seed in range(options.models):
            torch.manual_seed(seed)
            models.append(train(make(), x, y, options.steps, rate))
        false += report(name, models)
        total += len(models) * (len(models) - 1) // 2
    print(f"{total} independent pairs, {false} called related; upper 95 % bound {1 - 0.05 ** (1 / total):.2%}")


if __name__ == "__main__":
    main()
