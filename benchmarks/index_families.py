"""Does an index name the parents of a large family? Trained families, and trees that grow where there are children.

    nphylo lab families make hordes --first 25 --every 25 --count 5 --weights weights/ --out batches/
    python benchmarks/index_families.py --trained weights/ [--questions 25] [--tree]
    python benchmarks/index_families.py --grown 300
    python benchmarks/index_families.py --trained weights/ --order last
    python benchmarks/index_families.py --trained weights/ --order removed

A row for each family of more than 64 models, all in one index, in an order that shows nothing, or with the model of
most children last, or added last and removed again. So many models are asked for as by ``index search``: of how many
the parent, or that there is none, is right, how many of the edges of at least 95 % to and from them are, and seconds of
processors for a search and to add a model. With ``--tree`` the same of the tree of all too.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from collections_speed import spent
from neural_phylogeny.formats.fingerprint import Fingerprint
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.index.store import Index
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.lab.families.stored import read_weights
from neural_phylogeny.reconstruction.indexed import relatives, tree_of
from neural_phylogeny.reconstruction.placed import place
from neural_phylogeny.records import Edge
from neural_phylogeny.statistics.fingerprints import fingerprint
from planted import grown, right_parents

SURE = 0.95
LARGE = 64

Parents = Mapping[str, str | None]


def trained(folder: Path) -> Iterator[tuple[str, dict[str, Fingerprint], Parents]]:
    """Each large family of a folder: what it is called, its models and their parents by name."""
    for path in sorted(folder.glob("weights-*.npz")):
        for k, family in enumerate(read_weights(path)):
            if len(family.models) > LARGE:
                names = [f"m{place:03d}" for place in range(len(family.models))]
                parents = {
                    name: names[above] if above >= 0 else None
                    for name, above in zip(names, family.parents, strict=True)
                }
                models = {name: printed(name, model) for name, model in zip(names, family.models, strict=True)}
                yield f"{path.stem[-3:]}-{k}, {family.about['topology']}", models, parents


def printed(name: str, model: Mapping[str, object]) -> Fingerprint:
    """The fingerprint of a model in memory."""
    return fingerprint(ModelRef(name=name, path="", parts=()), MemoryCheckpoint(model))


def row(
    models: Mapping[str, Fingerprint], parents: Parents, order: str, questions: int, is_whole: bool, folder: Path
) -> str:
    """The cells of one family."""
    rng = np.random.default_rng(0)
    names = [str(name) for name in rng.permutation(sorted(models))]
    hub = max(names, key=list(parents.values()).count)
    others = [name for name in names if name != hub]
    asked = others[:: max(1, len(others) // questions)]
    if order != "any":
        names = [name for name in names if name != hub] + [hub]
    with Index(folder, is_new=True) as index:
        before = spent()
        for part in (names[:-1], names[-1:]):
            list(index.add((name, "", models[name]) for name in part))
            place(index)
        each = (spent() - before) / len(names)
        if order == "removed":
            index.remove([hub])
            parents = {name: None if above == hub else above for name, above in parents.items() if name != hub}
        right, edges, seconds = 0, list[Edge](), list[float]()
        for name in asked:
            before = spent()
            answer = relatives(index, name, models[name]).tree
            seconds.append(spent() - before)
            found = [edge for edge in answer.edges if name in (edge.parent, edge.child)]
            own = [edge.parent for edge in found if edge.child == name and edge.parent in parents]
            right += own == ([parents[name]] if parents[name] else [])
            edges += found
        cells = [f"{right} of {len(asked)}", sure(edges, parents), f"{np.median(seconds):.2f}, {max(seconds):.2f}"]
        cells += [f"{each:.3f}", *(of_tree(index, parents) if is_whole else ())]
    return " | ".join(cells)


def of_tree(index: Index, parents: Parents) -> list[str]:
    """The cells of the tree of all."""
    before = spent()
    whole = tree_of(index)
    return [f"{right_parents(whole, parents):.3f}", sure(whole.edges, parents), f"{spent() - before:.0f}"]


def sure(edges: list[Edge] | tuple[Edge, ...], parents: Parents) -> str:
    """How many of the sure edges between models are right."""
    some = [edge for edge in edges if (edge.p_parent or 0.0) >= SURE and edge.parent in parents]
    return f"{sum(parents[edge.child] == edge.parent for edge in some)} of {len(some)}"


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trained", type=Path)
    parser.add_argument("--grown", type=int, nargs="*", default=[])
    parser.add_argument("--order", choices=("any", "last", "removed"), default="any")
    parser.add_argument("--questions", type=int, default=25)
    parser.add_argument("--only", default="")
    parser.add_argument("--tree", action="store_true")
    options = parser.parse_args()
    header = ["family", "models", "parents by search", "sure edges", "a search (s), longest", "add (s)"]
    header += ["parents in the tree", "sure", "tree (s)"] if options.tree else []
    print(f"| {' | '.join(header)} |\n" + "|---" * len(header) + "|", flush=True)
    families = list(trained(options.trained)) if options.trained else []
    for n in options.grown:
        made, above = grown(n)
        families.append((f"grown {n}", {name: printed(name, model) for name, model in made.items()}, above))
    for name, models, parents in families:
        if options.only in name:
            with tempfile.TemporaryDirectory() as folder:
                cells = row(models, parents, options.order, options.questions, options.tree, Path(folder) / "index")
            print(f"| {name} | {len(models)} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
