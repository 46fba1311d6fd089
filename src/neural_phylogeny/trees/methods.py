"""The methods: a table, so that a new method is a new row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees.auto import auto_forest, detector_forest
from neural_phylogeny.trees.baselines.cluster_stars import star_in_clusters
from neural_phylogeny.trees.baselines.one_family import (
    best_linked,
    joined_tree,
    mother_tree,
    nearest,
    spanning_tree,
    true_star,
)
from neural_phylogeny.trees.baselines.options import Options
from neural_phylogeny.trees.driver import in_each_family, without_uncompared_edges
from neural_phylogeny.trees.family import Families
from neural_phylogeny.trees.forest import Forest
from neural_phylogeny.trees.innovation_tree import innovation_forest

__all__ = ["METHODS", "Method", "MethodName", "Options"]

PAPER = "Yu and Wang, Neural Phylogeny (ICLR 2025)"

DRAWN = FakeInitialisation(n_draws=16)
"""The paper's metric as printed: the majority over draws of a Gaussian."""


MethodName = Literal[
    "auto",
    "detector",
    "innovation-tree",
    "spanning-tree",
    "star",
    "star-argmin",
    "star-sampled",
    "true-initialisation",
    "kmeans",
    "kmeans-along",
    "mean-shift",
    "mean-shift-along",
    "agglomerative",
    "agglomerative-along",
    "dbscan",
    "hdbscan",
    "spectral",
    "paper-kmeans",
    "paper-kmeans-along",
    "paper-mean-shift",
    "paper-mean-shift-along",
    "nearest-l2",
    "nearest-cosine",
    "mother",
    "mother-guessed",
    "neighbour-joining",
    "neighbour-joining-deviation",
    "neighbour-joining-norm",
    "chow-liu",
    "chow-liu-deviation",
    "chow-liu-norm",
    "common-neighbours",
    "adamic-adar",
    "preferential-attachment",
]
"""Names of the methods, the keys of ``METHODS``."""


@dataclass(frozen=True)
class Method:
    """A row of the table that ``nphylo methods`` prints; ``dataclasses.replace`` its options to vary it.

    Attributes
    ----------
    kernel : callable
        ``(families, options) -> Forest`` over all models of the families.
    extra : str, optional
        The extra of this package that it needs.

    Examples
    --------
    >>> METHODS["mean-shift"].name, METHODS["mean-shift"].extra
    ('mean-shift', 'cluster')
    """

    name: str
    summary: str
    reference: str
    cost: str
    kernel: Callable[[Families, Options], Forest]
    options: Options = field(default_factory=Options)
    extra: str | None = None

    def solve(self, families: Families) -> Forest:
        """The forest of one group of models. It has no edge between models that share no compared matrix."""
        return without_uncompared_edges(self.kernel(families, self.options), families.models.comparable)


def _clustered(
    name: str, summary: str, options: Options, *, reference: str = PAPER, cost: str = "O(n^3) after the pass"
) -> Method:
    """A row of stars in clusters; scikit-learn clusters, unless directions come along."""
    extra = None if options.alpha is not None else "cluster"
    return Method(name, summary, reference, cost, star_in_clusters, options, extra)


def _paper(clustering: str, title: str, number: str = "") -> tuple[Method, Method]:
    """Two rows that do what the paper does, after and along clustering."""
    after = Options(clustering, metric=DRAWN, decides_families=True)
    along = replace(after, alpha="stable")
    end = (
        f"whose clusters{number} are the families, then one parent each by majority over draws of a fake initialisation"
    )
    return (
        _clustered(f"paper-{clustering}", f"{title}, {end}", after),
        _clustered(f"paper-{clustering}-along", f"{title} along directions, {end}", along, cost=ALONG),
    )


def _joined(name: str, tree: str, reference: str, options: Options) -> tuple[Method, ...]:
    """Three rows of a tree of phylogenetics, one for each way to root it."""
    ways = (
        ("", "midpoint", "at the model in the middle of the longest path", ""),
        ("-deviation", "deviation", "by minimal ancestor deviation", "; Tria et al. 2017"),
        ("-norm", "norm", "at the model of least norm", ""),
    )
    return tuple(
        Method(
            name + end,
            f"{tree} rooted {how}",
            reference + source,
            "O(n^3) after the pass",
            in_each_family(joined_tree),
            replace(options, rooting=rooting),
        )
        for end, rooting, how, source in ways
    )


MOTHER = "Horwitz et al., MoTHer (arXiv:2405.18432), written from the paper"
ALONG = "O(n^3) a run after the pass, 31 runs to choose alpha"
MAJORITY = "then one parent per cluster by the majority of matrices on the distance to a fake initialisation"
ANALOGUE = f"after {PAPER}"

