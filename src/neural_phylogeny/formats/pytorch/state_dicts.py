"""Where the model is in what a checkpoint unpickles to.

A file may hold a bare state dict, a training checkpoint with the state dict somewhere inside, a whole pickled
module, or several networks. All are searched for dicts that hold floating-point tensors; optimiser state,
schedulers and random states are not models. Several finds are the components of one model, in this order:
averaged weights (EMA, SWA) first, then the usual keys of ``PREFERRED`` in their order, then as stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from neural_phylogeny.formats.pytorch.inert import Inert, LeftOut, NumpyArray, TensorRecord
from neural_phylogeny.formats.pytorch.modules import is_module, module_tensors
from neural_phylogeny.formats.pytorch.packed import is_packed, named_by_layer, unpacked

Tensors = dict[str, Any]
"""TensorRecord, NumPy array or LeftOut by name."""

PREFERRED = (
    "state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "params", "weights",
    "generator", "policy", "actor", "student", "critic", "discriminator", "teacher",
)  # fmt: skip
"""Usual keys of a state dict in a training checkpoint, the likeliest first."""

AVERAGED = re.compile(r"(?<![a-z])(ema|swa|averaged)(?![a-z])")
"""Keys of weights averaged over training: ``ema``, ``model_ema``, ``params_ema``, ``swa_state_dict``."""

IGNORED = re.compile(
    r"optim(?!al)|sched|scaler|param_groups|hyper_?parameters|callbacks|replay|rng_state|random_state"
    r"|(?<![a-z])(opt|rng|amp|loss(es)?|metrics?|history|log(s|ger)?)(?![a-z])"
)
"""A key that matches leads to no model."""

DEPTH = 8
"""How deep containers are searched."""


def find_state_dicts(root: Any, path: str = "") -> dict[str, Tensors]:
    """All state dicts in an unpickled object, the chosen one first; keys are paths such as ``"ema/model"``.

    A dict directly at the root is named ``""``. Where no tensor's name has a dot, dicts below the same usual key
    are the layers of one network that was saved as dicts in dicts. A bare tensor or a list of them counts where
    there is no dict. Linear in the number of objects. Raises DamagedFileError for modules without end; ``path`` is
    for its message.
    """
    found = {"/".join(keys): tensors for keys, tensors in _search(root, (), set(), path)}
    if not found:
        items = dict(enumerate(root)) if isinstance(root, list | tuple) else {"tensor": root}
        bare = {str(key): as_tensor(item) for key, item in items.items() if as_tensor(item) is not None}
        return {"": bare} if _has_weights(bare) else {}
    if not any("." in name for tensors in found.values() for name in tensors):
        found = _join_layers(found)
    if len(found) > 1:
        found.pop("", None)  # loose tensors beside real state dicts: step counters, losses
    return dict(sorted(found.items(), key=lambda item: _rank(item[0])))


def _join_layers(found: dict[str, Tensors]) -> dict[str, Tensors]:
    """Dicts below the same usual key, or below none where there is none, as one network with dotted names."""
    heads = {keys: _head(keys) for keys in found}
    joined: dict[str, Tensors] = {}
    for keys, tensors in found.items():
        head = heads[keys] or (keys if any(heads.values()) else "")
        layer = keys.removeprefix(head).strip("/").replace("/", ".")
        joined.setdefault(head, {}).update({f"{layer}.{name}".lstrip("."): t for name, t in tensors.items()})
    return joined


def _head(keys: str) -> str:
    """The path up to its last usual key; empty when there is none."""
    parts = keys.split("/")
    usual = [index for index, key in enumerate(parts) if key.lower() in PREFERRED or AVERAGED.search(key.lower())]
    return "/".join(parts[: usual[-1] + 1]) if usual else ""


def _rank(keys: str) -> tuple[bool, int]:
    parts = keys.lower().split("/")
    places = [PREFERRED.index(key) for key in parts if key in PREFERRED]
    return not any(AVERAGED.search(key) for key in parts), min(places, default=len(PREFERRED))


def _search(node: Any, keys: tuple[str, ...], seen: set[int], path: str) -> Iterator[tuple[tuple[str, ...], Tensors]]:
    """Depth first; what was seen is not entered again, so that containers may contain themselves."""
    if id(node) in seen or len(keys) > DEPTH:
        return
    seen.add(id(node))
    if is_module(node):
        tensors = named_by_layer(dict(module_tensors(node, as_tensor, path)))
        if _has_weights(tensors):
            yield keys, tensors
        return
    children = _children(node)
    direct: Tensors = {}
    for key, value in children.items():
        tensor = as_tensor(value)
        if is_packed(key):
            direct |= unpacked(key, value)
            seen.add(id(value))
        elif tensor is not None:
            direct[key] = tensor
    if _has_weights(direct):
        yield keys, named_by_layer(direct)
    for key, value in children.items():
        if not IGNORED.search(key.lower()):
            yield from _search(value, (*keys, key), seen, path)


def _children(node: Any) -> dict[str, Any]:
    """What a container or record holds, by name; empty for anything else and for an optimiser."""
    if isinstance(node, list | tuple):
        return {str(index): item for index, item in enumerate(node) if as_tensor(item) is None}
    mapping = node.state if isinstance(node, Inert) else node
    if not isinstance(mapping, dict) or {"state", "param_groups"} <= mapping.keys():
        return {}
    return {str(key): value for key, value in mapping.items() if isinstance(key, str | int)}


def as_tensor(value: Any) -> Any:
    """A tensor record or plain array, whatever it is wrapped in; None for anything else."""
    if isinstance(value, TensorRecord | np.ndarray | LeftOut):
        return value
    if isinstance(value, NumpyArray):
        return value.values
    if isinstance(value, Inert):
        wrapped = value.state.get("data", value.args[0] if value.args else None)
        return wrapped if isinstance(wrapped, TensorRecord) else None
    return None


def _has_weights(tensors: Tensors) -> bool:
    """Whether anything in it can be a weight: a floating-point or quantised tensor."""
    return any(_is_weight(tensor) for tensor in tensors.values())


def _is_weight(tensor: Any) -> bool:
    if isinstance(tensor, np.ndarray):
        return tensor.dtype.kind == "f" and tensor.ndim > 0
    if isinstance(tensor, LeftOut):
        return False
    dtype = tensor.dtype or getattr(tensor.storage, "dtype", None)
    return tensor.quantizer is not None or (dtype is not None and "float" in dtype.name)
