"""Models with units or layers that others lack: what was removed reads as zeros, what was doubled stands apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations
from math import prod

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats.base import AnyArray, Checkpoint
from neural_phylogeny.formats.restored import RestoredCheckpoint, Source
from neural_phylogeny.graphs import components
from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.reconstruction.disguised import MOST_VALUES, LazyValues
from neural_phylogeny.relations.explanations.shapes import GROWN, PRUNED
from neural_phylogeny.relations.resizes import Place, Resize, find_resize
from neural_phylogeny.sources.opening import Opened

Layout = tuple[tuple[str, tuple[int, ...]], ...]
"""Names and shapes."""

MOST_PAIRS = 48
"""Pairs of a layout and a model of another one that are looked at, among layouts that could be each other's rest; where
there are more, none of these is."""


def resized(
    opened: Sequence[Opened], related: NDArray[np.bool_], copied: Collection[int] = ()
) -> tuple[list[Opened], tuple[str, ...]] | None:
    """The models, those that were grown or shrunk read beside what they have of others, and a note on each.

    None where there is none. Of two layouts with the same names, one of them nowhere smaller, each model is compared
    with the first of the other layout, unless it is ``copied`` or has relatives of its own layout. What was removed
    from the smaller reads as zeros; where the larger has units or layers twice, its layers are called as in the
    smaller. Costs nothing where all models have one layout; else a read of a few matrices.
    """
    layouts = [_layout(checkpoint) for _, checkpoint in opened]
    first: dict[Layout, int] = {}
    for k, layout in enumerate(layouts):
        if layout:
            first.setdefault(layout, k)
    if len(first) < 2:
        return None
    alone = _alone(layouts, related, copied)
    models = {layout: len(some) for layout, some in alone.items()}
    pairs = _few([(a, b) for a, b in permutations(first, 2) if _smaller(dict(a), dict(b))], models)
    if not pairs:
        return None
    values = LazyValues.of([checkpoint for _, checkpoint in opened])
    read, notes = list(opened), list[str]()
    known: dict[tuple[int, int], Resize | None] = {}
    for small, large in sorted(pairs, key=lambda pair: _size(pair[1]) - _size(pair[0])):
        of_small, of_large = ([k for k, layout in enumerate(layouts) if layout == one] for one in (small, large))
        for is_large in (True, False):
            for model in alone[large if is_large else small]:
                a, b = (of_small[0], model) if is_large else (model, of_large[0])
                if read[model] is not opened[model] or read[a] is not opened[a] or read[b] is not opened[b]:
                    continue
                if (a, b) not in known:
                    known[a, b] = _found(values[a], values[b], small, large)
                found = known[a, b]
                if found is None or found.is_grown != is_large or not (is_large or found.is_scattered):
                    continue
                checkpoint = opened[model][1]
                tensors = _grown(checkpoint, found) if is_large else _shrunk(checkpoint, opened[b][1], found)
                read[model] = opened[model][0], RestoredCheckpoint(checkpoint, tensors)
                notes.append(_note(opened[model][0].name, opened[a if is_large else b][0].name, found))
    return (read, tuple(notes)) if notes else None


def _found(one: LazyValues, other: LazyValues, small: Layout, large: Layout) -> Resize | None:
    """The places of a smaller model in a larger one, by their layouts."""
    try:
        return find_resize(one, other, dict(small), dict(large))
    except (CheckpointError, np.linalg.LinAlgError):
        return None


def _few(pairs: Sequence[tuple[Layout, Layout]], models: Mapping[Layout, int]) -> list[tuple[Layout, Layout]]:
    """The pairs of layouts without those that are joined to too many others; ``models`` has the number of each."""
    layouts = list(dict.fromkeys(layout for pair in pairs for layout in pair))
    linked = np.zeros((len(layouts), len(layouts)), dtype=bool)
    for small, large in pairs:
        a, b = layouts.index(small), layouts.index(large)
        linked[a, b] = linked[b, a] = True
    label = dict(zip(layouts, components(linked).tolist(), strict=True))
    looks = Counter[int]()
    for small, large in pairs:
        looks[label[small]] += models[small] + models[large]
    return [pair for pair in pairs if looks[label[pair[0]]] <= MOST_PAIRS]


def _alone(layouts: Sequence[Layout], related: NDArray[np.bool_], copied: Collection[int]) -> dict[Layout, list[int]]:
    """By layout, the models without a copy or a relative of their own layout.

    Read otherwise, the others would not be compared with those any more.
    """
    members: dict[Layout, list[int]] = {}
    for model, layout in enumerate(layouts):
        members.setdefault(layout, []).append(model)
    return {
        layout: [model for model in same if model not in copied and related[model, same].sum() <= related[model, model]]
        for layout, same in members.items()
    }


def _note(name: str, other: str, found: Resize) -> str:
    what = "has units or layers twice that are in it once" if found.is_grown else "lacks units or layers of it"
    return (
        f"{name} was compared with {other} unit by unit: it {what}; the rest agrees by a cosine of "
        f"{found.agreement:.3f} on inputs that the pairing has not seen"
    )


def _layout(checkpoint: Checkpoint) -> Layout:
    """Names and shapes of all numbers; empty where the model is too large, or units are not the first axis."""
    found = tuple((name, tensor.shape) for name, tensor in checkpoint.tensors.items())
    matrices = [tensor for tensor in checkpoint.tensors.values() if len(tensor.shape) > 1]
    is_small = sum(tensor.size for tensor in checkpoint.tensors.values()) <= MOST_VALUES
    is_plain = all(not t.pieces and t.view is None for t in checkpoint.tensors.values())
    return found if matrices and is_small and is_plain and all(t.output_axis == 0 for t in matrices) else ()


def _size(layout: Layout) -> int:
    return sum(prod(shape) for _, shape in layout)


def _smaller(small: Mapping[str, tuple[int, ...]], large: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether one layout may be what is left of another: nowhere larger, and mostly of the same names."""
    common = [name for name in small if name in large]
    if len(common) < len(small) / 2 or len(small) > len(large):
        return False
    shapes = [(small[name], large[name]) for name in common]
    return small != large and all(
        len(a) == len(b) and all(m <= n for m, n in zip(a, b, strict=True)) for a, b in shapes
    )


