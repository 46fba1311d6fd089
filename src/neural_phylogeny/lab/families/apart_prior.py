"""The table of a prior for families that are made by other habits."""

from __future__ import annotations

from dataclasses import dataclass

from neural_phylogeny.lab.families.varied_prior import Between, Span


@dataclass(frozen=True)
class Apart:
    """Networks, trainings and trees of ``apart``.

    ``one_task`` is the share of families whose children share a task, ``own_optimiser`` that of models which have
    another optimiser than the family, ``fresh_heads`` that of families whose children begin with new heads, ``missing``
    that of families of which one or two members are removed.
    """

    kinds: dict[str, float]
    classes: tuple[int, ...]
    members: Between
    tasks: int
    optimisers: dict[str, float]
    rates: dict[str, Span]
    decays: dict[str, Span]
    steps: Span
    batch: tuple[int, ...]
    one_task: float
    own_optimiser: float
    fresh_heads: float
    missing: float
