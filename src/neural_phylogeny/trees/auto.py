"""``auto`` and ``detector``: a posterior over the parents of a family, then its most probable forest."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.graphs import components
from neural_phylogeny.relations.exact import BESIDE, CERTAIN
from neural_phylogeny.trees.baselines.options import Options
from neural_phylogeny.trees.beside_tree import INNOVATION_TREE, beside_tree
from neural_phylogeny.trees.blocks import in_blocks, with_blocks_linked
from neural_phylogeny.trees.family import Family, Posterior, groups_of
from neural_phylogeny.trees.forest import Forest, Matrix, Vector
from neural_phylogeny.trees.fusion import fused
from neural_phylogeny.trees.likeliest import forest_of, with_common_initialisations
from neural_phylogeny.trees.merging import with_merges, without_cycles
from neural_phylogeny.trees.mixtures import beside_mixtures
from neural_phylogeny.trees.prior import DEFAULT, PriorName, with_prior
from neural_phylogeny.trees.rooting import forest_probabilities, root_probabilities
from neural_phylogeny.trees.turning import turned
from neural_phylogeny.trees.twins import among_twins

INITIALISATION = "initialisation"
"""What is known of a common initialisation, as a name of evidence."""

SURE = 0.99
"""A parent of at least this probability is not doubted: more than an initialisation in common is not looked for. At
0.95 a family all of whose parents were surer kept an edge between strangers of one seed that the draw excludes."""

GAIN = 2.0
"""Factor on the log-odds of descent; with 4.0 a parent of the demo was taken for a stranger."""

LOST = -2.0
"""Log-odds of descent below this count even against a parent that is sure. None of the parents and children of the
families that they were fitted on lies below it."""

APART = -0.2
"""Roots with log-odds of descent below this, both ways, share no more than their initialisation."""

USUAL = Options()
"""What methods do where nothing else is requested."""


def detector_forest(family: Family, options: Options = USUAL) -> Forest:
    """The most probable forest by the learned detector alone."""
    known = with_prior(family.detector, options.prior)
    return most_probable_forest(family, known, np.zeros((len(family), len(family))))


def auto_forest(family: Family, options: Options = USUAL, *, without: Collection[str] = ()) -> Forest:
    """The most probable forest by the detector and exact features.

    ``without`` names exact features, or the innovation tree, that are left out, for ablations.
    """
    judge = partial(posterior, without=without, prior=options.prior)
    by_block = partial(in_blocks, judge=partial(among_twins, judge=judge))
    known = conditioned_on_merges(family, partial(beside_mixtures, judge=by_block))
    forest = most_probable_forest(family, known, family.merges)
    if INITIALISATION in without or not (unsure := in_doubt(forest)).any():
        return with_blocks_linked(forest, family)
    beyond = beyond_initialisation(family.descent, unsure)
    if beyond.any():
        known = replace(known, parent=fused(known.parent, {INITIALISATION: beyond}))
        forest = most_probable_forest(family, known, family.merges)
    return with_blocks_linked(with_common_initialisations(forest, family.descent < APART), family)


def in_doubt(forest: Forest) -> NDArray[np.bool_]:
    """Which models may share no more than an initialisation with what the forest relates them to, ``(n,)``.

    Those with a parent that is not ``SURE``, and those whose parent is missing.
    """
    assert forest.p_parent is not None
    assert forest.missing is not None
    unsure: NDArray[np.bool_] = (forest.parents >= 0) & (forest.p_parent < SURE) | (forest.missing > 0)
    for one in forest.common_initialisations:
        unsure = unsure | np.isin(np.arange(len(unsure)), one.members)
    return unsure


def beyond_initialisation(descent: Matrix, unsure: NDArray[np.bool_]) -> Matrix:
    """Log-odds of parents by what two models have in common beside an initialisation: ``(n, n)``, none above 0.

    ``descent`` as ``Family.descent``; the parents of models in doubt, ``(n,)``, are judged, and what is below ``LOST``.
    """
    found: Matrix = np.clip(GAIN * descent, -CERTAIN, 0.0)
    return np.where(unsure[None, :] | (descent < LOST), found, 0.0)


def posterior(family: Family, *, without: Collection[str] = (), prior: PriorName = DEFAULT) -> Posterior:
    """The detector's probabilities of parents after exact evidence and, of large networks, the innovation tree."""
    known = {name: table for name, table in family.exact.items() if name not in without}
    ordered = sum((table for name, table in known.items() if name not in BESIDE), np.zeros((len(family),) * 2))
    beginning = family.detector.parent if TURNED in without else turned(family.detector.parent, ordered)
    parent = fused(beginning, known)
    if INNOVATION_TREE not in without:
        parent = beside_tree(parent, family)
    return with_prior(Posterior(parent=parent, missing=family.detector.missing), prior)


TURNED = "turned"
"""Turning of edges that exact features exclude, as a name for ``without``."""


def conditioned_on_merges(family: Family, posterior: Callable[[Family], Posterior]) -> Posterior:
    """The posterior given which models were put together from others.

    The parents of a merge are its parts. The parents of the parts are judged without the merges that they are joined
    to, which lie between them, where a parent would lie.
    """
    known, merges = posterior(family), family.merges
    is_merge = merges.any(axis=0)
    joined = components((merges != 0) | (merges != 0).T)
    for label in np.unique(joined[is_merge]).tolist():
        own = joined == label
        parts = np.flatnonzero(own & ~is_merge)
        known = _with_columns(known, parts, family, np.flatnonzero(~(own & is_merge)), posterior)
    return replace(known, parent=with_merges(known.parent, merges))


def _with_columns(
    known: Posterior,
    parts: NDArray[np.int64],
    family: Family,
    others: NDArray[np.int64],
    posterior: Callable[[Family], Posterior],
) -> Posterior:
    """``known`` with the posterior of ``parts`` (k,) replaced by that among ``others`` (m,), which hold them, alone."""
    among = posterior(family.subset(others.tolist()))
    column = np.searchsorted(others, parts)
    parent, missing = known.parent.copy(), known.missing.copy()
    parent[:, parts] = 0.0
    parent[np.ix_(others, parts)] = among.parent[:, column]
    missing[parts] = among.missing[column]
    return Posterior(parent=parent, missing=missing)


def most_probable_forest(family: Family, known: Posterior, merges: Matrix) -> Forest:
    """The most probable forest without an edge between models that share no matrix, and its merges."""
    parent = np.where(family.comparable, known.parent, 0.0)
    if not family.comparable.all():
        parent /= parent.sum(axis=0)
    forest = forest_of(replace(known, parent=parent), family.common_origin, merges)
    return replace(
        forest,
        merged=without_cycles(merges, forest.parents),
        p_root=np.diag(forest_probabilities(parent)),
        p_rooted=_rooted(parent, forest),
        posterior=parent,
    )


def _rooted(parent: Matrix, forest: Forest) -> Vector:
    """See ``Forest.p_rooted``."""
    found = np.full(len(parent), np.nan)
    if forest.families is not None:
        for members in groups_of(forest.families):
            if len(members) > 1 and (forest.missing is None or not forest.missing[members].any()):
                found[members] = root_probabilities(parent[np.ix_(members, members)])
    return found
