"""Canonical tensor names: wrappers and automatic counters removed, so that equal things have equal names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neural_phylogeny.inputs import TensorInfo

WRAPPERS = frozenset(
    {"module", "_orig_mod", "_fsdp_wrapped_module", "model", "base_model", "state_dict", "transformer", "default"}
)
"""Name components that say how a model was wrapped, not what is in it."""


AVERAGES = "model_ema."
"""Before the names of moving averages of the weights."""


def canonical_names(names: Sequence[str]) -> list[str]:
    """Canonical form of all tensor names of one model, in the same order; they stay distinct.

    Wrapper components are dropped (``module.``, ``_orig_mod.``, ``model.`` …). In Keras names
    (``lstm_4/lstm_4/kernel:0``) the automatic counters, which depend on what else was built in the same
    process, are replaced by the rank among the layers of the same kind.

    Breaks where a network numbers its own layers in Keras style *and* a copy of it lacks some of them.

    Examples
    --------
    >>> canonical_names(["module.fc.weight", "module._orig_mod.fc.bias"])
    ['fc.weight', 'fc.bias']
    >>> canonical_names(["lstm_4/lstm_4/kernel:0", "lstm_7/lstm_7/kernel:0"])
    ['lstm#0/kernel', 'lstm#1/kernel']
    """
    ranks = _layer_ranks(name.split("/")[0] for name in names if "/" in name)
    canonical = [_keras_name(name, ranks) if "/" in name else _unwrapped(name) for name in names]
    return canonical if len(set(canonical)) == len(names) else list(names)


def moving_averages(keys: Sequence[str], tensors: Sequence[TensorInfo]) -> set[str]:
    """The canonical names of moving averages that are kept beside the weights themselves, as latent diffusion does.

    They are one model twice: named after the weights without their dots, below ``model_ema``, and of their shapes.
    """
    names = [key for key in keys if key.startswith(AVERAGES)]
    if not names:
        return set()
    shapes = {key.replace(".", ""): tensor.shape for key, tensor in zip(keys, tensors, strict=True)}
    by_key = dict(zip(keys, tensors, strict=True))
    return {key for key in names if shapes.get(key.removeprefix(AVERAGES).replace(".", "")) == by_key[key].shape}


def _unwrapped(name: str) -> str:
    kept = [component for component in name.split(".") if component not in WRAPPERS]
    return ".".join(kept) or name


def _keras_name(name: str, ranks: dict[str, str]) -> str:
    """``lstm_4/lstm_4_1/kernel:0`` -> ``lstm#0/kernel``; an inner scope named after its layer is dropped."""
    layer, *inner = name.removesuffix(":0").split("/")
    kept = [ranks.get(component, component) for component in inner if not _is_scope(component, layer)]
    return "/".join([ranks[layer], *kept])


def _is_scope(component: str, layer: str) -> bool:
    """Whether an inner scope is named after its layer, perhaps with a counter."""
    counter = component[len(layer) :]
    if not component.startswith(layer):
        return False
    return not counter or (counter[0] == "_" and counter[1:].isdecimal())


def _stem(layer: str) -> str:
    """A layer's name without its automatic counter, which follows a letter.

    Examples
    --------
    >>> _stem("lstm_4"), _stem("conv_2d"), _stem("conv2_4")
    ('lstm', 'conv_2d', 'conv2_4')
    """
    stem, _, count = layer.rpartition("_")
    is_counted = count.isdecimal() and stem[-1:].isascii() and stem[-1:].isalpha()
    return stem if is_counted else layer


def _layer_ranks(layers: Iterable[str]) -> dict[str, str]:
    """Give each automatically numbered layer its rank among those of its stem, in stored order."""
    by_stem: dict[str, list[str]] = {}
    for layer in dict.fromkeys(layers):
        by_stem.setdefault(_stem(layer), []).append(layer)
    return {layer: f"{stem}#{rank}" for stem, layers in by_stem.items() for rank, layer in enumerate(layers)}
