"""What is made of a model without training: disguises that keep its function, rounding, pruning, merging, growing."""

from __future__ import annotations

import re
from collections.abc import Sequence

import ml_dtypes
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from neural_phylogeny.lab.kinds.networks import Architecture, Rotation, Units
from neural_phylogeny.lab.kinds.training import State


def permuted(architecture: Architecture, state: State, generator: torch.Generator) -> State:
    """All units in another order."""
    found = dict(state)
    for units in architecture.units:
        if not units.writes:
            continue
        name, axis = units.reads[0]
        order = torch.randperm(found[name].shape[axis], generator=generator)
        for name, axis in units.reads:
            found[name] = found[name].index_select(axis, order)
        for name, axis in units.writes:
            n = len(order)
            blocks = units.blocks if name in units.stacked else 1
            every = torch.cat([order + k * n for k in range(blocks)])
            found[name] = found[name].index_select(axis, every)
    return found


def rescaled(architecture: Architecture, state: State, generator: torch.Generator) -> State:
    """Units multiplied by numbers between a quarter and four, readers divided; or signs reversed where none fit."""
    found = dict(state)
    for units in (*architecture.units, *architecture.values):
        if units.scaled is None:
            continue
        writers, readers = units.scaled
        n = found[readers[0]].shape[1]
        factors = torch.exp2(4.0 * torch.rand(n, generator=generator) - 2.0)
        if units.odd:
            factors = 2.0 * torch.randint(2, (n,), generator=generator).float() - 1.0
        for name in writers:
            _multiply(found, name, factors, units)
        for name in readers:
            found[name] = found[name] / factors.view(1, -1, *[1] * (found[name].dim() - 2))
    return found


def _multiply(found: State, name: str, factors: Tensor, units: Units) -> None:
    """Multiply the rows of a writer; of an LSTM those of the cell gate alone, which is odd."""
    rows, n = found[name], len(factors)
    if units.blocks > 1:
        every = torch.ones(units.blocks * n)
        every[2 * n : 3 * n] = factors
        factors = every
    found[name] = rows * factors.view(-1, *[1] * (rows.dim() - 1))


def rotated(rotations: Sequence[Rotation], state: State, generator: torch.Generator) -> State:
    """Units turned by random rotations; gains of norms are folded into what reads them first."""
    found = dict(state)
    for rotation in rotations:
        for gain, readers in rotation.folded:
            for name in readers:
                found[name] = found[name] * found[gain]
            found[gain] = torch.ones_like(found[gain])
        n = found[rotation.reads[0]].shape[1] // rotation.heads
        turns = [torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0] for _ in range(4)]
        whole = torch.block_diag(*turns[: rotation.heads])  # type: ignore[no-untyped-call]
        for name in rotation.reads:
            found[name] = (found[name].double() @ whole).float()
        for name in rotation.writes:
            found[name] = (whole.T @ found[name].double()).float()
    return found


def noised(state: State, level: float, generator: torch.Generator) -> State:
    """Normal noise on every matrix, relative to its own spread."""
    return {
        name: t + level * t.std() * torch.randn(t.shape, generator=generator) if _is_matrix(t) else t
        for name, t in state.items()
    }


def pruned(state: State, share: float) -> State:
    """The smallest weights of every matrix at zero."""
    return {
        name: torch.where(t.abs() <= t.abs().flatten().kthvalue(max(1, int(share * t.numel()))).values, 0.0, t)
        if _is_matrix(t)
        else t
        for name, t in state.items()
    }


def masked(state: State, share: float, generator: torch.Generator) -> State:
    """Weights at zero wherever a draw says so, so that no pruning by size has the same mask."""
    return {
        name: torch.where(torch.rand(t.shape, generator=generator) < share, 0.0, t) if _is_matrix(t) else t
        for name, t in state.items()
    }


def pruned_n_m(state: State) -> State:
    """Two of every four weights at zero."""
    found = dict(state)
    for name, t in state.items():
        if _is_matrix(t) and t.numel() % 4 == 0:
            groups = t.reshape(-1, 4)
            least = groups.abs().argsort(dim=1)[:, :2]
            found[name] = groups.scatter(1, least, 0.0).reshape(t.shape)
    return found


def cast(state: State, dtype: torch.dtype) -> State:
    """In another number type."""
    return {name: t.to(dtype) if t.is_floating_point() else t for name, t in state.items()}


