"""The paper's own learned detector, by its own protocol; needs torch.

A transformer reads tokens of the weights of all models of one collection and scores, for every model, each other one
and "none" as its parent. It is trained on seven in ten of the collection's children, with their parents known, stopped
by one in ten and tested on the last two: so it has seen the parents, and knows nothing of any other collection. (Yu and
Wang, *Neural Phylogeny*, ICLR 2025; the paper gives no code, and this reading of it is ours.)

A token is the weights of one matrix of one model. They are given by the Gram matrix of the cached statistics: its
eigenvectors are coordinates in which every distance and angle is that of the weights themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.statistics.results import Statistics

Array = NDArray[np.float64]

SHARES = (0.7, 0.1)
"""Of the children to train on and to stop by; the rest are for testing."""

LEAST = 5
"""Children that a collection must have, so that each part of the split has one."""


@dataclass(frozen=True)
class PaperRecipe:
    """How the detector of one collection is trained."""

    steps: int = 200
    rate: float = 3e-3
    decay: float = 1e-2
    width: int = 64
    n_heads: int = 4
    n_layers: int = 2
    noise: float = 0.05
    look_every: int = 10


@dataclass(frozen=True)
class PaperScore:
    """What one run reached on its test children: right parents and rightly ordered edges, of how many."""

    right: int
    directed: float
    children: int


class PaperDetector(nn.Module):
    """Tokens of n models and m matrices, ``(n, m, n_coordinates)``, to scores.

    The mean cosine of the tokens of two models is added with a learnt weight: with so few children to learn from, a
    network finds out late that a parent is alike.
    """

    def __init__(self, n_matrices: int, n_coordinates: int, recipe: PaperRecipe) -> None:
        super().__init__()
        width = recipe.width
        self.token = nn.Linear(n_coordinates, width)
        self.matrix = nn.Parameter(0.1 * torch.randn(n_matrices, width))

        def encoder(n_layers: int) -> nn.TransformerEncoder:
            layer = nn.TransformerEncoderLayer(
                width, recipe.n_heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            return nn.TransformerEncoder(layer, n_layers, enable_nested_tensor=False)

        self.over_matrices, self.over_models = encoder(1), encoder(recipe.n_layers)
        self.as_parent, self.as_child = nn.Linear(width, width), nn.Linear(width, width)
        self.none = nn.Linear(width, 1)
        self.likeness = nn.Parameter(torch.tensor(20.0))

    def forward(self, coordinates: Tensor) -> Tensor:
        """``(n + 1, n)``: row i for i as the parent of j, the last for none; a model is not its own parent."""
        tokens = self.over_matrices(self.token(coordinates) + self.matrix)  # (n, m, width)
        models = self.over_models(tokens.mean(dim=1)[None])[0]  # (n, width)
        scores = self.as_parent(models) @ self.as_child(models).T / models.shape[1] ** 0.5  # (n, n)
        directions = nn.functional.normalize(coordinates, dim=2)
        cosines = torch.einsum("imc,jmc->ij", directions, directions) / coordinates.shape[1]  # (n, n)
        scores = scores + self.likeness * cosines
        scores = scores.masked_fill(torch.eye(len(models), dtype=torch.bool), -1e9)
        return torch.cat([scores, self.none(models).T])


def coordinates(statistics: Statistics) -> NDArray[np.float32]:
    """The weights up to a rotation: ``(n_models, n_matrices, n_models)``; zeros for a matrix that a model lacks.

    Inner products over the last axis are those of the weights over the mean squared norm of the matrix. O(m n^3).
    """
    n, found = statistics.alignment.n_models, []
    for tensor, arrays in statistics:
        gram = arrays["gram"]
        if not tensor.is_matrix or not np.isfinite(gram).all() or not np.trace(gram) > 0:
            continue
        values, vectors = np.linalg.eigh(gram / np.diag(gram).mean())
        placed = np.zeros((n, n))
        placed[np.ix_(tensor.members, range(len(gram)))] = vectors * np.sqrt(np.maximum(values, 0.0))
        found.append(placed)
    if not found:
        raise SavedFileError("no matrix is shared by two models: there is nothing to read")
    return np.stack(found, axis=1).astype(np.float32)


def split(parents: NDArray[np.int64], seed: int) -> tuple[Array, Array, Array]:
    """Children to train on, to stop by and to test on, 7:1:2, drawn anew for each seed.

    Raises
    ------
    SavedFileError
        When there are too few children.
    """
    children = np.random.default_rng(seed).permutation(np.flatnonzero(parents >= 0))
    if len(children) < LEAST:
        raise SavedFileError(f"the paper's protocol needs {LEAST} children to split, and there are {len(children)}")
    first = round(SHARES[0] * len(children))
    second = first + max(1, round(SHARES[1] * len(children)))
    return children[:first], children[first:second], children[second:]


def run(statistics: Statistics, parents: NDArray[np.int64], seed: int, recipe: PaperRecipe | None = None) -> PaperScore:
    """Train on some children of a collection and test on others; a second or so.

    Parameters
    ----------
    statistics : Statistics
        Of the whole collection.
    parents : (n_models,)
        The truth, -1 for a root. Roots are trained on too: their answer is "none".
    seed : int
        Of the split, the first weights and the noise.
    """
    recipe = recipe or PaperRecipe()
    torch.manual_seed(seed)
    known, stop, test = split(parents, seed)
    given = torch.from_numpy(coordinates(statistics))
    n = len(parents)
    wanted = torch.from_numpy(np.where(parents < 0, n, parents))
    trained_on = torch.from_numpy(np.concatenate([known, np.flatnonzero(parents < 0)]))
    stopped_by = torch.from_numpy(stop)
    model = PaperDetector(given.shape[1], given.shape[2], recipe)
    optimiser = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    scale = given.square().mean().sqrt()
    best, lowest = np.zeros((n + 1, n)), np.inf
    for step in range(1, recipe.steps + 1):
        model.train()
        scores = model(given + recipe.noise * scale * torch.randn_like(given))
        loss = nn.functional.cross_entropy(scores.T[trained_on], wanted[trained_on])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % recipe.look_every == 0:
            model.eval()
            with torch.no_grad():
                scores = model(given)
                reached = float(nn.functional.cross_entropy(scores.T[stopped_by], wanted[stopped_by]))
            if reached < lowest:
                best, lowest = scores.numpy(), reached
    right = int((best[:, test].argmax(axis=0) == parents[test]).sum())
    forth, back = best[parents[test], test], best[test, parents[test]]
    return PaperScore(right, float((forth > back).sum() + 0.5 * (forth == back).sum()), len(test))
