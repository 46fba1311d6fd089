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

from neural_phylogeny.formats.moments import PAIRS, is_moment, moments_among
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

KEY = 1000
"""Characters of a key in which usual words are looked for."""


def find_state_dicts(root: Any, path: str = "", passed_over: list[str] | None = None) -> dict[str, Tensors]:
    """All state dicts in an unpickled object, the chosen one first; keys are paths such as ``"ema/model"``.

    The keys of what belongs to a training, such as the moments of an optimiser, are put into ``passed_over``.

    A dict directly at the root is named ``""``. Where no tensor's name has a dot, dicts below the same usual key
    are the layers of one network that was saved as dicts in dicts. A bare tensor or a list of them counts where
    there is no dict. Linear in the number of objects. Raises DamagedFileError for modules without end; ``path`` is
    for its message.
    """
    passed_over = [] if passed_over is None else passed_over
    search = _Search(path, passed_over)
    found = _without_moments({"/".join(keys): tensors for keys, tensors in search.run(root, ())}, passed_over)
    if not found and not passed_over:
        items = dict(enumerate(root)) if isinstance(root, list | tuple) else {"tensor": root}
        bare = {str(key): as_tensor(item) for key, item in items.items() if as_tensor(item) is not None}
        return {"": bare} if _has_weights(bare) else {}
    if found and not any("." in name for tensors in found.values() for name in tensors):
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
    words = [key[:KEY].lower() for key in parts]
    usual = [index for index, word in enumerate(words) if word in PREFERRED or AVERAGED.search(word)]
    return "/".join(parts[: usual[-1] + 1]) if usual else ""


def _rank(keys: str) -> tuple[bool, int]:
    parts = [key[:KEY].lower() for key in keys.split("/")]
    places = [PREFERRED.index(key) for key in parts if key in PREFERRED]
    return not any(AVERAGED.search(key) for key in parts), min(places, default=len(PREFERRED))


class _Search:
    """A walk through an unpickled object, depth first; ``passed_over`` collects the keys that lead to no model."""

    def __init__(self, path: str, passed_over: list[str]) -> None:
        self._path = path
        self._passed_over = passed_over
        self._seen: set[int] = set()

    def run(self, node: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Tensors]]:
        """State dicts by the keys that lead to them; nodes may contain themselves, so each is entered once."""
        if id(node) in self._seen or len(keys) > DEPTH:
            return
        self._seen.add(id(node))
        if is_module(node):
            tensors = named_by_layer(dict(module_tensors(node, as_tensor, self._path)))
            if _has_weights(tensors):
                yield keys, tensors
            return
        children = _children(node)
        if _is_optimiser(children):
            self._passed_over.append("/".join(keys) or "state")
            return
        direct = self._direct(children)
        if _has_weights(direct):
            yield keys, named_by_layer(direct)
        for key, value in children.items():
            if not IGNORED.search(key[:KEY].lower()) and not is_moment(key[:KEY]):
                yield from self.run(value, (*keys, key))
            elif isinstance(value, Inert | dict | list | tuple) or as_tensor(value) is not None:
                self._passed_over.append("/".join((*keys, key)))

    def _direct(self, children: dict[str, Any]) -> Tensors:
        """The tensors that are entries of one container."""
        direct: Tensors = {}
        for key, value in children.items():
            tensor = as_tensor(value)
            if is_packed(key):
                direct |= unpacked(key, value)
                self._seen.add(id(value))
            elif tensor is not None:
                direct[key] = tensor
        for name in moments_among({name: _shape(tensor) for name, tensor in direct.items()}):
            self._passed_over.append(name)
            del direct[name]
        return direct


def _is_optimiser(children: dict[str, Any]) -> bool:
    return {"state", "param_groups"} <= children.keys()


def _shape(tensor: Any) -> tuple[int, ...]:
    """A tensor's shape as the file claims it, as far as it consists of numbers."""
    shape = getattr(tensor, "shape", ())
    return tuple(n for n in shape if isinstance(n, int)) if isinstance(shape, list | tuple) else ()


def _without_moments(found: dict[str, Tensors], passed_over: list[str]) -> dict[str, Tensors]:
    """State dicts but for pairs of one layout that are called like the two moments of an optimiser."""
    for first, second in PAIRS:
        for keys in [keys for keys in found if keys.split("/")[-1] == first]:
            other = "/".join([*keys.split("/")[:-1], second])
            if other in found and _layout(found[keys]) == _layout(found[other]):
                passed_over += [keys, other]
                found = {name: tensors for name, tensors in found.items() if name not in (keys, other)}
    return found


def _layout(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: _shape(tensor) for name, tensor in tensors.items()}


def _children(node: Any) -> dict[str, Any]:
    """What a container or record holds, by name; empty for anything else."""
    if isinstance(node, list | tuple):
        return {str(index): item for index, item in enumerate(node) if as_tensor(item) is None}
    mapping = node.state if isinstance(node, Inert) else node
    if not isinstance(mapping, dict):
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