def fp8(state: State) -> State:
    """Rounded to eight bits with an exponent."""
    return {
        name: torch.from_numpy(t.numpy().astype(ml_dtypes.float8_e4m3fn).astype(np.float32)) if _is_matrix(t) else t
        for name, t in state.items()
    }


def quantized(state: State, bits: int, block: int = 0) -> State:
    """On an even grid, of rows or of blocks of so many values."""
    found = dict(state)
    for name, t in state.items():
        if not _is_matrix(t):
            continue
        rows = t.reshape(-1, block) if block and t.numel() % block == 0 else t.reshape(len(t), -1)
        step = rows.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / (2 ** (bits - 1) - 1)
        found[name] = ((rows / step).round() * step).reshape(t.shape)
    return found


NF4: tuple[float, ...] = (-1.0, -0.6962, -0.5251, -0.3949, -0.2844, -0.1848, -0.0911, 0.0)
NF4 += (0.0796, 0.1609, 0.2461, 0.3379, 0.4407, 0.5626, 0.723, 1.0)


def nf4(state: State, block: int = 64) -> State:
    """The nearest of sixteen normal quantiles in blocks, the last one shorter, as bitsandbytes does."""
    levels, found = torch.tensor(NF4), dict(state)
    for name, t in state.items():
        if _is_matrix(t):
            rows = functional.pad(t.flatten(), (0, -t.numel() % block)).reshape(-1, block)
            largest = rows.abs().amax(dim=1, keepdim=True).clamp_min(1e-12)
            codes = (rows / largest)[..., None].sub(levels).abs().argmin(dim=-1)
            found[name] = (levels[codes] * largest).flatten()[: t.numel()].reshape(t.shape)
    return found


def linear(parts: Sequence[tuple[float, State]]) -> State:
    """A weighted sum."""
    return {
        name: sum((w * s[name] for w, s in parts), torch.zeros_like(t)) if t.is_floating_point() else t
        for name, t in parts[0][1].items()
    }


def arithmetic(base: State, parts: Sequence[tuple[float, State]]) -> State:
    """The base and multiples of what others added to it."""
    return linear([(1.0 - sum(w for w, _ in parts), base), *parts])


def slerp(a: State, b: State, t: float) -> State:
    """Along the arc, tensor by tensor."""
    found = {}
    for name, x in a.items():
        y = b[name]
        if not x.is_floating_point():
            found[name] = x
            continue
        cosine = float((x * y).sum() / (x.norm() * y.norm()).clamp_min(1e-12))
        angle = float(np.arccos(np.clip(cosine, -1.0, 1.0)))
        if angle < 1e-3:
            found[name] = (1 - t) * x + t * y
        else:
            found[name] = (np.sin((1 - t) * angle) * x + np.sin(t * angle) * y) / np.sin(angle)
    return {name: t if t.dtype == a[name].dtype else t.to(a[name].dtype) for name, t in found.items()}


def ties(base: State, others: Sequence[State], density: float = 0.4, scale: float = 0.8) -> State:
    """Trimmed steps, the sign that most of their sum has, and the mean of those that agree."""
    found = dict(base)
    for name, t in base.items():
        if not t.is_floating_point():
            continue
        steps = torch.stack([other[name] - t for other in others])
        flat = steps.flatten(1).abs()
        least = flat.kthvalue(max(1, int((1 - density) * flat.shape[1])), dim=1).values
        kept = torch.where(steps.abs() >= least.view(-1, *[1] * t.dim()), steps, 0.0)
        agree = (kept * kept.sum(dim=0).sign() > 0).float()
        found[name] = t + scale * (kept * agree).sum(dim=0) / agree.sum(dim=0).clamp_min(1.0)
    return found


def dare(base: State, others: Sequence[State], generator: torch.Generator, drop: float = 0.5) -> State:
    """Steps of which a share is dropped and the rest enlarged, added at half."""
    found = dict(base)
    for name, t in base.items():
        if t.is_floating_point():
            for other in others:
                kept = (torch.rand(t.shape, generator=generator) >= drop).float()
                found[name] = found[name] + 0.5 * (other[name] - t) * kept / (1.0 - drop)
    return found


