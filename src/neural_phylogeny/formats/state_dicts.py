"""Where the model is in what a checkpoint unpickles to.

A file may hold a bare state dict, a training checkpoint with the state dict somewhere inside, a whole pickled
module, or several networks. All are searched for dicts that hold floating-point tensors; optimiser state,
schedulers and random states are not models. Several finds are the components of one model, in this order:
averaged weights (names with "ema") first, then the usual keys of ``PREFERRED`` in their order, then as stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neural_phylogeny.formats.unpickler import Inert, NumpyArray, TensorRecord

Tensors = dict[str, Any]
"""TensorRecord or NumPy array by name."""

PREFERRED = (
    "state_dict", "model_state_dict", "model", "module", "net", "network", "params", "weights", "generator", "policy",
)  # fmt: skip
"""Usual keys of a state dict in a training checkpoint, the likeliest first."""

IGNORED = ("optim", "sched", "scaler", "rng", "param_groups", "amp", "hyper_parameters", "callbacks", "loss")
"""A key that contains one of these leads to no model."""

DEPTH = 8
"""How deep containers are searched."""

SMALL = 3
"""Sibling dicts of at most this many tensors each are the layers of one network, not networks."""


def find_state_dicts(root: Any) -> dict[str, Tensors]:
    """All state dicts in an unpickled object, the chosen one first; keys are paths such as ``"ema/model"``.

    A dict directly at the root is named ``""``. Linear in the number of objects.
    """
    found = {"/".join(path): tensors for path, tensors in _search(root, (), set())}
    if len(found) > 1:
        found.pop("", None)  # loose tensors beside real state dicts: step counters, losses
    if len(found) > 1 and all(len(tensors) <= SMALL for tensors in found.values()):
        return {"": {f"{path.replace('/', '.')}.{n}": t for path, tensors in found.items() for n, t in tensors.items()}}
    return dict(sorted(found.items(), key=lambda item: _rank(item[0])))


def _rank(path: str) -> tuple[int, int]:
    keys = path.lower().split("/")
    places = [PREFERRED.index(key) for key in keys if key in PREFERRED]
    return 0 if any("ema" in key for key in keys) else 1, min(places, default=len(PREFERRED))


def _search(node: Any, path: tuple[str, ...], seen: set[int]) -> Iterator[tuple[tuple[str, ...], Tensors]]:
    """Depth first; what was seen is not entered again, so that containers may contain themselves."""
    if id(node) in seen or len(path) > DEPTH:
        return
    seen.add(id(node))
    if isinstance(node, Inert) and "_modules" in node.state:
        tensors = dict(_module_tensors(node, "", set()))
        if _has_weights(tensors):
            yield path, tensors
        return
    mapping = _as_mapping(node)
    direct = {str(key): tensor for key, value in mapping.items() for tensor in (_tensor(value),) if tensor is not None}
    direct |= _packed(mapping)
    if _has_weights(direct):
        yield path, direct
    for key, value in mapping.items():
        if not any(word in str(key).lower() for word in IGNORED):
            yield from _search(value, (*path, str(key)), seen)


def _as_mapping(node: Any) -> Mapping[Any, Any]:
    """The children of a container or record by name; empty for anything else."""
    if isinstance(node, dict):
        return {} if {"state", "param_groups"} <= node.keys() else node
    if isinstance(node, Inert):
        return node.state
    if isinstance(node, list | tuple):
        return {str(index): item for index, item in enumerate(node) if isinstance(item, dict | list | tuple | Inert)}
    return {}


def _tensor(value: Any) -> Any:
    """A tensor record or plain array, whatever it is wrapped in; None for anything else."""
    if isinstance(value, TensorRecord | np.ndarray):
        return value
    if isinstance(value, NumpyArray):
        return value.values
    if isinstance(value, Inert) and isinstance(value.state.get("data"), TensorRecord):
        return value.state["data"]
    return None


def _packed(mapping: Mapping[Any, Any]) -> Tensors:
    """Dynamically quantised layers keep (weight, bias) in one entry: give both their usual names."""
    tensors: Tensors = {}
    for key, value in mapping.items():
        layer, _, last = str(key).removesuffix("._packed_params").rpartition(".")
        if last == "_packed_params" and isinstance(value, tuple):
            for name, part in zip(("weight", "bias"), value, strict=False):
                if isinstance(part, TensorRecord):
                    tensors[f"{layer}.{name}"] = part
    return tensors


def _module_tensors(module: Inert, prefix: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Parameters, buffers and submodules of a pickled module, named as ``state_dict()`` would."""
    if id(module) in seen or prefix.count(".") > 50:
        return
    seen.add(id(module))
    for group in ("_parameters", "_buffers"):
        members = module.state.get(group)
        for name, value in members.items() if isinstance(members, dict) else ():
            tensor = _tensor(value)
            if tensor is not None:
                yield f"{prefix}{name}", tensor
    submodules = module.state.get("_modules")
    for name, child in submodules.items() if isinstance(submodules, dict) else ():
        if isinstance(child, Inert):
            yield from _module_tensors(child, f"{prefix}{name}.", seen)


def _has_weights(tensors: Tensors) -> bool:
    """Whether anything in it can be a weight: a floating-point or quantised tensor."""
    return any(_is_weight(tensor) for tensor in tensors.values())


def _is_weight(tensor: Any) -> bool:
    if isinstance(tensor, np.ndarray):
        return tensor.dtype.kind == "f" and tensor.ndim > 0
    dtype = tensor.dtype or getattr(tensor.storage, "dtype", None)
    return tensor.quantizer is not None or (dtype is not None and (dtype.kind == "f" or "float" in dtype.name))
