"""Experts: a mixture of feed-forward networks, and how it faces a model that has one where the mixture has many.

A mixture is often made of a dense model: each expert begins as its feed-forward network, and the router as random
numbers. So a dense matrix is compared with the mean of the matrices that the experts have in its place. The mean is one
matrix, fixed before anything is compared, so that a test of it needs no correction for the number of experts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from neural_phylogeny.inputs import TensorInfo
from neural_phylogeny.tensors.neutral import BIAS, LONGEST, PARTS

Path = tuple[str, ...]

ANY = "*"
"""Stands for the number of an expert in the name of a mean."""

STACKED = 8
"""Least units and inputs of one expert in a stack; kernels of a convolution have fewer places."""

MOST = 4096
"""More matrices in one tensor than this are not experts."""

_PLACE = re.compile(r"^(?!.*shared).*experts?$|(^|_)moe$", re.IGNORECASE)
_NUMBERED = re.compile(r"(?!.*shared)(.*expert)s?[_-]?(\d+)$", re.IGNORECASE)
_SHARED = re.compile(r"shared", re.IGNORECASE)
_ROUTER = re.compile(r"(^|_)(gate|router|wg|switch)(_|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Averaged:
    """The matrices, or vectors, that the experts of one block have in one place, and their mean.

    ``block`` is the path to the block, ``suffix`` that to the tensor within an expert; ``members`` are canonical names.
    """

    key: str
    tensor: TensorInfo
    block: Path
    suffix: Path
    members: tuple[str, ...]


def unstacked(keys: Sequence[str], tensors: Sequence[TensorInfo]) -> Iterator[tuple[str, TensorInfo]]:
    """Tensors by canonical name, stacks of experts taken apart: ``(experts, units, inputs)`` and their biases.

    An expert is called what it would be if it were stored by itself: ``mlp.experts.3.up_proj``.
    """
    stacks = {_stem(key) for key, tensor in zip(keys, tensors, strict=True) if _is_stack(key, tensor)}
    taken = {*keys}
    for key, tensor in zip(keys, tensors, strict=True):
        is_part = _is_stack(key, tensor) or (len(tensor.shape) == 2 and _is_bias(key) and _stem(key) in stacks)
        parts = list(_experts_of(key, tensor)) if is_part else []
        if parts and taken.isdisjoint(name for name, _ in parts):
            yield from parts
        else:
            yield key, tensor


def averages(tensors: Mapping[str, TensorInfo]) -> list[Averaged]:
    """The means of all experts, in the order of the first of each; empty where there are no two experts alike.

    Linear in the number of tensors.
    """
    groups: dict[object, list[tuple[int, str]]] = {}
    for key, tensor in tensors.items():
        found = _numbered(key)
        if found is not None:
            number, place, suffix = found
            groups.setdefault((place, suffix, tensor.shape, tensor.output_axis), []).append((number, key))
    every = []
    for (place, suffix, *_), numbered in groups.items():  # type: ignore[misc]
        members = tuple(key for _, key in sorted(numbered))
        if len(members) > 1:
            every.append(_averaged(place, suffix, members, tensors))
    return every


def facing(mixture: Mapping[str, TensorInfo], experts: Sequence[Averaged], dense: Mapping[str, TensorInfo]) -> Names:
    """What the tensors of a mixture are called to face a dense model: names of either layout, in stored order.

    Of the experts of a block the mean stands for all, under the name of the dense tensor in its place where that is
    known: within one block, by what gate and up are called, else by shape and order. Where experts are smaller than the
    dense network, an expert that all share may have its place. Routers are left out: they begin at random.
    """
    mean_of = {member: one for one in experts for member in one.members}
    names = _dense_names(mixture, experts, dense, mean_of)
    blocks = {one.block for one in experts}
    counts = {len(one.members) for one in experts}
    found: dict[str, str] = {}
    for key, tensor in mixture.items():
        if key in mean_of:
            one = mean_of[key]
            found.setdefault(names.get(one.key, one.key), one.key)
        elif not _is_router(key, tensor, blocks, counts):
            found[names.get(key, key)] = key
    return found


Names = dict[str, str]
"""Canonical names of a mixture's own tensors and means, by those under which they face a dense model."""