def stacked(architecture: Architecture, a: State, b: State) -> State:
    """The later layers of one and everything else of the other."""
    names = list(a)
    later = set(names[len(names) // 2 :])
    if architecture.layers:
        later = {n for n in names if n.startswith(architecture.layers) and _number(architecture.layers, n) >= 1}
    return {name: b[name] if name in later else t for name, t in a.items()}


def with_layers(architecture: Architecture, state: State, order: Sequence[int]) -> State:
    """Layers left out or doubled: the new k-th layer is the old ``order[k]``-th."""
    at = architecture.layers
    before = {n: t for n, t in state.items() if not n.startswith(at)}
    first = next(n for n in state if n.startswith(at))
    found: State = {}
    for name, t in state.items():
        if name == first:
            for k, old in enumerate(order):
                found |= {f"{at}{k}.{n}": state[f"{at}{old}.{n}"] for n in _of_layer(at, state, old)}
        if name in before:
            found[name] = t
    return found


def _of_layer(at: str, state: State, k: int) -> list[str]:
    return [n.removeprefix(f"{at}{k}.") for n in state if n.startswith(f"{at}{k}.")]


def _number(at: str, name: str) -> int:
    found = re.match(re.escape(at) + r"(\d+)\.", name)
    return int(found[1]) if found else -1


def without_units(units: Units, state: State, share: float) -> State:
    """The weakest units of a group removed."""
    name, axis = units.reads[0]
    t = state[name]
    strength = t.transpose(0, axis).reshape(t.shape[axis], -1).norm(dim=1)
    kept = strength.argsort(descending=True)[: int((1 - share) * len(strength))].sort().values
    found = dict(state)
    for name, axis in units.reads:
        found[name] = found[name].index_select(axis, kept)
    for name, axis in units.writes:
        blocks = units.blocks if name in units.stacked else 1
        every = torch.cat([kept + k * len(strength) for k in range(blocks)])
        found[name] = found[name].index_select(axis, every)
    return found


def wider(units: Units, state: State, share: float, generator: torch.Generator) -> State:
    """Some units doubled, both reading alike and read at half (Net2Net): the function stays."""
    name, axis = units.reads[0]
    n = state[name].shape[axis]
    more = torch.randperm(n, generator=generator)[: int(share * n)]
    found = dict(state)
    for name, axis in units.reads:
        t = found[name].clone()
        view = t.movedim(axis, 0)
        view[more] = view[more] / 2
        found[name] = torch.cat([t, t.index_select(axis, more)], dim=axis)
    for name, axis in units.writes:
        found[name] = torch.cat([found[name], found[name].index_select(axis, more)], dim=axis)
    return found


def longer(state: State, names: Sequence[str], more: int, generator: torch.Generator) -> State:
    """More rows of a vocabulary or a head, newly initialised."""
    found = dict(state)
    for name in names:
        t = found[name]
        found[name] = torch.cat([t, 0.02 * torch.randn(more, *t.shape[1:], generator=generator)])
    return found


def ported(state: State) -> State:
    """As JAX libraries call and store it: kernels with inputs first, scales for gains."""
    found: State = {}
    for name, t in state.items():
        own = name.replace(".weight", ".kernel" if t.dim() > 1 else ".scale").replace(".", "/")
        own = own.replace("embed_tokens/kernel", "embed_tokens/embedding")
        if t.dim() == 2 and not own.endswith("embedding"):
            t = t.T
        elif t.dim() == 4:
            t = t.permute(2, 3, 1, 0)
        found[own] = t
    return found


def prefixed(state: State) -> State:
    """As a wrapper calls it."""
    return {f"_orig_mod.module.{name}": t for name, t in state.items()}


def fused(state: State) -> State:
    """Queries, keys and values in one matrix."""
    found: State = {}
    for name, t in state.items():
        if ".q_proj." in name:
            parts = [state[name.replace("q_proj", p)] for p in ("q_proj", "k_proj", "v_proj")]
            found[name.replace("q_proj", "qkv_proj")] = torch.cat(parts)
        elif ".k_proj." not in name and ".v_proj." not in name:
            found[name] = t
    return found


def untied(state: State) -> State:
    """The embedding once more as a head."""
    return {**state, "lm_head.weight": state["model.embed_tokens.weight"]}


def _is_matrix(t: Tensor) -> bool:
    return t.is_floating_point() and t.dim() > 1
