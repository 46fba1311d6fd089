"""An adapter folder and twenty models of its shapes: which of them is its base?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from neural_phylogeny.lab.kinds.networks import ARCHITECTURES, Architecture
from neural_phylogeny.lab.kinds.training import State, adapted, started, trained
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.api import reconstruct
from neural_phylogeny.records import Phylogeny

NAMES = ("dense", "lstm")
"""Architectures with matrices that adapters are put on, quickly trained."""

FAMILIES, STEPS, RANK = 10, 150, 4
"""Strangers, each with one fine-tuned sibling; steps of their training; rank of the adapters."""

TWIN, ALONE, LENGTHS = "LoRA, merged twin here", "LoRA alone", "DoRA alone"


@dataclass(frozen=True)
class Placed:
    """Adapters by where they were placed: below their base, its sibling, a model of another family, or nowhere."""

    architecture: str
    what: str
    base: int
    sibling: int
    stranger: int
    nowhere: int

    @property
    def number(self) -> int:
        """All of them."""
        return self.base + self.sibling + self.stranger + self.nowhere


def placed(names: Sequence[str] = NAMES) -> Iterator[Placed]:
    """Adapters of each of twenty bases: with the merged model beside, and alone; about a minute for both."""
    for architecture in (one for one in ARCHITECTURES if one.name in names):
        width = architecture.widths[0]
        bases = dict(_bases(architecture, width))
        made = {
            what: {base: _adapted(architecture, width, state, k, what) for k, (base, state) in enumerate(bases.items())}
            for what in (ALONE, LENGTHS)
        }
        twins = {f"{base}-merged": merged for base, (_, merged) in made[ALONE].items()}
        for what, beside in ((TWIN, twins), (ALONE, {}), (LENGTHS, {})):
            folders = {f"{base}-adapter": folder for base, (folder, _) in made[ALONE if beside else what].items()}
            yield counted(architecture.name, what, reconstruct({**bases, **beside, **folders}), list(bases))


def _bases(architecture: Architecture, width: int) -> Iterator[tuple[str, State]]:
    for k in range(FAMILIES):
        root = trained(architecture, width, started(architecture, width, 9000 + k), 0, STEPS, 70 + k)
        yield f"base-{k}", root
        yield f"tuned-{k}", trained(architecture, width, root, 1 + k % 3, STEPS // 3, 170 + k, rate=1e-3)


def _adapted(architecture: Architecture, width: int, state: State, k: int, what: str) -> tuple[State, State]:
    """An adapter to a task that its base, or its sibling, was not trained on."""
    return adapted(architecture, width, state, 1 + (k // 2 + 1) % 3, 40, 500 + k, RANK, dora=what == LENGTHS)


def counted(architecture: str, what: str, answer: Phylogeny, bases: Sequence[str]) -> Placed:
    """Where the adapters of some bases were placed; those of ``x`` are called ``x-adapter``."""
    parents: Mapping[str, str] = {edge.child: edge.parent for edge in answer.edges if edge.kind == "adapter"}
    found = {"base": 0, "sibling": 0, "stranger": 0, "nowhere": 0}
    for base in bases:
        parent = parents.get(f"{base}-adapter", "").removesuffix("-merged")
        if not parent:
            found["nowhere"] += 1
        elif parent == base:
            found["base"] += 1
        else:
            found["sibling" if parent.rsplit("-", 1)[-1] == base.rsplit("-", 1)[-1] else "stranger"] += 1
    return Placed(architecture, what, **found)


def text_of(every: Sequence[Placed]) -> str:
    """A table of where adapters were placed, with what it shows."""
    header = ["network", "adapter", "adapters", "below its base", "a sibling", "a stranger", "nowhere"]
    rows = [
        [one.architecture, one.what, *map(str, (one.number, one.base, one.sibling, one.stranger, one.nowhere))]
        for one in every
    ]
    return f"{INTRODUCTION}\n\n{table(header, rows)}"


INTRODUCTION = (
    f"An adapter folder and its base among {2 * FAMILIES} models of its shapes: {FAMILIES} strangers and a sibling of "
    "each. The merged twin proves the base. Alone, what an adapter adds, or the lengths of rows that DoRA learnt, show "
    "the family whose matrices read it and no member of it: the root is given, at even odds, or nothing."
)
"""What stands above the table."""
