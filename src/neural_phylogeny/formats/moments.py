"""Moments that optimisers keep of every parameter: of a model's shapes, under a model's names, and no model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MOMENTS = frozenset(
    """exp_avg exp_avg_sq exp_avg_sq_row exp_avg_sq_col exp_avg_diff exp_avg_slow max_exp_avg_sq max_exp_avg_sqs exp_inf
    square_avg grad_avg acc_delta momentum_buffer adam_m adam_v moment1 moment2 moment_1 moment_2""".split()
)
"""What they are called, as one part of a tensor's name."""

COUNTERS = frozenset({"step", "steps", "count", "iteration", "iterations"})
"""What stands beside them: how many updates there were."""

PAIRS = (("m", "v"), ("mu", "nu"), ("momentum", "velocity"), ("momentums", "velocities"))
"""Names that mean the two moments where both occur, over the same parameters of the same shapes."""


def parts_of(name: str) -> list[str]:
    """The parts of a tensor's name.

    Examples
    --------
    >>> parts_of("optimizer/layers.0.weight")
    ['optimizer', 'layers', '0', 'weight']
    """
    return name.replace("/", ".").split(".")


def is_moment(name: str) -> bool:
    """Whether a tensor's name says that it is a moment.

    Examples
    --------
    >>> is_moment("0.weight.exp_avg"), is_moment("exp_avg/0.weight"), is_moment("momentum_encoder.weight")
    (True, True, False)
    """
    return not MOMENTS.isdisjoint(parts_of(name.lower()))


def moments_among(shapes: Mapping[str, tuple[int, ...]]) -> set[str]:
    """The names of those tensors that are moments, by their names and shapes. Linear in the number of names.

    Where there are any, counters beside them (scalars) are among them too.

    Examples
    --------
    >>> sorted(moments_among({"w": (3, 2), "w.exp_avg": (3, 2), "w.step": ()}))
    ['w.exp_avg', 'w.step']
    >>> sorted(moments_among({"m/w": (3, 2), "v/w": (3, 2)})), moments_among({"m/w": (3, 2), "v/w": (2, 2)})
    (['m/w', 'v/w'], set())
    """
    found = {name for name in shapes if is_moment(name)}
    for first, second in PAIRS:
        found |= _pairs(shapes, first, second)
    if found:
        found |= {name for name, shape in shapes.items() if not shape and parts_of(name.lower())[-1] in COUNTERS}
    return found


def _pairs(shapes: Mapping[str, tuple[int, ...]], first: str, second: str) -> set[str]:
    """All tensors called ``first`` and ``second`` in one place of their names, if each has its counterpart."""
    of_first, of_second = (_without(shapes, word) for word in (first, second))
    if not of_first or of_first.keys() != of_second.keys():
        return set()
    pairs = [(of_first[rest], of_second[rest]) for rest in of_first]
    if any(shapes[a] != shapes[b] for a, b in pairs) or not any(len(shapes[a]) > 1 for a, _ in pairs):
        return set()
    return {name for pair in pairs for name in pair}


def _without(names: Iterable[str], word: str) -> dict[tuple[str, ...], str]:
    """Names in which ``word`` is a part, by what is left of them without it."""
    found = {}
    for name in names:
        parts = parts_of(name.lower())
        if word in parts:
            parts[parts.index(word)] = ""
            found[tuple(parts)] = name
    return found
