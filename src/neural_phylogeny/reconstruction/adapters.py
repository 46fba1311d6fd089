"""Adapters of a collection: which model each of them fits, and whether a merged model proves it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.relations.adapters import Fit, cosine, directions, fit, fit_rows, gain
from neural_phylogeny.sources.documents import read_json
from neural_phylogeny.sources.opening import Opened
from neural_phylogeny.tensors.low_rank import Factors, factors_of, plain

Floats = NDArray[np.float64]

CONFIG = "adapter_config.json"

MODULES = 4
"""Adapted matrices whose values are read to look for a merged model."""

ROWS = 64
"""Rows of each that are read."""

FACTOR_LIMIT = 1 << 24
"""Largest factor that is read, in values."""

FITTING = 0.9
"""Share of the adapted matrices that a model must have, in their shapes, to be a base."""

BITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
"""Mantissa bits by number type."""

CLEARLY = 0.5
"""Share of the next model's error in the lengths of rows below which a model is clearly the nearest."""

SAME = 1e-5
"""Mean relative error of lengths below which they are the same."""

STRETCHED = 24
"""Modules of an adapter, and matrices of a model, of which neighbouring rows are read to see what suits it."""

ONE_RUN = 0.5
"""Least cosine of what two adapters add where one continues the other; trainings from one initialisation have less."""


@dataclass(frozen=True)
class Adapter:
    """One adapter: its model, the models that it fits by names and shapes, and what proves one of them.

    ``merged`` is the model that is ``base`` and the adapter added, where it was found; ``claim`` what the folder's
    configuration calls the base; ``by_lengths`` the model whose rows have the lengths that DoRA began with; ``steps``
    are rows of what it adds, by module; ``gains`` are the logarithms, ``(n_modules,)``, of how strongly each candidate
    reads what the adapter reads and writes; ``alike`` is the likeness to others by model, where it is known without
    their rows. A rank of 0 is that of IA3, which scales.
    """

    model: int
    rank: int
    n_matrices: int
    candidates: tuple[int, ...]
    base: int | None = None
    merged: int | None = None
    fit: Fit | None = None
    claim: str = ""
    by_lengths: int | None = None
    steps: Mapping[str, Floats] = field(default_factory=dict)
    gains: Mapping[int, Floats] = field(default_factory=dict)
    alike: Mapping[int, float] = field(default_factory=dict)

    def likeness(self, other: Adapter) -> float:
        """Cosine of what two adapters add to the matrices that both change."""
        if other.model in self.alike:
            return self.alike[other.model]
        common = [
            key for key, step in self.steps.items() if key in other.steps and other.steps[key].shape == step.shape
        ]
        if not common:
            return 0.0
        return cosine(*(np.concatenate([one.steps[key].ravel() for key in common]) for one in (self, other)))


def find_adapters(opened: Sequence[Opened]) -> list[Adapter]:
    """The adapters among opened models. What else an adapter's file holds is taken out of its ``tensors``.

    Reads rows of a few matrices of each adapter and of the models that it fits; quadratic in the number of these.
    """
    factors = [factors_of(checkpoint.tensors) for _, checkpoint in opened]
    models = [k for k, found in enumerate(factors) if not found]
    if len(models) == len(opened):
        return []
    plain_names = {k: _matrices(opened[k][1]) for k in models}
    found = []
    for k, modules in enumerate(factors):
        if modules:
            found.append(_adapter(k, opened, modules, plain_names))
            stored = {name for one in modules.values() for name in one.stored}
            checkpoint = opened[k][1]
            checkpoint.tensors = {name: t for name, t in checkpoint.tensors.items() if name in stored}
    return found


def _matrices(checkpoint: Checkpoint) -> dict[str, str]:
    """Stored names of a model's matrices by the plain names of their modules."""
    names = sorted((n for n, t in checkpoint.tensors.items() if len(t.shape) > 1), key=lambda n: n.endswith(".weight"))
    return {plain(name.removesuffix(".weight")): name for name in names}  # of a cell, weights have names of their own


def _adapter(
    k: int, opened: Sequence[Opened], modules: Mapping[str, Factors], names: Mapping[int, Mapping[str, str]]
) -> Adapter:
    ref, checkpoint = opened[k]
    candidates = tuple(model for model in names if _fits(modules, opened[model][1], names[model]))
    ranks = [one.rank for one in modules.values()]
    steps: dict[str, Floats] = {}
    base, merged, best, by_lengths = None, None, None, None
    gains: dict[int, Floats] = {}
    try:
        steps = _steps(checkpoint, modules)
        rows = {model: _model_rows(steps, opened[model][1], names[model]) for model in candidates}
        base, merged, best = _proof(modules, steps, rows, opened, names)
        by_lengths = _by_lengths(checkpoint, modules, rows)
        if base is None and by_lengths is None and len(candidates) > 1:
            gains = _gains(checkpoint, modules, {model: (opened[model][1], names[model]) for model in candidates})
    except CheckpointError:
        pass  # the model is read as any other, where the error is reported
    added = steps if max(ranks) else {}
    claim = _claim(ref.path)
    return Adapter(k, max(ranks), len(modules), candidates, base, merged, best, claim, by_lengths, added, gains)