def _grown(checkpoint: Checkpoint, found: Resize) -> dict[TensorInfo, Source]:
    """The larger model with its layers called as in the smaller; those beyond keep a name that no other has."""
    tensors: dict[TensorInfo, Source] = {}
    for name, tensor in checkpoint.tensors.items():
        place = found.places.get(name)
        new = f"{name} (doubled)" if place is None else place.name
        tensors[replace(tensor, name=new, codes=GROWN if len(tensor.shape) > 1 else tensor.codes)] = Source(name)
    return tensors


def _shrunk(checkpoint: Checkpoint, larger: Checkpoint, found: Resize) -> dict[TensorInfo, Source]:
    """The smaller model with zeros for what it lacks of the larger one."""
    tensors: dict[TensorInfo, Source] = {}
    for name, tensor in larger.tensors.items():
        place = found.places.get(name)
        own = checkpoint.tensors[place.name] if place is not None else None
        codes = PRUNED if len(tensor.shape) > 1 else ""
        if own is None or place is None:
            tensors[replace(tensor, codes=codes)] = Source("")
        elif own.shape == tensor.shape:
            tensors[replace(own, name=name, codes=codes or own.codes)] = Source(own.name)
        else:
            restore = partial(_spread, shape=tensor.shape, place=place)
            tensors[replace(own, name=name, shape=tensor.shape, codes=codes)] = Source(own.name, restore)
    return tensors


def _spread(values: AnyArray, shape: tuple[int, ...], place: Place) -> AnyArray:
    """The values where they are in the larger tensor, zeros elsewhere."""
    found = np.zeros(shape, dtype=np.float32)
    if len(shape) < 2:
        found[place.rows if place.rows is not None else slice(None)] = values
        return found
    rows = np.arange(values.shape[0]) if place.rows is None else place.rows
    columns = np.arange(values.shape[1]) if place.columns is None else place.columns
    found[np.ix_(rows, columns)] = values
    return found
