"""Tables of a prior for varied families: networks composed of parts, made-up tasks, many optimisers, growing trees."""

from __future__ import annotations

from dataclasses import dataclass

Span = tuple[float, float]
Between = tuple[int, int]


@dataclass(frozen=True)
class Inputs:
    """What an example is: ``pictures``, ``textures``, ``signals``, ``tokens`` or ``vectors``, and its shape.

    Images are (channels, height, width), signals (channels, length), tokens (rows of the table, places), vectors
    (values,). A list stands for one of its values, 0 for the side before it.
    """

    what: str
    shape: tuple[int | tuple[int, ...], ...]


@dataclass(frozen=True)
class Shape:
    """``Inputs`` with one value of each list."""

    what: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Networks:
    """Networks by kind, of ``composed.BUILDERS``.

    ``parameters`` is the range from whose logarithm a size is drawn, ``near`` how far from it in the logarithm a
    network may be; ``no_bias`` and ``positions`` are shares.
    """

    kinds: dict[str, float]
    inputs: dict[str, tuple[Inputs, ...]]
    widths: dict[str, tuple[int, ...]]
    depth: dict[str, Between]
    norms: dict[str, dict[str, float]]
    activations: tuple[str, ...]
    classes: tuple[int, ...]
    multiples: tuple[int, ...]
    parameters: Span
    near: float = 0.35
    no_bias: float = 0.1
    positions: float = 0.6


@dataclass(frozen=True)
class Optimisers:
    """Optimisers and their shares, rates and decays by optimiser, and what may be beside.

    ``warm_up``, ``clipped``, ``exempt`` and ``no_decay`` are shares of trainings; ``clip`` is a range of norms. Rates
    of networks of more than ``reference`` parameters fall with the square root of their number.
    """

    of_root: dict[str, float]
    of_child: dict[str, float]
    rates: dict[str, Span]
    decays: dict[str, Span]
    no_decay: float
    schedules: dict[str, float]
    last: tuple[float, ...]
    warm_up: float
    clipped: float
    clip: Span
    exempt: float
    reference: float = 20000.0


@dataclass(frozen=True)
class Growth:
    """Trees, and how trainings of one family resemble each other.

    ``pool`` is the number of tasks of a batch. ``steps`` are ranges, one of which a family has; ``alike`` says what
    siblings have in common, ``tasks`` how many tasks children have, 0 for the root's own; ``rate`` is a range of
    factors on the rate of a child. ``longest`` is the most steps from an initialisation on, and ``work`` the most steps
    times parameters of all models of a family.
    """

    pool: int
    topologies: dict[str, float]
    members: Between
    root_steps: Span
    steps: tuple[Span, ...]
    alike: dict[str, float]
    tasks: dict[int, float]
    rate: Span
    heads: dict[str, float]
    other_classes: float
    shots: dict[int, float]
    frozen: float
    resumes: float
    longest: int
    work: float
    default_initialisation: float
    strangers: float


@dataclass(frozen=True)
class Varied:
    """What a prior of varied families has beside the tables of every prior; ``batch`` is of examples of a step."""

    networks: Networks
    optimisers: Optimisers
    growth: Growth
    batch: tuple[int, ...]
    examples: int = 1500
