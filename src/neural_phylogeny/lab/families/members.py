"""From a trained plan to a family: head left out, alterations, missing members, another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.lab.families import alter
from neural_phylogeny.lab.families.architectures import NetworkShape
from neural_phylogeny.lab.families.plan import FamilyPlan
from neural_phylogeny.lab.families.prior import Alterations, Missing, Prior, between, draw
from neural_phylogeny.lab.families.truth import Indices, reordered, trees, without

Generator = np.random.Generator

FEWEST = 3
"""Members that a family must have."""


@dataclass(frozen=True)
class Family:
    """A group of models with known truth, in an order that tells nothing.

    Attributes
    ----------
    models : arrays by name, all with the same names
    parents : (n,) number of each model's parent, -1 where it is not here or there is none
    missing : (n,) whether it shares a missing ancestor with another model
    trees : (n,) number of its tree; models with a common ancestor, here or missing, have the same, and so have trees
        that began at the same initialisation
    about : topology, architecture, tasks, alterations: what results are grouped by
    """

    models: list[alter.Model]
    parents: Indices
    missing: NDArray[np.bool_]
    trees: Indices
    about: dict[str, str | float]


@dataclass
class _Group:
    """A family while members are added and altered."""

    models: list[alter.Model]
    parents: list[int]
    trees: list[int]
    done: list[str]

    def add(self, model: alter.Model, parent: int) -> None:
        self.models.append(model)
        self.parents.append(parent)
        self.trees.append(self.trees[parent])


def as_family(
    prior: Prior, plan: FamilyPlan, models: Sequence[alter.Model], about: dict[str, str | float], rng: Generator
) -> Family | None:
    """The family of trained models in the order of their plan; None when too few different ones remain."""
    group = _Group(list(models), list(plan.parents), trees(plan.parents, plan.initial_seeds).tolist(), [])
    if rng.random() < prior.alterations.share:
        _alter(group, prior.alterations, plan.architecture, rng)
    keep = _kept(group.parents, prior.missing, rng) & _distinct(group.models)
    if keep.sum() < FEWEST:
        return None
    parents, missing = without(group.parents, keep)
    order = rng.permutation(len(parents))
    where = np.flatnonzero(keep)[order]
    about = {
        **about,
        "alterations": " ".join(group.done),
        "removed": float((~keep).sum()),
        "trees": float(len(set(group.trees))),
    }
    tree = np.array(group.trees, dtype=np.int64)[where]
    return Family([group.models[k] for k in where], reordered(parents, order), missing[order], tree, about)


def _alter(group: _Group, own: Alterations, architecture: NetworkShape, rng: Generator) -> None:
    """A few alterations, of some members or as new ones."""
    for kind in rng.choice(list(own.kinds), size=between(rng, own.number), replace=False).tolist():
        number = len(group.models)
        some = rng.permutation(number)[: between(rng, own.members)].tolist()
        grid, share = draw(rng, own.grids), float(rng.uniform(*own.pruned_values))
        if kind == "whole grid":
            grid = draw(rng, own.whole_grids)
            group.models = [alter.rounded(model, grid) for model in group.models]
        elif kind == "merge":
            if not _merge(group, own, rng):
                continue
        elif kind.endswith("child"):
            model = group.models[some[0]]
            group.add(alter.rounded(model, grid) if kind == "grid child" else alter.prune(model, share), some[0])
        elif kind == "balance" and not alter.can_be_balanced(architecture):
            continue
        else:
            some = [k for k in some if kind != "prune" or k not in group.parents]
            for k in some:
                group.models[k] = _altered(group.models[k], kind, grid, share, own, architecture, rng)
        group.done.append(f"{kind}:{grid}" if "grid" in kind else kind)


def _altered(
    model: alter.Model,
    kind: str,
    grid: str,
    share: float,
    own: Alterations,
    architecture: NetworkShape,
    rng: Generator,
) -> alter.Model:
    if kind == "grid":
        return alter.rounded(model, grid)
    if kind == "prune":
        return alter.prune(model, share)
    if kind == "rescale":
        return alter.rescaled(model, float(np.exp(rng.uniform(*own.rescaled))))
    layers = sum(spec.role == "weight" for spec in architecture.tensors)
    return alter.balanced(model, architecture, np.exp(rng.uniform(*own.balanced, layers - 1)).astype(np.float32))


def _merge(group: _Group, own: Alterations, rng: Generator) -> bool:
    """Add the mean of two models of one tree and shape, as child of the nearer; False where no two are."""
    shapes = [{name: w.shape for name, w in model.items()} for model in group.models]
    pairs = [(i, j) for i, a in enumerate(group.trees) for j, b in enumerate(group.trees) if i < j and a == b]
    pairs = [(i, j) for i, j in pairs if shapes[i] == shapes[j]]
    if not pairs:
        return False
    i, j = pairs[int(rng.integers(len(pairs)))]
    model = alter.merged(group.models[i], group.models[j], draw(rng, own.merged))
    nearer = min((i, j), key=lambda k: alter.distance(model, group.models[k]))
    group.add(model, nearer)
    return True


def _kept(parents: Sequence[int], own: Missing, rng: Generator) -> NDArray[np.bool_]:
    """Some trees of three or more lose their root, some families other members."""
    keep = np.ones(len(parents), dtype=bool)
    for root in [k for k, parent in enumerate(parents) if parent < 0]:
        if parents.count(root) and rng.random() < own.root:
            keep[root] = False
    if rng.random() < own.others:
        keep[rng.permutation(len(parents))[: between(rng, own.number)]] = False
    if keep.sum() < FEWEST:
        keep[:] = True
    return keep


def _distinct(models: Sequence[alter.Model]) -> NDArray[np.bool_]:
    """The first of each set of equal models: among copies nobody is the parent."""
    seen: set[bytes] = set()
    keep = []
    for model in models:
        key = b"".join(w.tobytes() for w in model.values())
        keep.append(key not in seen)
        seen.add(key)
    return np.array(keep, dtype=bool)
