"""Collections with one of each kind, and the truth of each; the first half of the recipes is for choosing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import torch

from neural_phylogeny.lab.kinds import operations as op
from neural_phylogeny.lab.kinds.networks import ARCHITECTURES, Architecture
from neural_phylogeny.lab.kinds.training import State, adapted, outputs, started, trained

CHOOSING, REPORTING = "choosing", "reporting"
"""What a recipe is for: nothing is ever chosen on the second."""

TWIN = "twin"
"""The model that shares its initialisation with the base, and nothing else."""

UNDIRECTED = ("copy", "converted", "permuted", "rescaled", "rotated")
"""Kinds that cost the same both ways, so that no direction is expected."""


@dataclass(frozen=True)
class Relation:
    """``child`` was made from ``parents``, the main one first; ``variant`` is the row of the table."""

    parents: tuple[str, ...]
    child: str
    kind: str
    variant: str
    also: tuple[str, ...] = ()
    coefficients: tuple[float, ...] = ()


@dataclass
class KindsCollection:
    """Models by name and what is known of them; whatever is not joined by relations is unrelated."""

    name: str
    architecture: str
    use: str
    models: dict[str, State] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)

    def add(
        self, child: str, state: State, parents: str | tuple[str, ...], kind: str, *also: str, variant: str = ""
    ) -> None:
        """One more model, made from others that are here."""
        parents = (parents,) if isinstance(parents, str) else parents
        self.models[child] = state
        self.relations.append(Relation(parents, child, kind, variant or child, also))


@dataclass(frozen=True)
class World:
    """The trained models of one recipe that its collections are made of."""

    architecture: Architecture
    use: str
    width: int
    seed: int
    states: Mapping[str, State]

    def generator(self, salt: int) -> torch.Generator:
        """Of random operations."""
        return torch.Generator().manual_seed(1000 * self.seed + salt)

    def tuned(self, state: State, task: int, steps: int = 60, **options: object) -> State:
        """A training from given weights."""
        rate = 1e-3 if self.use == CHOOSING else 7e-4
        options = {"rate": rate, "momentum": False, "decay": 0.01 if self.use == CHOOSING else 0.0} | options
        seed = self.seed + 31 * task + steps
        return trained(self.architecture, self.width, state, task, steps, seed, **options)  # type: ignore[arg-type]

    def keeps(self, state: State, base: State) -> State:
        """The same weights, where the network answers as before.

        Raises
        ------
        ValueError
            When it does not.
        """
        width = self.width
        a, b = outputs(self.architecture, width, base), outputs(self.architecture, width, state)
        if not torch.allclose(a, b, atol=2e-3 * float(a.abs().max())):
            raise ValueError(
                f"{self.architecture.name}: the operation changes the function by {float((a - b).abs().max())}"
            )
        return state


def worlds(use: str, steps: int = 150) -> Iterator[World]:
    """One trained world for each architecture; about ten seconds each."""
    torch.set_num_threads(1)
    for place, architecture in enumerate(ARCHITECTURES):
        is_report = use == REPORTING
        width, seed = architecture.widths[is_report], 10 * place + 5 * is_report
        rest = {"rate": 2e-3, "momentum": is_report and architecture.name in ("dense", "conv", "residual")}
        make = _trainer(architecture, width, seed, steps, rest)
        states = {"base": make(1, 0)}
        states |= {"stranger": make(2, 0), TWIN: make(1, 1)}
        states["student"] = make(3, 0, teacher=states["base"])
        found = World(architecture, use, width, seed, states)
        tuned = {f"tuned-{task}": found.tuned(states["base"], task) for task in (1, 2, 3)}
        yield World(architecture, use, width, seed, states | tuned)


def _trainer(
    architecture: Architecture, width: int, seed: int, steps: int, rest: Mapping[str, object]
) -> Callable[..., State]:
    def make(initial: int, salt: int, **more: object) -> State:
        start = started(architecture, width, 100 * seed + initial)
        return trained(architecture, width, start, 0, steps, seed + 7 * initial + salt, **rest, **more)  # type: ignore[arg-type]

    return make


def collections(world: World) -> Iterator[KindsCollection]:
    """The collections of one world."""
    for name, fill in GROUPS.items():
        found = KindsCollection(f"{world.architecture.name}-{name}", world.architecture.name, world.use)
        for one in ("base", "stranger", "student"):
            found.models[one] = world.states[one]
        fill(world, found)
        yield found


def _exact(world: World, into: KindsCollection) -> None:
    base = world.states["base"]
    into.add("copy", dict(base), "base", "copy")
    into.add("ported", op.ported(base), "base", "converted")
    into.add("prefixed", op.prefixed(base), "base", "converted")
    if any(".q_proj." in name for name in base):
        into.add("fused", op.fused(base), "base", "converted")
    if world.architecture.name == "llama-tied":
        into.add("untied", op.untied(base), "base", "converted")
    into.add("bf16", op.cast(base, torch.bfloat16), "base", "cast")
    into.add("fp16", op.cast(base, torch.float16), "base", "cast")
    into.add("fp8", op.fp8(base), "base", "cast")
    into.add("int8", op.quantized(base, 8), "base", "quantized")
    into.add("int4", op.quantized(base, 4, 32), "base", "quantized")
    into.add("nf4", op.nf4(base), "base", "quantized")
    for share in (10, 50, 90):
        into.add(f"pruned-{share}", op.pruned(base, share / 100), "base", "pruned")
    into.add("pruned-2-4", op.pruned_n_m(base), "base", "pruned")
    half, other = op.pruned(base, 0.5), op.masked(base, 0.4, world.generator(5))
    into.add("pruned-50-trained", world.tuned(half, 0, mask=True), "pruned-50", "finetune", "pruned")
    into.add("pruned-50-bf16", op.cast(half, torch.bfloat16), "pruned-50", "cast", "pruned")
    into.add("pruned-trained-mask", world.tuned(other, 0, mask=True), "base", "pruned", "finetune")


def _trained(world: World, into: KindsCollection) -> None:
    base = world.states["base"]
    into.models[TWIN] = world.states[TWIN]
    into.add("tuned-1", world.states["tuned-1"], "base", "finetune")
    into.add("tuned-2", world.states["tuned-2"], "base", "finetune")
    names = list(base)
    frozen = set(names[: len(names) // 2])
    into.add("frozen", world.tuned(base, 3, frozen=frozen.__contains__), "base", "finetune", variant="finetune, frozen")
    into.add("second", world.tuned(world.states["tuned-1"], 2, 40), "tuned-1", "finetune", variant="finetune of one")
    into.add("later", world.tuned(base, 0, rate=2e-3), "base", "later-checkpoint")
    for level in (1, 5, 20):
        noisy = op.noised(base, level / 100, world.generator(level))
        into.add(f"noised-{level}", noisy, "base", "noised")
    if any(t.dim() == 2 and min(t.shape) >= 24 and "head" not in n for n, t in base.items()):
        options = (world.architecture, world.width, base)
        _, merged = adapted(*options, 1, 40, world.seed, 4, dora=False)
        into.add("lora", merged, "base", "adapter")
        _, merged = adapted(*options, 2, 40, world.seed, 4, dora=True)
        into.add("dora", merged, "base", "adapter")


def _adapters(world: World, into: KindsCollection) -> None:
    base = world.states["base"]
    if not any(t.dim() == 2 and min(t.shape) >= 24 and "head" not in n for n, t in base.items()):
        return
    options = (world.architecture, world.width, base)
    into.add("tuned-1", world.states["tuned-1"], "base", "finetune")
    factors, merged = adapted(*options, 1, 40, world.seed, 4, dora=False)
    into.add("lora", merged, "base", "adapter")
    into.add("lora-folder", factors, "base", "adapter")
    factors, _ = adapted(*options, 2, 40, world.seed + 1, 4, dora=False)
    into.add("lora-folder-alone", factors, "base", "adapter")
    factors, merged = adapted(*options, 3, 40, world.seed + 2, 4, dora=True)
    into.add("dora-folder", factors, "base", "adapter")
    into.add("dora", merged, "base", "adapter")


def _merges(world: World, into: KindsCollection) -> None:
    base, tuned = world.states["base"], [world.states[f"tuned-{k}"] for k in (1, 2, 3)]
    names = ("tuned-1", "tuned-2", "tuned-3")
    for name, state in zip(names, tuned, strict=True):
        into.add(name, state, "base", "finetune")

    def merge(child: str, state: State, *parts: tuple[str, float]) -> None:
        into.models[child] = state
        parents, shares = tuple(p for p, _ in parts), tuple(w for _, w in parts)
        into.relations.append(Relation(parents, child, "merge", child, (), shares))

    merge("linear-2", op.linear([(0.35, tuned[0]), (0.65, tuned[1])]), (names[0], 0.35), (names[1], 0.65))
    parts = [(0.2, tuned[0]), (0.5, tuned[1]), (0.3, tuned[2])]
    merge("linear-3", op.linear(parts), *zip(names, (0.2, 0.5, 0.3), strict=True))
    four = [(0.25, base), *((0.25, t) for t in tuned)]
    merge("linear-4", op.linear(four), ("base", 0.25), *((n, 0.25) for n in names))
    added = op.arithmetic(base, [(0.8, tuned[0]), (0.6, tuned[1])])
    merge("arithmetic", added, (names[0], 0.8), (names[1], 0.6), ("base", -0.4))
    taken = op.arithmetic(base, [(0.7, tuned[0]), (-0.5, tuned[2])])
    merge("negated", taken, (names[0], 0.7), (names[2], -0.5), ("base", 0.8))
    merge("slerp", op.slerp(tuned[0], tuned[2], 0.4), (names[0], 0.0), (names[2], 0.0))
    merge("ties", op.ties(base, tuned[:2]), (names[0], 0.0), (names[1], 0.0), ("base", 0.0))
    dare = op.dare(base, tuned[1:], world.generator(9))
    merge("dare", dare, (names[1], 0.0), (names[2], 0.0), ("base", 0.0))
    merge("stacked", op.stacked(world.architecture, tuned[0], tuned[1]), (names[0], 0.0), (names[1], 0.0))


def _disguised(world: World, into: KindsCollection) -> None:
    base, architecture = world.states["base"], world.architecture
    into.add("tuned-2", world.states["tuned-2"], "base", "finetune")
    made: dict[str, Callable[[State, torch.Generator], State]] = {
        "permuted": lambda s, g: op.permuted(architecture, s, g)
    }
    if any(units.scaled for units in architecture.units):
        made["rescaled"] = lambda s, g: op.rescaled(architecture, s, g)
    if architecture.rotations:
        made["rotated"] = lambda s, g: op.rotated(architecture.rotations, s, g)
    for place, (name, disguise) in enumerate(made.items()):
        copy = world.keeps(disguise(base, world.generator(place)), base)
        tuned = (world.states["tuned-1"], world.states["tuned-3"], world.tuned(base, 4))[place]
        into.add(name, copy, "base", name)
        into.add(f"{name}-tuned", disguise(tuned, world.generator(20 + place)), "base", "finetune", name)
    both = op.cast(op.permuted(architecture, base, world.generator(40)), torch.bfloat16)
    into.add("permuted-bf16", both, "base", "cast", "permuted")


def _grown(world: World, into: KindsCollection) -> None:
    base, architecture = world.states["base"], world.architecture
    units = architecture.units[0]
    g = world.generator(3)
    into.add("wider", op.wider(units, base, 0.25, g), "base", "grown")
    into.add("narrower", op.without_units(units, base, 0.25), "base", "pruned", variant="units removed")
    heads = [n for n in base if "head" in n or "embed_tokens" in n]
    into.add("longer", op.longer(base, heads, 6, g), "base", "grown", variant="vocabulary or head")
    if architecture.layers:
        into.add("doubled", op.with_layers(architecture, base, (0, 1, 1, 2)), "base", "grown", variant="layers doubled")
        into.add(
            "deeper", op.with_layers(architecture, base, (0, 1, 2, 0, 1, 2)), "base", "grown", variant="stack twice"
        )
        into.add("shallower", op.with_layers(architecture, base, (0, 2)), "base", "pruned", variant="layers dropped")


GROUPS: dict[str, Callable[[World, KindsCollection], None]] = {
    "exact": _exact,
    "trained": _trained,
    "adapters": _adapters,
    "merges": _merges,
    "disguised": _disguised,
    "grown": _grown,
}
