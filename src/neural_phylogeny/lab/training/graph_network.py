"""A small graph network over the similarity graph of a family, in place of the detector; needs torch.

Models are nodes with their ranks among the family (norm, moments, exact marks), edges the absolute cosines. Two rounds
of messages, then a perceptron on the ends of each ordered pair, as link prediction with graph networks does (Kipf and
Welling, 2016; Hamilton, Ying and Leskovec, 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import names
from neural_phylogeny.detector.network import Inputs, Probabilities, TrainedDetector
from neural_phylogeny.lab.training.examples import Example
from neural_phylogeny.lab.training.pair_learners import LENGTHS, SIMILARITY

WIDTH, ROUNDS, EPOCHS, RATE, BATCH = 32, 2, 30, 3e-3, 32

OF_NODES = tuple(
    name for name in names() if name.endswith("rank_of_j") and name.partition(".")[0] in ("norms", "moments", "exact")
)
"""Features of a pair that are of its second model alone."""


class GraphNetwork(nn.Module):
    """Scores of parents: ``(groups, n, k), (groups, n, n, e) -> (groups, n, n)``; own score: none here."""

    def __init__(self, of_nodes: int, of_edges: int) -> None:
        super().__init__()
        sizes = [of_nodes, *[WIDTH] * ROUNDS]
        self.own = nn.ModuleList(nn.Linear(size, WIDTH) for size in sizes[:-1])
        self.neighbours = nn.ModuleList(nn.Linear(size, WIDTH) for size in sizes[:-1])
        self.pair = nn.Sequential(nn.Linear(2 * WIDTH + of_edges, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        n = nodes.shape[1]
        weights = edges[..., 0] * (1.0 - torch.eye(n))
        weights = weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-6)
        for own, neighbours in zip(self.own, self.neighbours, strict=True):
            nodes = (own(nodes) + neighbours(weights @ nodes)).relu()
        ends = torch.cat([nodes[:, :, None].expand(-1, -1, n, -1), nodes[:, None].expand(-1, n, -1, -1)], dim=3)
        return self.pair(torch.cat([ends, edges], dim=3))[..., 0]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class GraphDetector(TrainedDetector):
    """A graph network that has learnt, for methods that ask a detector."""

    model: GraphNetwork = field(kw_only=True)

    def probabilities(self, inputs: Inputs) -> Probabilities:
        """Of every possible parent. Parents are never missing."""
        nodes, edges = graph(inputs.pairs)
        with torch.no_grad():
            scores = self.model(torch.from_numpy(nodes[None]), torch.from_numpy(edges[None]))[0]
        return Probabilities(scores.softmax(dim=0).double().numpy(), np.zeros(len(nodes)))


def graph(pairs: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Nodes ``(n, k)`` and edges ``(n, n, e)`` from features of pairs ``(n, n, n_features)``.

    Edges have the absolute cosine first, then which model is longer, then whether the pair is a model with itself.
    """
    column = {name: k for k, name in enumerate(names())}
    nodes = pairs[:, :, [column[name] for name in OF_NODES]].mean(axis=0)
    similar = np.abs(np.nan_to_num(pairs[:, :, column[SIMILARITY]]))
    lengths = np.nan_to_num(pairs[:, :, [column[name] for name in LENGTHS]])
    itself = np.eye(len(pairs))[:, :, None]
    edges = np.concatenate([similar[:, :, None], lengths, itself], axis=2)
    return np.nan_to_num(nodes).astype(np.float32), edges.astype(np.float32)


def graph_network(examples: Sequence[Example], seed: int = 0) -> GraphDetector:
    """A graph network trained on examples by cross-entropy over the parents of each model; a minute for 2,000 groups.

    Examples
    --------
    >>> graph_network([]).model.pair[0].in_features
    69
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    known = [(*graph(example.features), example.parents) for example in examples]
    model = GraphNetwork(len(OF_NODES), 2 + len(LENGTHS))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=1e-3)
    for epoch in range(EPOCHS if examples else 0):
        optimiser.param_groups[0]["lr"] = RATE * (1.0 - epoch / EPOCHS)
        for nodes, edges, parents in _batches(known, rng):
            loss = nn.functional.cross_entropy(model(nodes, edges), parents)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
    return GraphDetector(DetectorConfig(n_features=len(names())), (), names(), {}, model=model.eval())


Known = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


def _batches(known: Sequence[Known], rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Groups of one size together, in a new order; a model without a parent here is its own."""
    by_size = groupby(sorted(rng.permutation(len(known)), key=lambda k: len(known[k][2])), lambda k: len(known[k][2]))
    found = []
    for n, numbers in by_size:
        some = list(numbers)
        for start in range(0, len(some), BATCH):
            chosen = [known[k] for k in some[start : start + BATCH]]
            nodes, edges = (torch.from_numpy(np.stack([one[part] for one in chosen])) for part in (0, 1))
            parents = np.stack([np.where(one[2] < 0, np.arange(n), one[2]) for one in chosen])
            found.append((nodes, edges, torch.from_numpy(parents)))
    for k in rng.permutation(len(found)):
        yield found[k]