_ROWS = (
    Method(
        "auto",
        "the detector's posterior, updated with exact features (pruning, rounding, unchanged values) and weak evidence",
        "this package",
        "O(n^3) a matrix after the pass",
        in_each_family(auto_forest),
    ),
    Method(
        "detector",
        "a transformer over all pairs of a family, trained on families of small networks, then the likeliest forest",
        f"the learned detector of {PAPER}, made to fit any architecture",
        "O(n^3) a matrix after the pass",
        in_each_family(detector_forest),
    ),
    Method(
        "innovation-tree",
        "the tree under which what each model adds is independent of the rest, but for factors that children share",
        "this package",
        "O(n^5) up to 32 models, then O(n^2)",
        in_each_family(innovation_forest),
    ),
    Method(
        "spanning-tree",
        "spanning tree on 1 - cosine in each family, rooted by all direction features together",
        "kruskal/prim trees on weights after Horwitz et al., MoTHer (arXiv:2405.18432)",
        "O(n^2) after the pass",
        in_each_family(spanning_tree),
    ),
    Method(
        "star",
        "one parent per family by the majority of matrices on the distance to a fake initialisation",
        f"{PAPER}, with the relatedness test as clustering",
        "O(n^2) after the pass",
        star_in_clusters,
    ),
    Method(
        "star-argmin",
        "one parent per family, the one of least distance to a fake initialisation over all matrices",
        f"proposed by the reviewers of {PAPER}",
        "O(n^2) after the pass",
        star_in_clusters,
        Options(metric=FakeInitialisation(summed=True)),
    ),
    Method(
        "star-sampled",
        "the same as star, with the majority over draws of a Gaussian fake initialisation instead of its closed form",
        f"{PAPER}, as printed",
        "O(n^3) a matrix after the pass",
        star_in_clusters,
        Options(metric=DRAWN),
    ),
    Method(
        "true-initialisation",
        "one parent per family, the one nearest to its true initialisation, where the draw is found by its seed; "
        "else as star-argmin",
        f"{ANALOGUE}; the draw by this package",
        "one search over seeds a family",
        in_each_family(true_star),
    ),
    _clustered("kmeans", f"KMeans, {MAJORITY}", Options("kmeans")),
    _clustered(
        "kmeans-along",
        f"KMeans whose centres move to parents with a probability chosen by stability, {MAJORITY}",
        Options("kmeans", "stable"),
        cost=ALONG,
    ),
    _clustered("mean-shift", f"MeanShift, {MAJORITY}", Options("mean-shift")),
    _clustered(
        "mean-shift-along",
        f"MeanShift whose shifts go to parents with a probability chosen by stability, {MAJORITY}",
        Options("mean-shift", "stable"),
        cost=ALONG,
    ),
    _clustered("agglomerative", f"average linkage, {MAJORITY}", Options("agglomerative"), reference=ANALOGUE),
    _clustered(
        "agglomerative-along",
        f"average linkage to parents alone with a probability chosen by stability, {MAJORITY}",
        Options("agglomerative", "stable"),
        reference=ANALOGUE,
        cost=ALONG,
    ),
    _clustered("dbscan", f"DBSCAN at the scale of the distances, {MAJORITY}", Options("dbscan"), reference=ANALOGUE),
    _clustered("hdbscan", f"HDBSCAN at the scale of the distances, {MAJORITY}", Options("hdbscan"), reference=ANALOGUE),
    _clustered("spectral", f"spectral clustering, {MAJORITY}", Options("spectral"), reference=ANALOGUE),
    *_paper("kmeans", "KMeans", ", as many as the relatedness test finds,"),
    *_paper("mean-shift", "MeanShift"),
    Method(
        "nearest-l2",
        "each model's parent is its nearest older neighbour in its family by Euclidean distance",
        "baseline",
        "O(n^2) after the pass",
        in_each_family(nearest),
    ),
    Method(
        "nearest-cosine",
        "each model's parent is its nearest older neighbour in its family by cosine",
        "baseline",
        "O(n^2) after the pass",
        in_each_family(nearest),
        Options(distance="cosine"),
    ),
    Method(
        "mother",
        "least directed spanning tree in each family on Euclidean distance and a penalty on lighter tails",
        MOTHER,
        "O(n^2) after the pass",
        in_each_family(mother_tree),
    ),
    Method(
        "mother-guessed",
        "the same as mother, or with the opposite penalty where that tree costs less: the stage is guessed",
        MOTHER,
        "O(n^2) after the pass",
        in_each_family(mother_tree),
        Options(stage="guessed"),
    ),
    *_joined(
        "neighbour-joining",
        "neighbour joining on distances, points between models going to the nearest one,",
        "Saitou and Nei 1987",
        Options(tree="joining"),
    ),
    *_joined(
        "chow-liu",
        "tree of largest mutual information of normal weights,",
        "Chow and Liu 1968",
        Options(tree="information"),
    ),
    *(
        Method(
            name,
            f"each model's parent is its older relative of the largest {how} in the graph of three nearest neighbours",
            source,
            "O(n^3) after the pass",
            in_each_family(best_linked),
            Options(link=name),
        )
        for name, how, source in (
            ("common-neighbours", "number of common neighbours", "link prediction"),
            ("adamic-adar", "Adamic-Adar score", "link prediction; Adamic and Adar 2003"),
            ("preferential-attachment", "product of degrees", "link prediction; Barabasi and Albert 1999"),
        )
    ),
)

METHODS: dict[str, Method] = {method.name: method for method in _ROWS}
"""All methods by name."""
