"""Networks of transformers, diffusers and timm from their configuration alone; needs those libraries."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.lab.zoo.libraries.recipes import LibraryRecipe, Member, Network

State = dict[str, Tensor]
"""Weights by name; in a pipeline ``COMPONENT|NAME``."""

Modules = dict[str, nn.Module]
"""Networks by component; a plain model is the component ``model``."""

LIBRARIES = ("transformers", "peft", "diffusers", "timm")

_OPERATORS = "nms", "qnms"


@cache
def library(name: str) -> Any:
    """A library, imported without the network and, for timm, whatever torch its torchvision was built for.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    if find_spec(name) is None:
        raise MissingExtraError("Families of transformers, peft, diffusers and timm", "zoo")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    _declare_operators()
    return importlib.import_module(name)


@cache
def _declare_operators() -> torch.library.Library | None:
    """Declare what torchvision's compiled part would: without it the import fails, and no network here calls it."""
    try:
        torch._C._dispatch_find_schema_or_throw("torchvision::nms", "")
    except RuntimeError:
        declared = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in _OPERATORS:
            declared.define(  # type: ignore[no-untyped-call]
                f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )
        return declared
    return None


def build(network: Network, more: Mapping[str, Any] | None = None) -> nn.Module:
    """A network with the library's own random initialisation, from torch's current seed."""
    config = {**network.config, **(more or {})}
    if network.library == "timm":
        return library("timm").create_model(network.kind, pretrained=False, **config)  # type: ignore[no-any-return]
    kind = getattr(library(network.library), network.kind)
    if network.library == "diffusers":
        return kind(**config)  # type: ignore[no-any-return]
    return kind(kind.config_class(**config))  # type: ignore[no-any-return]


def build_all(recipe: LibraryRecipe, heads: Mapping[str, tuple[str, dict[str, Any]]]) -> Modules:
    """All components of a recipe; ``heads`` replaces the class and adds to the configuration by component."""
    found = {}
    for component, network in recipe.network.items():
        kind, more = heads.get(component, ("", {}))
        found[component] = build(Network(network.library, kind or network.kind, network.config), more)
    return found


def head_of(member: Member) -> dict[str, tuple[str, dict[str, Any]]]:
    """What a member replaces, as ``build_all`` takes it."""
    return {"model": (member.head, member.head_config)} if member.head or member.head_config else {}


def take(modules: Modules, state: State) -> int:
    """Take from a state what has the name and shape of a parameter or buffer; how many tensors were taken.

    The rows of a smaller vocabulary go before those that are new.
    """
    taken = 0
    for component, module in modules.items():
        own = module.state_dict()
        for name, tensor in own.items():
            given = state.get(f"{component}|{name}")
            if given is None:
                continue
            if given.shape == tensor.shape:
                own[name], taken = given.clone(), taken + 1
            elif (
                given.shape[1:] == tensor.shape[1:]
                and any(word in name for word in ("embed", "wte", "lm_head"))
                and len(given) < len(tensor)
            ):
                own[name] = torch.cat([given, tensor[len(given) :]])
                taken += 1
        module.load_state_dict(own)
    return taken


def state_of(modules: Modules) -> State:
    """All parameters and buffers, copied."""
    return {
        f"{component}|{name}": tensor.detach().clone().contiguous()
        for component, module in modules.items()
        for name, tensor in module.state_dict().items()
    }
