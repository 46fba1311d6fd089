"""Tables of a prior of large kinds: library-like networks, stages of training, adapters, averages, coarse grids."""

from __future__ import annotations

from dataclasses import dataclass

from neural_phylogeny.lab.families.varied_prior import Between, Optimisers, Span


@dataclass(frozen=True)
class LargeNetworks:
    """Networks by kind, of ``large_networks.BUILDERS``; widths, depths and inputs from which one is drawn.

    ``parameters`` is the range from whose logarithm a size is drawn.
    """

    kinds: dict[str, float]
    widths: dict[str, tuple[int, ...]]
    depth: dict[str, Between]
    rows: tuple[int, ...]
    places: tuple[int, ...]
    sides: tuple[int, ...]
    lengths: tuple[int, ...]
    classes: tuple[int, ...]
    parameters: Span


@dataclass(frozen=True)
class Stages:
    """How the models of a family come from each other.

    Attributes
    ----------
    topologies, members : of the tree below the base
    checkpoints : how many of the base's training are kept before its end
    average : share of trainings beside which a moving average is kept, its child
    averages : decays of such averages
    from_average : share of children of a base with an average that start from that
    hows : shares of ``full``, ``near``, ``few``, ``frozen``, ``adapted``, ``continued`` trainings of children
    alike : as in ``varied_prior.Growth``
    root_steps, steps, near_steps : ranges of steps; a family has one of ``steps``
    rate : range of factors on the root's rate; ``near_rate`` of trainings that hardly move
    examples : numbers of examples of a training on few
    ranks : of adapters; ``dora`` is the share with magnitudes of their own
    coarse, coarse_children : shares of families, and of children, whose weights are bfloat16 in training
    new_head : share of children whose head is drawn anew though it fits
    library : share of networks drawn from one narrow normal distribution
    strangers : share of families with one to three models of no relation
    same_initialisation : share of those that begin where the family does
    longest : most steps from an initialisation to the last descendant
    """

    pool: int
    topologies: dict[str, float]
    members: Between
    checkpoints: dict[int, float]
    average: float
    averages: Span
    from_average: float
    hows: dict[str, float]
    alike: dict[str, float]
    tasks: dict[int, float]
    root_steps: Span
    steps: tuple[Span, ...]
    near_steps: Span
    rate: Span
    near_rate: Span
    examples: tuple[int, ...]
    ranks: tuple[int, ...]
    dora: float
    coarse: float
    coarse_children: float
    new_head: float
    other_classes: float
    library: float
    strangers: float
    same_initialisation: float
    longest: int


@dataclass(frozen=True)
class Large:
    """What a prior of large kinds has beside the tables of every prior; ``batch`` is of examples of a step."""

    networks: LargeNetworks
    optimisers: Optimisers
    stages: Stages
    batch: tuple[int, ...]
    examples: int = 2000