def _fits(modules: Mapping[str, Factors], checkpoint: Checkpoint, names: Mapping[str, str]) -> bool:
    """Whether a model has nearly all adapted matrices, in their shapes."""
    fitting = 0
    for module, one in modules.items():
        tensor = checkpoint.tensors[names[module]] if module in names else None
        if tensor is not None:
            shape = (tensor.shape[0], tensor.size // max(tensor.shape[0], 1))
            scaled = one.rank == 0 and all(own in (1, n) for own, n in zip(one.shape, shape, strict=True))
            fitting += scaled or shape == one.shape or (len(tensor.shape) == 2 and shape == one.shape[::-1])
    return fitting >= FITTING * len(modules)


def _steps(checkpoint: Checkpoint, modules: Mapping[str, Factors]) -> dict[str, Floats]:
    """Rows of what is added to a few matrices, evenly chosen: ``(rows, inputs)`` by module.

    B A, of LoHa the product of two such, value by value, of LoKr a Kronecker product. Of IA3 the scales less one,
    ``(rows, 1)`` or ``(1, inputs)``, by which the matrix is multiplied.
    """
    found = {}
    for key in _evenly(list(modules), MODULES):
        one = modules[key]
        sizes = [checkpoint.tensors[name].size for name in one.stored]
        if max(*sizes, one.shape[0] * one.shape[1] if one.kronecker else 0) > FACTOR_LIMIT:
            continue
        rows = _rows(one.shape[0])
        if one.scales:
            found[key] = _whole(checkpoint, one.scales).reshape(one.shape)[rows] - 1.0
            continue
        if one.kronecker:
            found[key] = _kronecker(checkpoint, one)[rows]
            continue
        factors = [_whole(checkpoint, name) for name in one.stored]
        products = [
            outer.reshape(-1, one.rank)[rows] @ inner.reshape(one.rank, -1)
            for inner, outer in zip(factors[::2], factors[1::2], strict=True)
        ]
        found[key] = products[0] if len(products) == 1 else products[0] * products[1]
    return found


def _kronecker(checkpoint: Checkpoint, one: Factors) -> Floats:
    """What LoKr adds to a matrix, ``(outputs, inputs)``."""
    outer, inner = ([_matrix(checkpoint, name) for name in names] for names in one.kronecker)
    first, second = (pair[0] if len(pair) == 1 else pair[0] @ pair[1] for pair in (outer, inner))
    return np.asarray(np.kron(first, second), dtype=np.float64)


def _matrix(checkpoint: Checkpoint, name: str) -> Floats:
    return _whole(checkpoint, name).reshape(checkpoint.tensors[name].shape[0], -1)


def _whole(checkpoint: Checkpoint, name: str) -> Floats:
    return _floats(checkpoint, name, 0, checkpoint.tensors[name].size)


def _rows(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, ROWS)).astype(np.int64))


def _floats(checkpoint: Checkpoint, name: str, start: int, count: int) -> Floats:
    values = np.empty(count, dtype=np.float32)
    checkpoint.read_into(name, start, values)
    return values.astype(np.float64)


def _proof(
    modules: Mapping[str, Factors],
    steps: Mapping[str, Floats],
    rows: Mapping[int, Mapping[str, Floats]],
    opened: Sequence[Opened],
    names: Mapping[int, Mapping[str, str]],
) -> tuple[int | None, int | None, Fit | None]:
    """Two models whose difference is what the adapter adds, at a positive scale: base, merged, and the fit."""
    best: tuple[int | None, int | None, Fit | None] = (None, None, None)
    for base in rows:
        for merged in rows:
            keys = [key for key in rows[base] if key in rows[merged]]
            if base == merged or not keys:
                continue
            bits = min(_bits(opened[model][1], names[model], keys) for model in (base, merged))
            added = {key: steps[key] if modules[key].rank else steps[key] * rows[base][key] for key in keys}
            if all(modules[key].magnitude for key in keys):
                found = fit_rows([(rows[merged][key], rows[base][key], added[key]) for key in keys], bits)
            else:
                weights, start, product = (
                    np.concatenate([matrices[key].ravel() for key in keys])
                    for matrices in (rows[merged], rows[base], added)
                )
                found = fit(weights - start, product, weights, bits)
            if found.is_exact and found.scale > 0 and (best[2] is None or found.left < best[2].left):
                best = base, merged, found
    return best


def _by_lengths(
    checkpoint: Checkpoint, modules: Mapping[str, Factors], rows: Mapping[int, Mapping[str, Floats]]
) -> int | None:
    """The model whose rows have the lengths that DoRA learnt from, where it is ``CLEARLY`` nearer than any other."""
    errors = {}
    for model, matrices in rows.items():
        found = []
        for key, values in matrices.items():
            name = modules[key].magnitude
            if not name or checkpoint.tensors[name].size != modules[key].shape[0]:
                continue
            learnt = _floats(checkpoint, name, 0, modules[key].shape[0])[_rows(modules[key].shape[0])]
            with np.errstate(all="ignore"):
                found.append(np.abs(np.log(np.abs(learnt) / np.linalg.norm(values, axis=1))).mean())
        if found and np.isfinite(found).all():
            errors[model] = float(np.mean(found))
    errors = {model: error for model, error in errors.items() if error > SAME}  # what it was merged into has them
    ordered = sorted(errors, key=errors.__getitem__)
    if len(ordered) < 2 or errors[ordered[0]] > CLEARLY * errors[ordered[1]]:
        return None
    return ordered[0]


