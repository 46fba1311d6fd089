"""How a tensor of several shapes is cut into boxes: for pairs of models each on its own, or for all of a family.

*Pairs*: models of one shape are compared on the whole tensor, models of two shapes on what both cover. Boxes overlap,
and each says for which pairs it counts: no pair is compared twice, and no third shape cuts what two others share.

*Families*: the tensor is cut into boxes that do not overlap, each held by every model that covers it, so that all
models of a family lie in one space.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, pairwise, product

import numpy as np

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.boxes import AlignedTensor, Pairs, sides_of
from neural_phylogeny.tensors.roles import Role

BOX_LIMIT = 64
"""Most boxes one tensor of a family is cut into; with more shapes than that only equal shapes are compared."""


@dataclass(frozen=True, slots=True)
class Form:
    """Tensors that are compared alike: their shape, output axis and role, and how large the models are, in steps."""

    shape: tuple[int, ...]
    output_axis: int
    role: Role
    step: int

    @property
    def axis(self) -> int:
        """The output axis, counted from the first."""
        return self.output_axis % max(len(self.shape), 1)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class _Box:
    """A box and the pairs of forms that it counts for."""

    stop: tuple[int, ...]
    output_axis: int | None
    role: Role
    pairs: list[tuple[Form, Form]]


@dataclass(frozen=True)
class Held:
    """One tensor of several models: what each calls it and its form, by model, ascending."""

    name: str
    sources: Mapping[int, TensorInfo]
    forms: Mapping[int, Form]
    by: str = "name"

    def of(self, models: Iterable[int]) -> Held:
        """The same tensor of some of the models."""
        chosen = sorted(models)
        return Held(self.name, {m: self.sources[m] for m in chosen}, {m: self.forms[m] for m in chosen}, self.by)

    def by_form(self) -> dict[Form, list[int]]:
        """Models of each form."""
        found: dict[Form, list[int]] = {}
        for model, form in self.forms.items():
            found.setdefault(form, []).append(model)
        return found

    def box(self, start: tuple[int, ...], stop: tuple[int, ...], axis: int | None) -> AlignedTensor:
        """A box of this tensor that counts for all of its holders."""
        role = _role(form.role for form in self.forms.values())
        members, sources = tuple(self.sources), tuple(self.sources.values())
        return AlignedTensor(self.name, role, start, stop, axis, members, sources, matched_by=self.by)


def pair_boxes(held: Held, linked: Pairs | None = None) -> Iterator[AlignedTensor]:
    """The boxes in which every two models that hold a tensor meet once, and nobody else has a part in it.

    ``linked (n_holders, n_holders)`` says whose tensors correspond; all do where it is None.
    """
    by_form = held.by_form()
    if len(by_form) == 1 and (linked is None or bool((linked | np.eye(len(linked), dtype=bool)).all())):
        yield from _whole(held)
        return
    models = list(held.sources)
    position = {model: row for row, model in enumerate(models)}
    rows_of = {form: [position[model] for model in members] for form, members in by_form.items()}
    for box in _boxes_of_forms({form: len(rows) for form, rows in rows_of.items()}):
        counted = np.zeros((len(models),) * 2, dtype=bool)
        for a, b in box.pairs:
            counted[np.ix_(rows_of[a], rows_of[b])] = counted[np.ix_(rows_of[b], rows_of[a])] = True
        if linked is not None:
            counted &= linked
        np.fill_diagonal(counted, True)
        rows = np.flatnonzero(counted.sum(axis=1) > 1)
        if not rows.size:
            continue
        sides, links = sides_of(counted[np.ix_(rows, rows)])
        whole = held.of(models[row] for row in rows).box((0,) * len(box.stop), box.stop, box.output_axis)
        yield replace(whole, role=box.role, sides=sides, links=links)


def _whole(held: Held) -> Iterator[AlignedTensor]:
    """The one box of holders of one form; nothing where there are not two of them."""
    if len(held.forms) > 1:
        form = next(iter(held.forms.values()))
        yield held.box((0,) * len(form.shape), form.shape, form.axis)


def _boxes_of_forms(counts: Mapping[Form, int]) -> list[_Box]:
    """The fewest boxes in which every two models of these forms meet once; ``counts`` models of each form."""
    found: dict[tuple[object, ...], dict[int, _Box]] = {}
    for a, b in combinations_with_replacement(counts, 2):
        if a is b and counts[a] < 2:
            continue
        axis = a.axis if a.axis == b.axis else None
        stop, extent = a.shape, _extent(a.shape, a.axis)
        if len(a.shape) == len(b.shape):
            stop = tuple(min(lengths) for lengths in zip(a.shape, b.shape, strict=True))
        elif _extent(b.shape, b.axis) == extent:
            axis = a.axis
        else:
            continue
        is_whole = axis is not None and stop in (a.shape, b.shape)
        place: object = _extent(stop, axis or 0) if is_whole else (stop, axis)
        role = _role((a.role, b.role))
        by_dimension = found.setdefault((place, role, min(a.step, b.step)), {})
        box = by_dimension.setdefault(len(stop) if len(a.shape) == len(b.shape) else 0, _Box(stop, axis, role, []))
        box.pairs.append((a, b))
    return [box for by_dimension in found.values() for box in _joined(by_dimension)]


def _joined(by_dimension: Mapping[int, _Box]) -> list[_Box]:
    """Boxes of one extent, by the number of their dimensions, as one where only tensors of one dimension are cut."""
    every = list(by_dimension.values())
    cut = [box for box in every if any(form.size > math.prod(box.stop) for pair in box.pairs for form in pair)]
    if len(every) == 1 or len(cut) > 1:
        return every
    whole, pairs = (cut or every)[0], [pair for box in every for pair in box.pairs]
    if cut:
        return [replace(whole, pairs=pairs)]
    return [_Box(*_unrolled(_extent(whole.stop, whole.output_axis or 0)), whole.role, pairs)]


def _extent(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """A tensor as inputs x units x inputs: how many values lie before, on and after the output axis."""
    return math.prod(shape[:axis]), math.prod(shape[axis : axis + 1]), math.prod(shape[axis + 1 :])


def _unrolled(extent: tuple[int, int, int]) -> tuple[tuple[int, ...], int]:
    """The shape of a matrix of this extent, and its output axis."""
    before, units, after = extent
    return ((units, after), 0) if before == 1 else ((before, units, after)[: 2 if after == 1 else 3], 1)


def _role(roles: Iterable[Role]) -> Role:
    """What a tensor of several roles is taken for: of two kinds of matrix the one that proves less."""
    found = set(roles)
    return next(role for role in (Role.BOUNDARY, Role.KERNEL, Role.VECTOR) if role in found)


def family_boxes(held: Held) -> Iterator[AlignedTensor]:
    """Boxes that do not overlap, each held by every model that covers it: two models meet on all that they share."""
    by_form = held.by_form()
    if len(by_form) == 1:
        if 0 not in next(iter(by_form)).shape:
            yield from _whole(held)
        return
    extents = {_extent(form.shape, form.axis) for form in by_form}
    if len(extents) == 1 and len({len(form.shape) for form in by_form}) > 1:
        stop, axis = _unrolled(extents.pop())
        yield held.box((0,) * len(stop), stop, axis)
        return
    by_dimension: dict[int, list[int]] = {}
    for model, form in held.forms.items():
        by_dimension.setdefault(len(form.shape), []).append(model)
    for models in by_dimension.values():
        yield from _cells(held.of(models))


def _cells(held: Held) -> Iterator[AlignedTensor]:
    """The boxes of holders of one number of dimensions."""
    shapes = {form.shape for form in held.forms.values()}
    cuts = [sorted({0, *lengths}) for lengths in zip(*shapes, strict=True)]
    if math.prod(len(cut) - 1 for cut in cuts) > BOX_LIMIT:
        for shape in sorted(shapes):
            yield from _cell(held, (0,) * len(shape), shape, {shape})
        return
    for corner in product(*(pairwise(cut) for cut in cuts)):
        start, stop = tuple(low for low, _ in corner), tuple(high for _, high in corner)
        covering = {s for s in shapes if all(length >= high for length, high in zip(s, stop, strict=True))}
        yield from _cell(held, start, stop, covering)


def _cell(
    held: Held, start: tuple[int, ...], stop: tuple[int, ...], shapes: Set[tuple[int, ...]]
) -> Iterator[AlignedTensor]:
    """One box and its holders, those of the given shapes; nothing where there are not two of them."""
    covering = held.of(model for model, form in held.forms.items() if form.shape in shapes)
    if len(covering.forms) > 1:
        axes = {form.axis for form in covering.forms.values()}
        yield covering.box(start, stop, axes.pop() if len(axes) == 1 else None)
