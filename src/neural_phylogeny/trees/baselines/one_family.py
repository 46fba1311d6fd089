"""Baselines that answer for one family at a time: trees, nearest neighbours, links, MoTHer, the true initialisation."""

from __future__ import annotations

import numpy as np

from neural_phylogeny.relations.direction import RELIABILITY
from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.relations.odds import probability
from neural_phylogeny.trees.baselines.directed import mother, nearest_older, tree_cost, with_distant_uncompared
from neural_phylogeny.trees.baselines.joining import chow_liu, least_deviation, middle, neighbour_joining
from neural_phylogeny.trees.baselines.links import link_scores, similarity_graph
from neural_phylogeny.trees.baselines.options import Options
from neural_phylogeny.trees.family import Family
from neural_phylogeny.trees.forest import Forest, Parents
from neural_phylogeny.trees.spanning import minimum_spanning_tree, root_tree

UNCOMPARED = 2.0
"""Stands for 1 - cosine where a pair has no compared matrix: the largest value that there is."""


def spanning_tree(family: Family, options: Options) -> Forest:
    """The spanning tree of largest cosines, rooted where the directions of its edges agree best."""
    dissimilarity = np.where(np.isfinite(family.cosine), 1.0 - family.cosine, UNCOMPARED)
    rooted = root_tree(minimum_spanning_tree(dissimilarity), family.direction)
    return Forest(parents=rooted.parents, p_direction=rooted.p_direction)


def nearest(family: Family, options: Options) -> Forest:
    """Each model's parent is its nearest neighbour among those that the direction features together call older."""
    distance = family.distance if options.distance == "l2" else 1.0 - family.cosine
    parents = nearest_older(distance, family.direction)
    children = np.flatnonzero(parents >= 0)
    p_direction = np.ones(len(parents))
    p_direction[children] = probability(family.direction[parents[children], children])
    return Forest(parents=parents, p_direction=p_direction)


def true_star(family: Family, options: Options) -> Forest:
    """One parent for all others: the model nearest to the draw that all began with; else the one of least norm.

    The paper's metric with the true initialisation instead of a fake one.
    """
    distances = family.true_distances
    if distances is None or not np.isfinite(distances).any():
        distances = -family.nearer(FakeInitialisation(summed=True)).sum(axis=1)
    root = int(np.nanargmin(distances))
    return _without_odds(np.where(np.arange(len(family)) == root, -1, root))


def mother_tree(family: Family, options: Options) -> Forest:
    """MoTHer's tree; where the stage is guessed, that of the stage whose tree costs less."""
    signs = {"specialisation": [1.0], "generalisation": [-1.0], "guessed": [1.0, -1.0]}[options.stage]
    trees = [mother(family.distance, sign * family.lighter_tails, options.penalty) for sign in signs]
    costs = [
        tree_cost(tree, family.distance, sign * family.lighter_tails, options.penalty)
        for tree, sign in zip(trees, signs, strict=True)
    ]
    return _without_odds(trees[int(np.argmin(costs))])


def joined_tree(family: Family, options: Options) -> Forest:
    """A tree of phylogenetics, rooted at a model."""
    distance = with_distant_uncompared(family.distance)
    tree = neighbour_joining(distance) if options.tree == "joining" else chow_liu(family.cosine, distance)
    path = tree.paths()[: len(family), : len(family)]
    if options.rooting == "norm":
        root = int(np.argmax(family.nearer(FakeInitialisation(summed=True)).sum(axis=1)))
    else:
        root = middle(path) if options.rooting == "midpoint" else least_deviation(path)
    return _without_odds(tree.rooted(root))


def best_linked(family: Family, options: Options) -> Forest:
    """Each model's parent is, of those that the direction features call older, the one of the largest link score.

    Those that it is joined to in the graph come before all others; of equal scores the larger cosine decides.
    """
    graph = similarity_graph(1.0 - family.cosine)
    scores = link_scores(graph, options.link)
    farness = 2.0 - graph - scores / max(scores.max(initial=0.0), 1.0) + 1e-6 * (1.0 - family.cosine)
    return _without_odds(nearest_older(farness, family.direction))


def _without_odds(parents: Parents) -> Forest:
    """A forest whose method has no probabilities: each edge gets the reliability of a single direction feature."""
    return Forest(parents=parents, p_direction=np.where(parents >= 0, RELIABILITY, 1.0))