def _gains(
    checkpoint: Checkpoint, modules: Mapping[str, Factors], models: Mapping[int, tuple[Checkpoint, Mapping[str, str]]]
) -> dict[int, Floats]:
    """How strongly models read what an adapter reads, and what it writes: sums of two logarithms by module.

    Training turns an adapter to what its own base reads: the inputs that its matrix reads most, and the outputs that
    some matrix behind reads most. Of a stranger both are as chance makes them. Reads neighbouring rows of a few dozen
    matrices of each model.
    """
    keys = [key for key, one in modules.items() if one.rank and one.a and len(one.stored) == 2]
    turned = {}
    for key in _evenly(keys, STRETCHED):
        one = modules[key]
        if max(checkpoint.tensors[name].size for name in one.stored) <= FACTOR_LIMIT:
            inner, outer = (_whole(checkpoint, name) for name in one.stored)
            inner, outer = inner.reshape(one.rank, -1), outer.reshape(-1, one.rank)
            if inner.any() and outer.any() and np.isfinite(inner).all() and np.isfinite(outer).all():
                turned[key] = directions(outer, inner)
    found: dict[int, Floats] = {}
    for model, (of_model, names) in models.items() if turned else ():
        readers = _readers(of_model, {len(written) for written, _ in turned.values()})
        values = []
        for key, (written, read) in turned.items():
            tensor = of_model.tensors.get(names.get(key, ""))
            own = None if tensor is None else _stretch(of_model, tensor.name)
            behind = [gain(rows, written) for name, rows in readers.items() if rows.shape[1] == len(written)]
            reads = gain(own, read) if own is not None and own.shape[1] == len(read) else 1.0
            values.append(np.log(max(reads, 1e-9)) + np.log(max(max(behind, default=1.0), 1e-9)))
        found[model] = np.array(values)
    return found


def _readers(checkpoint: Checkpoint, widths: set[int]) -> dict[str, Floats]:
    """Rows of matrices that read as many inputs, evenly chosen."""
    names = [n for n, t in checkpoint.tensors.items() if len(t.shape) == 2 and t.shape[1] in widths and t.shape[0] > 1]
    return {name: _stretch(checkpoint, name) for name in _evenly(names, STRETCHED)}


def _evenly(items: Sequence[str], most: int) -> list[str]:
    """At most so many of some names, evenly chosen."""
    return [items[k] for k in np.unique(np.linspace(0, len(items) - 1, min(len(items), most)).astype(int)).tolist()]


def _stretch(checkpoint: Checkpoint, name: str) -> Floats:
    """Neighbouring rows from the middle of a matrix, read at once."""
    tensor = checkpoint.tensors[name]
    height, width = tensor.shape[0], tensor.size // max(tensor.shape[0], 1)
    count = min(height, ROWS)
    found = _floats(checkpoint, name, (height - count) // 2 * width, count * width).reshape(count, width)
    return found if np.isfinite(found).all() else np.zeros_like(found)


def _model_rows(steps: Mapping[str, Floats], checkpoint: Checkpoint, names: Mapping[str, str]) -> dict[str, Floats]:
    """The rows of a model's matrices that belong to those of the adapter."""
    found = {}
    for key, step in steps.items():
        tensor = checkpoint.tensors.get(names.get(key, ""))
        if tensor is None or not tensor.size:
            continue
        height, width = tensor.shape[0], tensor.size // tensor.shape[0]
        if step.shape[1] in (1, width):
            found[key] = np.stack([_floats(checkpoint, tensor.name, int(row) * width, width) for row in _rows(height)])
        elif height == step.shape[1] and tensor.size <= FACTOR_LIMIT:  # inputs first, as in GPT-2
            whole = _floats(checkpoint, tensor.name, 0, tensor.size).reshape(height, width)
            found[key] = np.ascontiguousarray(whole.T[_rows(width)])
    return {
        key: values
        for key, values in found.items()
        if all(own in (1, theirs) for own, theirs in zip(steps[key].shape, values.shape, strict=True))
    }


def _bits(checkpoint: Checkpoint, names: Mapping[str, str], keys: Sequence[str]) -> int:
    tensors = [checkpoint.tensors[names[key]] for key in keys]
    return min(tensor.code_bits or BITS.get(tensor.dtype, 4) for tensor in tensors)


def _claim(path: str) -> str:
    """What the configuration in an adapter's folder calls its base; empty where there is none."""
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    config = os.path.join(folder, CONFIG)
    if not path or not os.path.isfile(config):
        return ""
    try:
        content = read_json(config, "")
    except CheckpointError:
        return ""
    named = content.get("base_model_name_or_path") if isinstance(content, dict) else None
    return named[:200] if isinstance(named, str) else ""