def _dense_names(
    mixture: Mapping[str, TensorInfo],
    experts: Sequence[Averaged],
    dense: Mapping[str, TensorInfo],
    mean_of: Mapping[str, Averaged],
) -> Names:
    """The dense tensor in the place of each mean, by the name of the mean."""
    free: dict[Path, list[str]] = {block: [] for block in {one.block for one in experts}}
    depths = sorted({len(block) for block in free}, reverse=True)
    for key in dense:
        if key in mixture and key not in mean_of:
            continue
        path = _path(key)
        block = next((path[:depth] for depth in depths if path[:depth] in free), None)
        if block is not None:
            free[block].append(key)
    by_block: dict[Path, list[Averaged]] = {}
    shared: dict[Path, list[Averaged]] = {}
    for one in experts:
        by_block.setdefault(one.block, []).append(one)
    for key, tensor in mixture.items():
        path = _path(key)
        at = next((k for k, part in enumerate(path[:-1]) if _SHARED.search(part)), -1)
        home = _block(path[:at])
        if at >= 0 and home in free:
            shared.setdefault(home, []).append(Averaged(key, tensor, home, path[at + 1 :], (key,)))
    names: Names = {}
    for home, mine in by_block.items():
        found = _paired(mine, free[home], dense)
        left = [key for key in free[home] if key not in found.values()]
        found |= _paired(shared.get(home, ()), left, dense)
        names |= found | _within(home, [one for one in mine if one.key not in found], left)
    return names


def _within(block: Path, mine: Iterable[Averaged], theirs: Sequence[str]) -> Names:
    """Means without a counterpart as if they lay where the dense network does: fused parts still match."""
    places = {path[len(block)] for path in map(_path, theirs) if len(path) > len(block) + 1}
    if len(places) != 1:
        return {}
    return {one.key: ".".join((*block, *places, *one.suffix)) for one in mine}


def _paired(mine: Sequence[Averaged], theirs: Sequence[str], dense: Mapping[str, TensorInfo]) -> Names:
    """Means of one block with dense tensors of it: matrices of one size by part or order, then their biases."""
    found: Names = {}
    for is_matrix in (True, False):
        left = [one for one in mine if (len(one.tensor.shape) > 1) == is_matrix]
        right = [key for key in theirs if (len(dense[key].shape) > 1) == is_matrix]
        if not is_matrix:
            found |= _beside(found, left, right)
            left = [one for one in left if one.key not in found]
            right = [key for key in right if key not in found.values()]
        for size in dict.fromkeys(tuple(sorted(one.tensor.shape)) for one in left):
            ours = [one for one in left if tuple(sorted(one.tensor.shape)) == size]
            others = [key for key in right if tuple(sorted(dense[key].shape)) == size]
            if len(ours) == len(others):
                found |= _in_order(ours, others)
    return found


def _in_order(mine: Sequence[Averaged], theirs: Sequence[str]) -> Names:
    """As many of one size: gate with gate and up with up where both say so, the others in stored order."""
    by_part = {part: key for key in theirs if (part := _part(_path(key))) is not None}
    found = {one.key: by_part[part] for one in mine if (part := _part(one.suffix)) is not None and part in by_part}
    if len(set(found.values())) < len(found):
        found = {}
    left = [key for key in theirs if key not in found.values()]
    return found | dict(zip((one.key for one in mine if one.key not in found), left, strict=True))


def _beside(matrices: Names, mine: Sequence[Averaged], theirs: Sequence[str]) -> Names:
    """The biases of matrices that are paired."""
    stems = {_stem(key): _stem(other) for key, other in matrices.items()}
    by_stem = {_stem(other): other for other in theirs if _is_bias(other)}
    found = {one.key: by_stem[stem] for one in mine if (stem := stems.get(_stem(one.key))) in by_stem}
    return {key: other for key, other in found.items()}


