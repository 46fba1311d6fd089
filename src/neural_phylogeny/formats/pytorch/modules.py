"""Pickled modules and TorchScript archives: their tensors under the names ``state_dict()`` would give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from neural_phylogeny.errors import DamagedFileError
from neural_phylogeny.formats.pytorch.inert import Inert
from neural_phylogeny.formats.pytorch.packed import is_packed, unpacked, weight_and_bias

DEPTH = 50
"""How deep modules may be nested."""

VISITS = 1_000_000
"""Most modules and entries visited; a module that is used twice is visited twice, as in ``state_dict()``."""

SCRIPT = "__torch__."
"""Classes of TorchScript are named so, and keep parameters and submodules among their plain attributes."""


def is_module(node: Any) -> bool:
    """Whether a record was a module."""
    return isinstance(node, Inert) and (
        isinstance(node.state.get("_modules"), dict) or node.qualified_name.startswith(SCRIPT)
    )


def module_tensors(root: Inert, as_tensor: Callable[[Any], Any], path: str) -> Iterator[tuple[str, Any]]:
    """Parameters, buffers, then submodules of a module, in their order; ``as_tensor`` knows a tensor.

    Raises DamagedFileError, naming the file ``path``, when modules contain each other without end.
    """
    waiting = [("", root, 0)]
    visits = 0
    while waiting:
        prefix, module, depth = waiting.pop()
        visits += 1 + sum(len(part) for part in module.state.values() if isinstance(part, dict | list))
        if depth > DEPTH or visits > VISITS:
            raise DamagedFileError(
                "its modules contain each other without end", path=path, remedy="Save the model's state dict."
            )
        for name, value in _members(module):
            tensor = as_tensor(value)
            if tensor is not None:
                yield f"{prefix}{name}", tensor
        if module.items:  # a quantised convolution keeps its weight in its state, not by name
            pair = zip(("weight", "bias"), weight_and_bias(module.items), strict=True)
            yield from ((f"{prefix}{name}", tensor) for name, tensor in pair if tensor is not None)
        children = dict(_submodules(module))
        for name, value in {**dict(_named(module.state)), **children}.items():
            if is_packed(f"{prefix}{name}"):
                children.pop(name, None)
                yield from unpacked(f"{prefix}{name}", value).items()
        waiting += [(f"{prefix}{name}.", child, depth + 1) for name, child in reversed(children.items())]


def _members(module: Inert) -> Iterator[tuple[str, Any]]:
    """Parameters and buffers by name; buffers that a module does not save are left out."""
    if module.qualified_name.startswith(SCRIPT):
        yield from _named(module.state)
        return
    listed = module.state.get("_non_persistent_buffers_set")
    unsaved = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
    for group in ("_parameters", "_buffers"):
        for name, value in _named(module.state.get(group)):
            if group == "_parameters" or name not in unsaved:
                yield name, value


def _submodules(module: Inert) -> Iterator[tuple[str, Inert]]:
    script = module.qualified_name.startswith(SCRIPT)
    for name, child in _named(module.state if script else module.state.get("_modules")):
        if isinstance(child, Inert):
            yield name, child


def _named(members: Any) -> list[tuple[str, Any]]:
    return (
        [(name, value) for name, value in members.items() if isinstance(name, str)] if isinstance(members, dict) else []
    )
