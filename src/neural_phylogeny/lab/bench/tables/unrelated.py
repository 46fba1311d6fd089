"""How often are independent networks, trained on the same data with the same configuration, called related?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import nn

from neural_phylogeny.evaluation.rates import upper_bound
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.bench.tables.hard_cases import NETWORKS, classes
from neural_phylogeny.lab.families.measured import statistics_of
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.relate import Relations
from neural_phylogeny.relations.existence import existence

MODELS, STEPS = 50, 600
"""Networks of each configuration, and steps of each."""

GAUSSIAN = 6.0
"""Standard deviations from which on a Gaussian null on the cosine would claim relatedness."""

Model = dict[str, NDArray[Any]]


def mlp(pixels: int, *widths: int) -> nn.Module:
    """A dense network with rectified units and ten classes."""
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in zip((pixels, *widths), (*widths, 10), strict=True):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def conv() -> nn.Module:
    """Two convolutions, one with batch normalisation, and a dense layer."""
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
        """``(n, 1, side, side) -> (n, 10)``."""
        scores: torch.Tensor = self.head(self.lstm(images.flatten(1, 2))[0][:, -1])
        return scores


def images(folder: Path | None) -> tuple[torch.Tensor, torch.Tensor]:
    """MNIST of a folder of data sets, else the digits of scikit-learn: ``(n, 1, side, side)`` and ``(n,)``."""
    if folder is not None:
        with np.load(folder / "mnist.npz", allow_pickle=False) as data:
            x, y = data["x_train"] / 255.0, data["y_train"]
    else:
        digits = load_digits()
        x, y = digits.images / 16.0, digits.target
    return torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(y, dtype=torch.long)


def trained(net: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, rate: float) -> Model:
    """The weights of a network after some steps of AdamW."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate)
    for _ in range(steps):
        batch = torch.randint(len(x), (64,))
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def row(name: str, models: Sequence[Model]) -> tuple[list[str], int, int]:
    """A row of the table, the number of pairs and of those that are called related."""
    statistics = statistics_of(models)
    found = existence(statistics)
    pairs = np.triu_indices(len(models), 1)
    log_p, cosine, related = found.log_p[pairs], found.cosine[pairs], int(found.related[pairs].sum())
    size = sum(tensor.size for tensor in statistics.alignment.tensors if tensor.is_matrix)
    shares = [f"{float((np.exp(log_p) < q).mean()):.4f}" for q in (0.1, 0.01, 0.001)]
    claimed = int((cosine * np.sqrt(size) > GAUSSIAN).sum())
    extremes = [f"{np.exp(log_p.min()):.1e}", f"{np.abs(cosine).max():.3f}"]
    return [name, str(len(log_p)), str(related), *shares, *extremes, str(claimed)], len(log_p), related


LEVEL = 1e-3
"""The level of the relatedness test."""


def hard_row(name: str, models: Sequence[Model]) -> list[str]:
    """A row of the table of hard cases: what ``nphylo tree`` and, of each two alone, ``nphylo compare`` would claim."""
    n_pairs = len(models) * (len(models) - 1) // 2
    statistics, pairs = statistics_of(models), np.triu_indices(len(models), 1)
    found = Relations.of(statistics, LEVEL, n_pairs)
    related, alone = int(found.pairs[pairs].sum()), int(Relations.of(statistics, LEVEL, 1).pairs[pairs].sum())
    judged = float(found.existence.conclusive[pairs].mean())
    bounds = [f"{upper_bound(count, n_pairs) or 0.0:.2%}" for count in (related, alone)]
    smallest = float(np.exp(found.existence.log_p[pairs].min()))
    numbers = [str(n_pairs), f"{judged:.0%}", str(related), bounds[0], str(alone), bounds[1]]
    return [name, *numbers, str(len(found.components)), f"{smallest:.1e}"]


def hard_cases(x: torch.Tensor, y: torch.Tensor, sources: Sources) -> str:
    """Unrelated networks that resemble each other, class by class; a minute."""
    rows = []
    for name, make in classes().items():
        rows.append(hard_row(name, make(x.flatten(1), y, NETWORKS)))
        sources.progress(f"{name}: {rows[-1][3]} of {rows[-1][1]} called related")
    header = ["class", "pairs", "judged", "called related", "upper 95 % bound", "each pair alone", "upper 95 % bound"]
    text = (
        f"{NETWORKS} dense networks of each class. *Judged*: pairs with enough in common for a verdict. *Called "
        "related*: in one collection, whose level allows one such error in a thousand collections; *each pair alone*: "
        "by `nphylo compare`, whose level allows one in a thousand pairs. *Components*: pairs reported as sharing a "
        "component. One initialisation seed is no independent start: such networks are found to have it in common, "
        "which `tree` reports as an undecided group or a missing ancestor."
    )
    return "\n\n".join(["### Hard cases", text, table([*header, "components", "smallest p"], rows)])


def page(sources: Sources) -> Page:
    """Five configurations, fifty networks each, and the classes of hard cases; five minutes."""
    torch.set_num_threads(1)
    x, y = images(sources.sets)
    side = x.shape[-1]
    configurations: dict[str, tuple[Callable[[], nn.Module], float]] = {
        "mlp 256-128": (lambda: mlp(side * side, 256, 128), 1e-3),
        "mlp 32-32": (lambda: mlp(side * side, 32, 32), 3e-3),
        "mlp 16": (lambda: mlp(side * side, 16), 1e-2),
        "conv with batch norm": (conv, 3e-3),
        "lstm 32": (lambda: Recurrent(side), 1e-2),
    }
    rows: list[list[str]] = []
    total = false = 0
    for name, (make, rate) in configurations.items():
        models = []
        for seed in range(MODELS):
            torch.manual_seed(seed)
            models.append(trained(make(), x, y, STEPS, rate))
        found, pairs, related = row(name, models)
        rows.append(found)
        total, false = total + pairs, false + related
        sources.progress(f"{name}: {related} of {pairs} called related")
    header = ["configuration", "pairs", "false positives", *(f"share of p below {q}" for q in (0.1, 0.01, 0.001))]
    header += ["smallest p", "largest cosine", "a Gaussian null would claim"]
    bound = upper_bound(false, total)
    end = f"{total} independent pairs, {false} called related; upper 95 % bound {bound or 0.0:.2%}."
    return Page(
        "\n\n".join(
            [
                "### Independent networks",
                "`nphylo lab table unrelated`.",
                table(header, rows),
                end,
                hard_cases(x, y, sources),
            ]
        )
    )
