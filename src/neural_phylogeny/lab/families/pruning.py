"""Plans whose children are pruned before they are trained: by one mask, by their own, or below a pruned copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neural_phylogeny.lab.families.plan import FamilyPlan
from neural_phylogeny.lab.families.prior import PrunedChildren, draw


def with_pruned_children(plan: FamilyPlan, own: PrunedChildren, rng: np.random.Generator) -> FamilyPlan:
    """The plan with children of its roots pruned; their descendants keep the mask.

    A mask is of the smallest magnitudes of the parent, so children that are pruned by one share have one mask.
    """
    way, share = draw(rng, own.ways), float(rng.uniform(*own.values))
    regrows = bool(rng.random() < own.regrown)
    parents, trainings = list(plan.parents), list(plan.trainings)
    roots = {k for k, parent in enumerate(plan.parents) if parent < 0}
    first = [k for k, parent in enumerate(plan.parents) if parent in roots]
    copies: dict[int, int] = {}
    for k in first:
        root = plan.parents[k]
        training = replace(trainings[k], regrows=regrows)
        if way == "copy" and root in copies:
            parents[k] = copies[root]
        elif way == "copy":
            copies[root] = k
            training = replace(training, prune=share, rate=0.0, last_rate=0.0, decay=0.0, new_head=False, steps=10)
        elif way == "own":
            training = replace(training, prune=float(rng.uniform(*own.values)))
        elif way == "one" or rng.random() < 0.5:
            training = replace(training, prune=share)
        trainings[k] = training
    return replace(plan, parents=tuple(parents), trainings=tuple(trainings))
