"""Projections that one network keeps apart and another in one matrix: query, key and value; gate and up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from neural_phylogeny.inputs import TensorInfo, View
from neural_phylogeny.tensors.layouts import Layout
from neural_phylogeny.tensors.neutral import PARTS_OF
from neural_phylogeny.tensors.views import AXES

HEAD_SIZES = (4, 8, 16, 32, 40, 48, 64, 72, 80, 96, 112, 120, 128, 160, 192, 256)
"""Rows of a head that are tried where a fused matrix may hold query, key and value head by head."""

Path = tuple[str, ...]


def fused_pairs(fused: Layout, parts: Layout) -> list[tuple[str, tuple[str, ...]]]:
    """Fused tensors of one layout, each with its parts in another, in their order; by name, else by their order.

    Only where the sizes agree. Linear in the number of tensors.
    """
    whole = {path: key for key, path in fused.paths.items() if len(path) > 1 and path[-2] in PARTS_OF}
    by_path = parts.by_path
    split: dict[Path, tuple[str, ...]] = {}
    for path in by_path:
        for token, names in PARTS_OF.items():
            if len(path) > 1 and path[-2] == names[0]:
                keys = [by_path.get((*path[:-2], name, path[-1])) for name in names]
                if None not in keys and (*path[:-2], token, path[-1]) not in by_path:
                    split[(*path[:-2], token, path[-1])] = tuple(key for key in keys if key)
    found = {path: split[path] for path in whole if path in split}
    for ending in {path[-2:] for path in whole}:
        left = [path for path in whole if path[-2:] == ending and path not in found]
        right = [path for path in split if path[-2:] == ending and path not in whole]
        found |= dict(zip(left, (split[path] for path in right), strict=True)) if len(left) == len(right) else {}
    return [
        (whole[path], keys)
        for path, keys in found.items()
        if fused.tensors[whole[path]].size == sum(parts.tensors[key].size for key in keys)
    ]


def slices(fused: TensorInfo, parts: Sequence[TensorInfo], token: str) -> list[list[TensorInfo]]:
    """The ways in which a fused tensor can hold its parts: of each way, the tensor as every part, likely ways first."""
    return [*_side_by_side(fused, parts, token), *_head_by_head(fused, parts, token)]


def _side_by_side(fused: TensorInfo, parts: Sequence[TensorInfo], token: str) -> Iterator[list[TensorInfo]]:
    for sliced, length in enumerate(fused.shape):
        inner = fused.size // max(length, 1)
        lengths = [part.size // max(inner, 1) for part in parts]
        if sum(lengths) != length or any(n * inner != part.size for n, part in zip(lengths, parts, strict=True)):
            continue
        plain = tuple(range(len(fused.shape)))
        for axes, layout in {
            plain: "",
            **{axes: f", {name}" for axes, name in AXES.get(len(plain), {}).items()},
        }.items():
            views, start = [], 0
            for n in lengths:
                label = f"part of {token}{layout}"
                views.append(
                    View(split=fused.shape, axes=axes, layout=label, sliced=sliced, start=start, stop=start + n)
                )
                start += n
            if all(view.lengths == part.shape for view, part in zip(views, parts, strict=True)):
                yield _as(fused, parts, views)


def _head_by_head(fused: TensorInfo, parts: Sequence[TensorInfo], token: str) -> Iterator[list[TensorInfo]]:
    """Rows of one head after those of another, as GPT-NeoX stores them."""
    if len({part.shape for part in parts}) > 1 or parts[0].shape[1:] != fused.shape[1:]:
        return
    units, rest = parts[0].shape[0], fused.shape[1:]
    for rows in HEAD_SIZES:
        if units % rows or units == rows or math.prod(rest) == 0:
            continue
        split = (units // rows, len(parts), rows, *rest)
        axes, label = tuple(range(len(split))), f"part of {token}, head by head"
        views = [View(split=split, axes=axes, layout=label, sliced=1, start=k, stop=k + 1) for k in range(len(parts))]
        yield _as(fused, parts, views)


def _as(fused: TensorInfo, parts: Sequence[TensorInfo], views: Sequence[View]) -> list[TensorInfo]:
    return [
        replace(fused, shape=part.shape, output_axis=part.output_axis, view=view)
        for part, view in zip(parts, views, strict=True)
    ]
