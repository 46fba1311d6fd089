"""What phylogenetics would do: neighbour joining or a Chow-Liu tree, rooted by midpoint, by deviation or by norm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.trees.forest import Matrix, Parents
from neural_phylogeny.trees.spanning import minimum_spanning_tree

ALIKE = 1.0 - 1e-12
"""The largest squared cosine that a mutual information is computed from."""


@dataclass(frozen=True)
class Unrooted:
    """A tree without a root whose first ``n`` nodes are models, and the others points that no model sits on.

    Attributes
    ----------
    edges : (n_edges, 2)
        Pairs of nodes.
    lengths : (n_edges,)
        Not negative.
    n : int
        Models.
    """

    edges: NDArray[np.int64]
    lengths: NDArray[np.float64]
    n: int

    def neighbours(self) -> list[list[tuple[int, float]]]:
        """Of each node its neighbours, and how far they are."""
        found: list[list[tuple[int, float]]] = [[] for _ in range(max(len(self.edges) + 1, self.n))]
        for (a, b), length in zip(self.edges.tolist(), self.lengths.tolist(), strict=True):
            found[a].append((b, length))
            found[b].append((a, length))
        return found

    def order(self, start: int) -> list[tuple[int, int, float]]:
        """(node, the node before it, distance of the two), from a start outwards; -1 before the start."""
        near = self.neighbours()
        found = [(start, -1, 0.0)]
        for node, before, _ in found:
            found += [(other, node, length) for other, length in near[node] if other != before]
        return found

    def paths(self) -> Matrix:
        """Lengths of the paths between all nodes, ``(n_nodes, n_nodes)``. O(n_nodes^2)."""
        order = self.order(0)
        path = np.zeros((len(order), len(order)))
        seen: list[int] = []
        for node, before, length in order:
            if seen:
                path[node, seen] = path[before, seen] + length
                path[seen, node] = path[node, seen]
            seen.append(node)
        return path

    def rooted(self, root: int) -> Parents:
        """Parents of the models under a root that is a model: ``(n,)``.

        Every other node counts as the model that is nearest to it, so that a star whose middle is a model is a star.
        """
        path = self.paths()[:, : self.n]
        model = np.where(np.arange(len(path)) < self.n, np.arange(len(path)), np.argmin(path, axis=1))
        parents, placed = np.full(self.n, -1, dtype=np.int64), {root}
        for node, before, _ in self.order(root)[1:]:
            if model[node] not in placed:
                placed.add(int(model[node]))
                parents[model[node]] = model[before]
        return parents


def neighbour_joining(distance: Matrix) -> Unrooted:
    """The tree of neighbour joining: ``(n, n)`` finite distances -> n models and up to n - 2 further nodes.

    O(n^3). Right where distances are sums of lengths along a tree (Saitou and Nei, Mol. Biol. Evol. 4, 1987; as Studier
    and Keppler, 1988). Negative lengths become 0.

    Examples
    --------
    >>> import numpy as np
    >>> place = np.array([0.0, 1.0, 3.0])
    >>> neighbour_joining(np.abs(place[:, None] - place)).lengths.tolist()
    [1.0, 0.0, 2.0]
    """
    n = len(distance)
    table, nodes = distance.astype(np.float64).copy(), list(range(n))
    edges, lengths, new = list[tuple[int, int]](), list[float](), n
    while len(nodes) > 3:
        m = len(nodes)
        sums = table.sum(axis=1)
        criterion = (m - 2) * table - sums[:, None] - sums
        np.fill_diagonal(criterion, np.inf)
        a, b = sorted(divmod(int(np.argmin(criterion)), m))
        first = 0.5 * table[a, b] + (sums[a] - sums[b]) / (2 * (m - 2))
        edges += [(nodes[a], new), (nodes[b], new)]
        lengths += [first, table[a, b] - first]
        table[a] = table[:, a] = 0.5 * (table[a] + table[b] - table[a, b])
        table[a, a] = 0.0
        nodes[a] = new
        table, nodes, new = np.delete(np.delete(table, b, 0), b, 1), nodes[:b] + nodes[b + 1 :], new + 1
    if len(nodes) == 3:
        edges += [(node, new) for node in nodes]
        lengths += [0.5 * (table[k].sum() - table[(k + 1) % 3, (k + 2) % 3]) for k in range(3)]
    elif len(nodes) == 2:
        edges, lengths = [(nodes[0], nodes[1])], [float(table[0, 1])]
    return Unrooted(np.array(edges, dtype=np.int64).reshape(-1, 2), np.maximum(np.array(lengths), 0.0), n)


def chow_liu(cosine: Matrix, distance: Matrix) -> Unrooted:
    """The tree of largest mutual information, weights being jointly normal: ``(n, n)`` twice -> a tree over n models.

    The information of two models is -log(1 - cosine^2) / 2 (Chow and Liu, IEEE Trans. Inf. Theory 14, 1968), so that
    this is the spanning tree of largest absolute cosines; lengths are distances. O(n^2).
    """
    information = -0.5 * np.log1p(-np.minimum(np.nan_to_num(cosine) ** 2, ALIKE))
    parents = minimum_spanning_tree(-information)
    children = np.flatnonzero(parents >= 0)
    edges = np.stack([children, parents[children]], axis=1)
    return Unrooted(edges, distance[children, parents[children]], len(cosine))


def middle(path: Matrix) -> int:
    """The model whose farthest model is nearest: ``(n, n)`` lengths of paths -> its number."""
    return int(np.argmin(path.max(axis=1)))


def least_deviation(path: Matrix) -> int:
    """The model of minimal ancestor deviation: ``(n, n)`` lengths of paths -> its number.

    Under a clock both models of a pair are as far from their common ancestor; the deviation of a pair under the root r
    is the difference of their distances to r over their own distance, and the mean of squares counts. O(n^3). Source:
    Tria, Landan and Dagan, Nature Ecology and Evolution 1, 2017; here roots are models and not points of edges.
    """
    apart = path > 0
    squares = [
        float((np.divide(row[:, None] - row, path, out=np.zeros_like(path), where=apart) ** 2).sum()) for row in path
    ]
    return int(np.argmin(squares))
