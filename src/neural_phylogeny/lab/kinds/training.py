"""Training of the small networks: whole, some layers of them, or low-rank factors beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from neural_phylogeny.lab.kinds.networks import CLASSES, PLACES, TOKENS, Architecture

State = dict[str, Tensor]
Batches = Callable[[torch.Generator], tuple[Tensor, Tensor]]
"""Inputs and labels of a step."""

BATCH = 48


@lru_cache
def _digits() -> tuple[Tensor, Tensor]:
    digits = load_digits()
    return torch.tensor(digits.images / 8.0 - 1.0, dtype=torch.float32).unsqueeze(1), torch.tensor(digits.target)


def images(task: int) -> Batches:
    """Digits; of task 1 transposed, of 2 inverted, of 3 shifted in their labels, of 4 upside down and inverted."""
    x, y = _digits()
    x = {1: x.transpose(2, 3), 2: -x, 4: -x.flip(2)}.get(task, x)
    y = (y + 3) % CLASSES if task == 3 else y

    def batches(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(x), (BATCH,), generator=generator)
        return x[chosen], y[chosen]

    return batches


def text(task: int) -> Batches:
    """Sequences of a random chain of tokens of its own."""
    rng = np.random.default_rng(100 + task)
    rows = np.cumsum(rng.dirichlet(np.full(TOKENS, 0.05), size=TOKENS), axis=1)

    def batches(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        drawn = torch.rand(PLACES, BATCH // 3, generator=generator).numpy()
        tokens = np.zeros((BATCH // 3, PLACES + 1), dtype=np.int64)
        tokens[:, 0] = (drawn[0] * TOKENS).astype(np.int64)
        for k in range(PLACES):
            tokens[:, k + 1] = np.minimum((rows[tokens[:, k]] < drawn[k][:, None]).sum(axis=1), TOKENS - 1)
        found = torch.from_numpy(tokens)
        return found[:, :-1], found[:, 1:]

    return batches


def batches_of(architecture: Architecture, task: int) -> Batches:
    """The task of this number for an architecture."""
    return text(task) if architecture.text else images(task)


def started(architecture: Architecture, width: int, seed: int) -> State:
    """A random initialisation."""
    torch.manual_seed(seed)
    return state_of(architecture.build(width))


def state_of(net: nn.Module) -> State:
    """Weights and buffers, apart from the network."""
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def with_weights(architecture: Architecture, width: int, state: Mapping[str, Tensor]) -> nn.Module:
    """A network with given weights."""
    net = architecture.build(width)
    net.load_state_dict(dict(state))
    return net


def trained(
    architecture: Architecture,
    width: int,
    state: State,
    task: int,
    steps: int,
    seed: int,
    *,
    rate: float = 2e-3,
    momentum: bool = False,
    decay: float = 0.0,
    frozen: Callable[[str], bool] = lambda name: False,
    teacher: State | None = None,
    mask: bool = False,
) -> State:
    """The weights after some steps of AdamW, or of SGD with momentum; deterministic.

    ``teacher``: its outputs are the targets. ``mask``: zeros stay zero.
    """
    net = with_weights(architecture, width, state)
    guide = None if teacher is None else with_weights(architecture, width, teacher).eval()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(not frozen(name))
    chosen = [parameter for parameter in net.parameters() if parameter.requires_grad]
    zeros = [(parameter, parameter.detach() != 0) for parameter in chosen] if mask else []
    optimiser: torch.optim.Optimizer = torch.optim.AdamW(chosen, lr=rate, weight_decay=decay)
    if momentum:
        optimiser = torch.optim.SGD(chosen, lr=20 * rate, momentum=0.9, weight_decay=decay)
    generator, batches = torch.Generator().manual_seed(seed), batches_of(architecture, task)
    for _ in range(steps):
        x, y = batches(generator)
        optimiser.zero_grad()
        scores = net(x)
        if guide is not None:
            with torch.no_grad():
                target = guide(x)
            loss = functional.kl_div(scores.log_softmax(-1), target.softmax(-1), reduction="batchmean")
        else:
            loss = functional.cross_entropy(scores.flatten(0, -2), y.flatten())
        torch.autograd.backward(loss)
        optimiser.step()
        for parameter, kept in zeros:
            parameter.data.mul_(kept)
    return state_of(net)


def adapted(
    architecture: Architecture, width: int, state: State, task: int, steps: int, seed: int, rank: int, *, dora: bool
) -> tuple[State, State]:
    """A low-rank adapter trained on some matrices, and the merged model: ``(factors, merged)``.

    Factors have the names that PEFT gives them; merged = base + 2 B A, or with ``dora`` its rows at learnt lengths.
    """
    net = with_weights(architecture, width, state)
    torch.manual_seed(seed)
    names = [
        n for n, t in state.items() if t.dim() == 2 and min(t.shape) >= 24 and "embed" not in n and "head" not in n
    ]
    names = [n for n in names if "position" not in n]
    factors: State = {}
    for name in names:
        height, inputs = state[name].shape
        factors[f"{name}.a"] = (torch.randn(rank, inputs) / inputs**0.5).requires_grad_()
        factors[f"{name}.b"] = torch.zeros(height, rank, requires_grad=True)
        if dora:
            factors[f"{name}.m"] = state[name].norm(dim=1).clone().requires_grad_()

    def merged() -> State:
        found = {}
        for name in names:
            weight = state[name] + 2.0 * factors[f"{name}.b"] @ factors[f"{name}.a"]
            if dora:
                weight = factors[f"{name}.m"][:, None] * weight / weight.norm(dim=1, keepdim=True)
            found[name] = weight
        return found

    optimiser = torch.optim.AdamW(list(factors.values()), lr=5e-3, weight_decay=0.0)
    generator, batches = torch.Generator().manual_seed(seed), batches_of(architecture, task)
    net.eval()
    for _ in range(steps):
        x, y = batches(generator)
        optimiser.zero_grad()
        scores = functional_call(net, merged(), (x,))
        torch.autograd.backward(functional.cross_entropy(scores.flatten(0, -2), y.flatten()))
        optimiser.step()
    parts = {"a": "lora_A.weight", "b": "lora_B.weight", "m": "lora_magnitude_vector"}
    peft = {
        f"base_model.model.{name.removesuffix('.weight')}.{parts[key]}": factors[f"{name}.{key}"].detach().clone()
        for name in names
        for key in ("a", "b", *(("m",) if dora else ()))
    }
    return peft, {**state, **{name: tensor.detach() for name, tensor in merged().items()}}


def outputs(architecture: Architecture, width: int, state: Mapping[str, Tensor]) -> Tensor:
    """What a network answers to fixed inputs."""
    generator = torch.Generator().manual_seed(7)
    x = batches_of(architecture, 0)(generator)[0]
    with torch.no_grad():
        found: Tensor = with_weights(architecture, width, state).eval()(x)
    return found
