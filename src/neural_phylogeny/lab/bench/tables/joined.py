"""How often are unrelated models called related when collections are joined into one?

Models of different collections are unrelated, and so are those of different trees of one. Most such pairs have other
architectures and no matrix to compare, which says little; the pairs that are compared are counted by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neural_phylogeny.evaluation.rates import upper_bound
from neural_phylogeny.evaluation.truth import read_truth
from neural_phylogeny.graphs import components
from neural_phylogeny.lab.bench.cached import TRUTH, find_collections
from neural_phylogeny.lab.bench.runs import ALPHA
from neural_phylogeny.lab.bench.tables.base import Page, Sources
from neural_phylogeny.lab.markdown import table
from neural_phylogeny.reconstruction.collect import gather
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.reconstruction.examine import examine
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.trees.methods import METHODS


@dataclass(frozen=True)
class Count:
    """Unrelated pairs of one kind, how many of them are in one family, and the least p-value."""

    kind: str
    pairs: int
    related: int
    smallest: float


def page(sources: Sources) -> Page:
    """Join the collections of the folder ``checkpoints``. A minute of a core for 160 small models."""
    return Page(text_of(*counted(sources.needed("checkpoints"))))


def text_of(counts: Sequence[Count], n_models: int, n_collections: int) -> str:
    """The page."""
    intro = (
        f"{n_models} models of {n_collections} collections read as one, by `nphylo lab table joined --checkpoints "
        "FOLDER`. Models of different collections, and of different trees of one, are unrelated. The bound is the "
        "one-sided upper 95 % bound for independent pairs, which pairs with a model in common are not."
    )
    header = ["unrelated pairs", "number", "called related", "upper bound", "least p-value"]
    lines = [
        [c.kind, f"{c.pairs:,}", str(c.related), f"{upper_bound(c.related, c.pairs) or 0:.2%}", f"{c.smallest:.2g}"]
        for c in counts
    ]
    return "\n\n".join(["# Collections joined", intro, table(header, lines)])


def counted(folder: Path) -> tuple[list[Count], int, int]:
    """Counts over all pairs, those that are compared, and those of one collection; models; collections.

    Raises
    ------
    SavedFileError
        When the folder holds no collection, or a truth is damaged.
    """
    folders = [place for _, _, place in find_collections(folder)]
    tree = {path: label for place in folders for path, label in trees(place).items()}
    collection = gather(folders, Reading())
    found = examine(collection, ALPHA)
    answer = phylogeny(collection, METHODS["auto"], ALPHA, 0, found)
    known = [k for k, ref in enumerate(collection.refs) if Path(ref.path) in tree]
    of_answer = {model.name: model.family for model in answer.models}
    families = [of_answer[ref.name] for ref in collection.refs]
    n = len(collection.refs)
    compared, log_p = np.zeros((n, n), dtype=bool), np.zeros((n, n))
    for group, relations in found.tested.groups:
        at = np.ix_(group.members, group.members)
        compared[at] |= np.isfinite(relations.existence.cosine)
        log_p[at] = np.minimum(log_p[at], relations.existence.log_p)
    kinds: dict[str, list[tuple[bool, float]]] = {"all": [], "with a matrix to compare": [], "of one collection": []}
    for a in known:
        for b in known:
            (place, label), (other, its_label) = (tree[Path(collection.refs[k].path)] for k in (a, b))
            if a >= b or (place, label) == (other, its_label):
                continue
            pair = families[a] is not None and families[a] == families[b], float(log_p[a, b])
            kinds["all"].append(pair)
            if compared[a, b]:
                kinds["with a matrix to compare"].append(pair)
            if place == other:
                kinds["of one collection"].append(pair)
    counts = [
        Count(kind, len(pairs), sum(related for related, _ in pairs), float(np.exp(min([p for _, p in pairs] or [0]))))
        for kind, pairs in kinds.items()
    ]
    return counts, len(known), len(folders)


def trees(folder: Path) -> Mapping[Path, tuple[Path, int]]:
    """The collection and the tree of each model of a collection by its path; siblings are in one tree."""
    truth = read_truth(folder / TRUTH)
    names = truth.names()
    linked = np.eye(len(names), dtype=bool)
    pairs = [(edge.parent, edge.child) for edge in truth.edges] + [(pair.a, pair.b) for pair in truth.siblings]
    for a, b in pairs:
        at = names.index(a), names.index(b)
        linked[at] = linked[at[::-1]] = True
    labels = components(linked).tolist()
    return {folder / name: (folder, label) for name, label in zip(names, labels, strict=True)}