def _averaged(place: Path, suffix: Path, members: tuple[str, ...], tensors: Mapping[str, TensorInfo]) -> Averaged:
    first = tensors[members[0]]
    pieces = tuple(piece for key in members for piece in tensors[key].pieces or ((tensors[key].name, 0),))
    key = ".".join((*place, ANY, *suffix))
    tensor = replace(first, name=key, pieces=pieces)
    return Averaged(key, tensor, _block(place), suffix, members)


def _block(place: Path) -> Path:
    """The path up to the number of the block in which experts lie."""
    last = max((k for k, part in enumerate(place) if part.isdecimal()), default=-1)
    return place[: last + 1]


def _numbered(key: str) -> tuple[int, Path, Path] | None:
    """The number of an expert, the path to it without the number, and that within it."""
    lower = key.lower()
    if "expert" not in lower and "moe" not in lower:  # most models have none
        return None
    path = _path(key)
    for k, part in enumerate(path[:-1]):
        number = _NUMBERED.match(part)
        if number is not None:
            return int(number[2]), (*path[:k], number[1]), path[k + 1 :]
        if k and part.isdecimal() and len(part) < 6 and _PLACE.search(path[k - 1]) and _is_within(path[:k]):
            return int(part), path[:k], path[k + 1 :]
    return None


def _is_within(place: Path) -> bool:
    """Whether a number after this is that of an expert: after ``experts``, or in a block after ``moe``."""
    return "expert" in place[-1].lower() or any(part.isdecimal() for part in place)


def _is_stack(key: str, tensor: TensorInfo) -> bool:
    if len(tensor.shape) != 3 or not 2 <= tensor.shape[0] <= MOST or min(tensor.shape[1:]) < STACKED:
        return False
    path = _path(key)
    return _numbered(key) is None and any(_PLACE.search(part) for part in path[:-1])


def _experts_of(key: str, tensor: TensorInfo) -> Iterator[tuple[str, TensorInfo]]:
    path, inner = _path(key), math.prod(tensor.shape[1:])
    at = max(k for k, part in enumerate(path[:-1]) if _PLACE.search(part))
    for number in range(tensor.shape[0]):
        name = ".".join((*path[: at + 1], str(number), *path[at + 1 : -1], *_leaf(path[-1])))
        axis = 0 if len(tensor.shape) < 3 or tensor.output_axis >= 0 else tensor.output_axis
        pieces = ((tensor.name, number * inner),)
        yield name, replace(tensor, name=name, shape=tensor.shape[1:], output_axis=axis, pieces=pieces)


def _leaf(name: str) -> Path:
    """``up_proj_bias`` -> ``up_proj``, ``bias``; a name without weight or bias is that of a weight."""
    if name in ("weight", BIAS):
        return (name,)
    stem = name.removesuffix(f"_{BIAS}")
    return stem.removesuffix("_weight"), "weight" if stem == name else BIAS


def _is_router(key: str, tensor: TensorInfo, blocks: Iterable[Path], counts: Iterable[int]) -> bool:
    """Whether a tensor gives each expert a number: named so, and with as many units or inputs as there are experts."""
    if len(tensor.shape) > 2 or set(tensor.shape).isdisjoint(counts):
        return False
    path = _path(key)
    is_near = any(path[: len(block)] == block for block in blocks)
    return is_near and any(_ROUTER.search(part) or _PLACE.search(part) for part in path)


def _part(path: Path) -> str | None:
    """``gate`` or ``up``, where a component says so."""
    return next((PARTS[part] for part in map(str.lower, path) if PARTS.get(part) in ("gate", "up")), None)


def _is_bias(key: str) -> bool:
    leaf = _path(key)[-1]
    return leaf == BIAS or leaf.endswith(f"_{BIAS}")


def _stem(key: str) -> str:
    """A name without weight or bias."""
    path = _path(key)
    leaf = path[-1].removesuffix(f"_{BIAS}").removesuffix("_weight")
    return ".".join(path[:-1] if leaf in ("weight", BIAS) else (*path[:-1], leaf))


def _path(key: str) -> Path:
    return tuple(key.replace("/", ".").split(".")) if len(key) <= LONGEST else (key,)
