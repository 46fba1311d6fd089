"""The parameters by which rows of the table of methods differ."""

from __future__ import annotations

from dataclasses import dataclass, field

from neural_phylogeny.relations.fake_init import FakeInitialisation
from neural_phylogeny.trees.baselines.directed import PENALTY
from neural_phylogeny.trees.prior import DEFAULT, PriorName


@dataclass(frozen=True, slots=True)
class Options:
    """Parameters of a method; each method uses those it knows.

    Attributes
    ----------
    clustering : str
        ``existence`` (the families of the relatedness test), ``kmeans``, ``mean-shift``, ``agglomerative``,
        ``dbscan``, ``hdbscan`` or ``spectral``.
    alpha : float or "stable", optional
        Clustering along directions that moves to parents with this probability, or with the one whose parents are most
        stable; None clusters first and takes directions afterwards.
    n_clusters : int or str
        A number, ``existence`` (the number of families), ``silhouette`` or ``eigengap``.
    metric : FakeInitialisation
        The direction metric of stars. Where it is ``summed``, the parent is the model of least distance, not the most
        frequent one.
    decides_families : bool
        Whether clusters are families, as in the paper; otherwise the families of the relatedness test split them.
    distance : str
        ``l2`` or ``cosine``, for the nearest neighbour.
    penalty : float
        See ``mother``.
    stage : str
        Of MoTHer: ``specialisation``, in which training makes tails heavier, ``generalisation``, in which it makes them
        lighter, or ``guessed`` for each family.
    tree : str
        ``joining`` for neighbour joining, or ``information`` for a Chow-Liu tree.
    rooting : str
        Of such trees: ``midpoint``, the model in the middle of the longest path; ``deviation``, the one of minimal
        ancestor deviation; or ``norm``, the one of least norm.
    link : str
        See ``link_scores``.
    prior : str
        How likely it is that parents are present, for methods with a posterior; see ``trees.prior``.
    """

    clustering: str = "existence"
    alpha: float | str | None = None
    n_clusters: int | str = "existence"
    metric: FakeInitialisation = field(default_factory=FakeInitialisation)
    decides_families: bool = False
    distance: str = "l2"
    penalty: float = PENALTY
    stage: str = "specialisation"
    tree: str = "joining"
    rooting: str = "midpoint"
    link: str = "common-neighbours"
    prior: PriorName = DEFAULT
