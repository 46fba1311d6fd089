"""Shapes of family trees, for every planner of the laboratory: parents before their children, the root first."""

from __future__ import annotations

import numpy as np

TOPOLOGIES = ("star", "levels", "random", "chain", "middle", "attachment", "twigs")


def draw_parents(
    topology: str, descendants: int, rng: np.random.Generator, *, depth: int, middle: int | None = None
) -> list[int]:
    """Parents of models 1, 2, ... of a tree; model 0 is the root.

    Parameters
    ----------
    topology : str
        ``star``; ``levels``, a balanced tree of two generations; ``random``, a random recursive tree; ``chain``;
        ``middle``, one child of the root that has all others for children; ``attachment``, where who has children gets
        more (Barabasi and Albert 1999); ``twigs``, a chain with side branches.
    descendants : int
        Models beside the root.
    depth : int
        Most generations below the root, for random trees; a chain that is longer goes on as a fan at its end.
    middle : int, optional
        Models of the first of two levels, about the root of their number by default.

    Raises
    ------
    ValueError
        When there is no such topology.

    Examples
    --------
    >>> draw_parents("levels", 5, np.random.default_rng(0), depth=9)
    [0, 0, 1, 2, 1]
    """
    if topology == "star":
        return [0] * descendants
    if topology == "chain":
        return [min(k, depth - 1) for k in range(descendants)]
    if topology == "middle":
        return [0, *[1] * (descendants - 1)][:descendants]
    if topology in ("attachment", "twigs"):
        return _attached(descendants, rng) if topology == "attachment" else _twigs(descendants, rng)
    if topology == "levels":
        first = min(descendants, max(1, round(descendants**0.5))) if middle is None else min(middle, descendants)
        return [0] * first + [1 + k % first for k in range(descendants - first)]
    if topology != "random":
        raise ValueError(f"topology {topology!r} is none of {', '.join(TOPOLOGIES)}")
    level, parents = [0], list[int]()
    for _ in range(descendants):
        parents.append(int(rng.choice([k for k, at in enumerate(level) if at < depth])))
        level.append(level[parents[-1]] + 1)
    return parents


def _attached(descendants: int, rng: np.random.Generator) -> list[int]:
    """Each new model chooses its parent in proportion to one more than the children it has."""
    children, parents = np.ones(descendants + 1), list[int]()
    for k in range(1, descendants + 1):
        parents.append(int(rng.choice(k, p=children[:k] / children[:k].sum())))
        children[parents[-1]] += 1.0
    return parents


def _twigs(descendants: int, rng: np.random.Generator) -> list[int]:
    """Most models go on from the end of the stem, the others from any model of it."""
    stem, parents = [0], list[int]()
    for k in range(1, descendants + 1):
        if rng.random() < 0.6:
            parents.append(stem[-1])
            stem.append(k)
        else:
            parents.append(int(rng.choice(stem)))
    return parents
