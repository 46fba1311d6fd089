"""In which ways a stored tensor could be another one of a given shape: the layouts that frameworks use."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from neural_phylogeny.inputs import TensorInfo, View

Shape = tuple[int, ...]
Form = tuple[Shape, int]
"""The shape of a tensor and its output axis."""

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
"""Orders of axes that lead from one framework's layout to another's, by number of axes; what the first is called."""


def views_of(stored: TensorInfo, wanted: TensorInfo, channels: int = 0) -> list[TensorInfo]:
    """A tensor as it could stand for another: as it is, if shapes are equal, and in other layouts; likely ones first.

    Likely is what takes the output axis of the one to that of the other. Where ``channels`` are given, a matrix may
    also stand behind a flattened image of so many, stored channels last.
    """
    if stored.size != wanted.size:
        return []
    views = _views((stored.shape, stored.output_axis), (wanted.shape, wanted.output_axis), channels)
    return [
        stored if view is None else replace(stored, shape=wanted.shape, output_axis=wanted.output_axis, view=view)
        for view in views
    ]


@lru_cache(maxsize=4096)
def _views(stored: Form, wanted: Form, channels: int) -> tuple[View | None, ...]:
    found: list[View | None] = [None] if _is_plain(stored, wanted) else []
    seen: set[object] = set()
    if found:
        seen.add(_without_ones(View(split=stored[0], axes=tuple(range(len(stored[0]))), layout="")))
    for view in (*_candidates(stored[0], wanted[0]), *_flattened(stored[0], wanted[0], channels)):
        key = _without_ones(view)
        if key not in seen:
            seen.add(key)
            found.append(view)
    return tuple(sorted(found, key=lambda view: not _meets_convention(stored, wanted, view)))


def _is_plain(stored: Form, wanted: Form) -> bool:
    """Whether two tensors can be compared as they are stored: equal, or a convolution and its unrolled matrix."""
    if stored[0] == wanted[0]:
        return True
    if not stored[0] or not wanted[0] or len(stored[0]) == len(wanted[0]):
        return False
    extents = {
        (math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))
        for shape, output_axis in (stored, wanted)
        for axis in (output_axis % len(shape),)
    }
    return len(extents) == 1


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
    return (2,) if axes == (1, 2, 0) else (1, 2) if axes == (0, 1, 2) else (1,)


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


def _meets_convention(stored: Form, wanted: Form, view: View | None) -> bool:
    """Whether a view takes the output axis of the stored tensor to that of the wanted one."""
    if not stored[0] or not wanted[0]:
        return True
    axis, place = stored[1] % len(stored[0]), wanted[1] % len(wanted[0])
    if view is None:
        return axis == place or stored[0] != wanted[0]
    if len(view.split) != len(stored[0]):
        return False
    return math.prod(view.lengths[: view.axes.index(axis)]) == math.prod(wanted[0][:place])
