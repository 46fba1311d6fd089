"""Weights that torch keeps in packed objects, under the names that the float module gives them.

Quantised convolutions and linear layers, embeddings and dynamically quantised recurrent layers hold weight and bias in
one object. A pickle shows it as records, lists and tuples around the tensors. Its place tells which object it is:

==================================  =================================================================
``X._packed_params`` and deeper       ``X.weight`` and ``X.bias``
``X._packed_weight_ih``, ``_hh``      ``X.weight_ih``, ``X.weight_hh`` (recurrent cells)
``X._all_weight_values.K.param``      ``X.weight_ih_lN``, ``X.bias_ih_lN`` and so on (``LSTM``, ``GRU``)
the state of a module ``X`` itself    ``X.weight`` and ``X.bias`` (convolutions)
any other name                        the name itself, and with ``.bias``
==================================  =================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from neural_phylogeny.formats.pytorch.inert import Inert, TensorRecord

VISITS = 1000
"""Most records looked at in one packed object; it has a dozen."""

_LAYER = re.compile(r"(?:(?<=\.)|^)_packed_params(\._packed_params|\._packed_weight)?$")
_CELL = re.compile(r"(?:(?<=\.)|^)_packed_weight_(ih|hh)$")
_RECURRENT = re.compile(r"(?:(?<=\.)|^)_all_weight_values\.(\d+)\.param$")
_ANY = re.compile(r"(?:(?<=\.)|^)_packed_(params|weight)\w*(\._packed_(params|weight))?$")

Tensors = dict[str, Any]


def is_packed(key: str) -> bool:
    """Whether a name is one of a packed object."""
    if "_packed_" not in key and "_all_weight_values" not in key:  # names of megabytes: sooner than any pattern
        return False
    return bool(_ANY.search(key) or _RECURRENT.search(key))


def unpacked(key: str, value: Any) -> Tensors:
    """The tensors in the packed object ``value`` that is called ``key``; empty where there are none."""
    recurrent = _RECURRENT.search(key)
    if recurrent:
        return _cell(key[: recurrent.start()], int(recurrent[1]), value)
    weight, bias = weight_and_bias(value)
    layer, cell = _LAYER.search(key), _CELL.search(key)
    if layer:
        names = f"{key[: layer.start()]}weight", f"{key[: layer.start()]}bias"
    elif cell:
        names = f"{key[: cell.start()]}weight_{cell[1]}", f"{key[: cell.start()]}bias_{cell[1]}"
    else:
        names = key, f"{key}.bias"
    return {name: tensor for name, tensor in zip(names, (weight, bias), strict=True) if tensor is not None}


def weight_and_bias(value: Any) -> tuple[TensorRecord | None, TensorRecord | None]:
    """The quantised tensor in a packed object, or else its first matrix, and the vector that follows it."""
    tensors = list(_tensors(value))
    places = [k for k, tensor in enumerate(tensors) if tensor.quantizer is not None]
    places += [k for k, tensor in enumerate(tensors) if _dimensions(tensor) > 1]
    if not places:
        return None, None
    rest = tensors[places[0] + 1 :]
    return tensors[places[0]], rest[0] if rest and _dimensions(rest[0]) == 1 else None


def named_by_layer(tensors: Tensors) -> Tensors:
    """Recurrent weights under the names that torch gives them, by layer and direction, once all are there.

    Both directions of a layer read the same inputs, layers after the first read what both directions give.
    """
    counts: dict[str, int] = {}
    for name in tensors:
        layer, mark, rest = name.partition("_all_weight_values.")
        if mark:
            counts[layer] = max(counts.get(layer, 0), int(rest.partition(".")[0]) + 1)
    directions = {layer: 2 if _is_bidirectional(layer, count, tensors) else 1 for layer, count in counts.items()}
    renamed: Tensors = {}
    for name, tensor in tensors.items():
        layer, mark, rest = name.partition("_all_weight_values.")
        if mark:
            index, _, part = rest.partition(".")
            level, backward = divmod(int(index), directions[layer])
            name = f"{layer}{part}_l{level}{'_reverse' if backward else ''}"
        renamed[name] = tensor
    return renamed


def _cell(layer: str, index: int, value: Any) -> Tensors:
    """Weights and biases of one direction of one layer of a recurrent network, under names still to be given."""
    parts = _fields(value)
    packed = parts[-1] if parts and isinstance(parts[-1], list | tuple) else []
    pairs = [weight_and_bias(each) for each in packed[:2]]
    own = [item for part in parts[:-1] if isinstance(part, list) for item in part if isinstance(item, TensorRecord)]
    biases = own if len(own) == 2 else [bias for _, bias in pairs]
    found: Tensors = {}
    for kind, (weight, _), bias in zip(("ih", "hh"), pairs, biases, strict=False):
        stem = f"{layer}_all_weight_values.{index}."
        found |= {f"{stem}weight_{kind}": weight, f"{stem}bias_{kind}": bias}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _is_bidirectional(layer: str, count: int, tensors: Tensors) -> bool:
    """From the inputs of the first cells. Breaks for two cells as wide as their inputs: two layers are assumed."""
    if count % 2:
        return False
    inputs = [_width(tensors.get(f"{layer}_all_weight_values.{k}.weight_ih")) for k in range(min(count, 3))]
    hidden = _width(tensors.get(f"{layer}_all_weight_values.0.weight_hh"))
    if count > 2:
        return inputs[2] == 2 * hidden
    return inputs[0] == inputs[1] != hidden


def _width(tensor: Any) -> int:
    shape = getattr(tensor, "shape", None)
    return shape[1] if isinstance(shape, list | tuple) and len(shape) == 2 and isinstance(shape[1], int) else 0


def _dimensions(tensor: TensorRecord) -> int:
    return len(tensor.shape) if isinstance(tensor.shape, list | tuple) else 0


def _fields(value: Any) -> list[Any]:
    """The fields of a packed object, inside however many records are wrapped around it."""
    for _ in range(4):
        if isinstance(value, Inert):
            value = value.state.get("param") or value.items or list(value.args)
        if isinstance(value, list | tuple) and value and isinstance(value[0], Inert | list | tuple):
            value = value[0]
    return list(value) if isinstance(value, list | tuple) else []


def _tensors(value: Any) -> Iterator[TensorRecord]:
    """Tensors in a packed object, in the order in which they are stored."""
    waiting, visits = [value], 0
    while waiting and visits < VISITS:
        visits += 1
        node = waiting.pop()
        if isinstance(node, TensorRecord):
            yield node
        elif isinstance(node, Inert):
            waiting += reversed([*node.state.values(), *node.items, *node.args])
        elif isinstance(node, list | tuple):
            waiting += reversed(node[:VISITS])
