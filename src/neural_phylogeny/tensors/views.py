"""In which ways a stored tensor could be another one of a given shape: the layouts that frameworks use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from neural_phylogeny.records import TensorInfo, View

Shape = tuple[int, ...]

RESHAPED = "reshaped"

AXES: dict[int, dict[tuple[int, ...], str]] = {
    2: {(1, 0): "transposed"},
    3: {(2, 1, 0): "WIO", (1, 2, 0): "heads apart", (2, 0, 1): "heads apart", (0, 1, 2): "heads apart"},
    4: {
        (3, 2, 0, 1): "HWIO",
        (2, 3, 0, 1): "depthwise HWIO",
        (2, 3, 1, 0): "OIHW",
        (0, 3, 1, 2): "OHWI",
        (0, 2, 3, 1): "OIHW",
    },
    5: {(4, 3, 0, 1, 2): "DHWIO", (2, 3, 4, 1, 0): "OIDHW"},
}
"""Orders of axes that lead from one framework's layout to another's, by number of axes, and what the first is called."""


def views_of(stored: TensorInfo, wanted: TensorInfo, channels: int = 0) -> list[TensorInfo]:
    """A tensor as it could stand for another one: as it is, if shapes are equal, and in other layouts, likely ones first.

    Likely is what takes the output axis of the one to that of the other. Where ``channels`` are given, a matrix may
    also stand behind a flattened image of so many, stored channels last.
    """
    found = [stored] if _is_plain(stored, wanted) else []
    seen: set[object] = {(stored.shape, tuple(range(len(stored.shape))))} if found else set()
    for view in (*_candidates(stored.shape, wanted.shape), *_flattened(stored.shape, wanted.shape, channels)):
        key = _without_ones(view)
        if key not in seen:
            seen.add(key)
            found.append(replace(stored, shape=wanted.shape, output_axis=wanted.output_axis, view=view))
    found.sort(key=lambda tensor: not _meets_convention(stored, wanted, tensor.view))
    return found


def _is_plain(stored: TensorInfo, wanted: TensorInfo) -> bool:
    """Whether two tensors can be compared as they are stored: equal, or a convolution and its unrolled matrix."""
    if stored.shape == wanted.shape:
        return True
    extents = {
        (math.prod(t.shape[:axis]), t.shape[axis], math.prod(t.shape[axis + 1 :]))
        for t in (stored, wanted)
        if t.shape
        for axis in (t.output_axis % len(t.shape),)
    }
    return len(extents) == 1 and len(stored.shape) != len(wanted.shape)


def _candidates(stored: Shape, wanted: Shape) -> Iterator[View]:
    for axes, layout in AXES.get(len(stored), {}).items():
        if _fits(tuple(stored[axis] for axis in axes), wanted, _joints(axes)):
            yield View(split=stored, axes=axes, layout=layout)
    for axes in AXES.get(len(wanted), {}):
        turned = tuple(wanted[axis] for axis in axes)
        if len(wanted) != len(stored) and _fits(turned, stored, _joints(axes)):
            back = tuple(np.argsort(axes).tolist())
            yield View(split=turned, axes=back, layout="transposed" if axes != tuple(range(len(axes))) else RESHAPED)
    if len(stored) != len(wanted) and min(len(stored), len(wanted)) == 1 and math.prod(stored) == math.prod(wanted):
        yield View(split=stored, axes=tuple(range(len(stored))), layout=RESHAPED)


def _flattened(stored: Shape, wanted: Shape, channels: int) -> Iterator[View]:
    """The matrix behind a flattened image: (places x channels, units) stands for (units, channels x places)."""
    if len(stored) == len(wanted) == 2 and channels > 1 and stored[0] % channels == 0 and stored == wanted[::-1]:
        yield View(
            split=(stored[0] // channels, channels, stored[1]),
            axes=(2, 1, 0),
            layout="transposed, flattened channels last",
        )


def _joints(axes: tuple[int, ...]) -> tuple[int, ...]:
    """After how many axes a matrix may be cut: heads are joined as units, or as the inputs of the projection out."""
    return {(1, 2, 0): (2,), (0, 1, 2): (1, 2)}.get(axes, (1,))


def _fits(lengths: Shape, wanted: Shape, joints: tuple[int, ...]) -> bool:
    """Whether axes, in order, are those of a shape: equal but for ones, or with neighbours joined in a matrix."""
    kept, other = (tuple(n for n in shape if n != 1) for shape in (lengths, wanted))
    if kept == other:
        return True
    if len(wanted) != 2 or math.prod(lengths) != math.prod(wanted) or len(lengths) < 3:
        return False
    return any(math.prod(lengths[:cut]) == wanted[0] for cut in joints)


def _without_ones(view: View) -> tuple[Shape, Shape]:
    """The order of axes that are longer than one: views that agree in it read the same values."""
    kept = [axis for axis, length in enumerate(view.split) if length != 1]
    rank = {axis: place for place, axis in enumerate(kept)}
    return tuple(view.split[axis] for axis in kept), tuple(rank[axis] for axis in view.axes if axis in rank)


def _meets_convention(stored: TensorInfo, wanted: TensorInfo, view: View | None) -> bool:
    """Whether a view takes the output axis of the stored tensor to that of the wanted one."""
    if not stored.shape or not wanted.shape:
        return True
    axis = stored.output_axis % len(stored.shape)
    if view is None:
        return axis == wanted.output_axis % len(wanted.shape)
    if len(view.split) != len(stored.shape):
        return False
    before = math.prod(view.lengths[: view.axes.index(axis)])
    return before == math.prod(wanted.shape[: wanted.output_axis % len(wanted.shape)])
