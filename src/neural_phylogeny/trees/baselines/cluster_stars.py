"""The paper's reconstruction: clusters of all models of a group, and one parent in each of them."""

from __future__ import annotations

import numpy as np

from neural_phylogeny.graphs import components
from neural_phylogeny.relations.direction import RELIABILITY
from neural_phylogeny.relations.odds import log_odds, probability
from neural_phylogeny.trees.baselines.distances import distances, scale
from neural_phylogeny.trees.baselines.named_clusterings import chosen_alpha, cluster_labels, count_clusters
from neural_phylogeny.trees.baselines.options import Options
from neural_phylogeny.trees.baselines.star import parent_by_total, parent_by_votes, stars
from neural_phylogeny.trees.family import Families, Labels
from neural_phylogeny.trees.forest import Forest, Matrix


def star_in_clusters(families: Families, options: Options) -> Forest:
    """One parent in each cluster, by the distance to a fake initialisation.

    Clusters are cut between models that are connected by no compared matrix and, unless they decide what a family is,
    along the families of the relatedness test. ``p_direction`` of all edges of a cluster is that of its parent.
    """
    metric = families.models.nearer(options.metric)
    labels = _clusters(families, options, metric)
    split_by = components(families.models.comparable) if options.decides_families else families.labels
    labels = _intersections(labels, split_by)
    parents = stars(labels, metric, parent_by_total if options.metric.summed else parent_by_votes)
    children = np.flatnonzero(parents >= 0)
    together = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)
    agreement = (np.sign(metric) * together).sum(axis=1) / np.maximum(together.sum(axis=1), 1)
    p_direction = np.ones(len(parents))
    p_direction[children] = probability(log_odds(RELIABILITY) * agreement[parents[children]])
    return Forest(parents=parents, p_direction=p_direction, families=labels if options.decides_families else None)


def _clusters(families: Families, options: Options, metric: Matrix) -> Labels:
    """The clusters of all models; a model in no cluster has one of its own."""
    if options.clustering == "existence":
        return families.labels
    gram = families.models.gram

    def number() -> int:
        if options.n_clusters == "existence":
            return len(np.unique(families.labels))
        return count_clusters(options.n_clusters, gram)

    width = scale(distances(gram)) if options.clustering in ("mean-shift", "dbscan", "hdbscan") else None
    alpha = options.alpha
    if isinstance(alpha, str):
        alpha = chosen_alpha(options.clustering, gram, metric, number, width)
    labels = cluster_labels(options.clustering, gram, metric, number, alpha=alpha, width=width, seed=families.seed)
    return np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)


def _intersections(labels: Labels, others: Labels) -> Labels:
    """A label for each pair of labels that occurs: ``(n,), (n,) -> (n,)``."""
    _, found = np.unique(np.stack([labels, others]), axis=1, return_inverse=True)
    return found.astype(np.int64)
