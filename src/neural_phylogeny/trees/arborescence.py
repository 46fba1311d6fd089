"""Maximum spanning arborescences: the best parents for all models at once, from a score for every ordered pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neural_phylogeny.trees.checks import square

Matrix = NDArray[np.float64]
Integers = NDArray[np.int64]


def maximum_arborescence(scores: ArrayLike, root_scores: ArrayLike, *, one_root: bool = False) -> Integers:
    """The forest of largest total score, exactly, as a parent vector ``(n,)``.

    Parameters
    ----------
    scores : (n, n)
        ``[i, j]`` is the score of i being the parent of j, any real number; ``-inf`` forbids it. The diagonal is
        not used.
    root_scores : (n,)
        The score of each model having no parent: the column of a virtual root. ``-inf`` forbids it.
    one_root : bool
        Whether exactly one model has no parent; otherwise as many as give the largest score.

    Returns
    -------
    (n,)
        Parents, -1 for a root. Ties go to a root, then to the lower parent, except where a cycle had to be broken.

    Raises
    ------
    ValueError
        When a shape or a value is wrong, or when no forest is allowed.

    Notes
    -----
    Chu-Liu/Edmonds with the edges of a contracted cycle merged array by array: O(n^2) time and memory. Scores add up
    as log-probabilities do, so edges are assumed independent given the rest. With ``one_root`` the root scores are
    lowered by more than any forest can gain by a further root, which costs precision: the total is within rounding of
    ``n^2`` times the range of the scores.

    References
    ----------
    J. Edmonds, *Optimum branchings*, 1967; H. N. Gabow et al., Combinatorica 6, 1986 (growing a path).

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[0.0, 5.0, 1.0], [6.0, 0.0, 4.0], [0.0, 0.0, 0.0]])
    >>> maximum_arborescence(scores, np.array([3.0, 1.0, 0.0])).tolist()
    [-1, 0, 1]
    """
    table = _with_virtual_root(scores, root_scores, one_root)
    parents: Integers = _Contraction(table).solve()[1:] - 1
    if one_root and (parents < 0).sum() > 1:
        raise ValueError("no tree with one root is allowed by the scores that are not -inf")
    return parents


def _with_virtual_root(scores: ArrayLike, root_scores: ArrayLike, one_root: bool) -> Matrix:
    """Node 0 is the virtual root: ``[j, i]`` is the score of the edge from i into j, ``(n + 1, n + 1)``."""
    pairs, roots = square("a matrix of scores", scores), np.asarray(root_scores, dtype=np.float64)
    n = len(pairs)
    if roots.shape != (n,):
        raise ValueError(f"root scores must have the shape {(n,)} of one per model, not {roots.shape}")
    table = np.full((n + 1, n + 1), -np.inf)
    table[1:, 1:] = pairs.T
    table[1:, 0] = roots
    np.fill_diagonal(table, -np.inf)
    if np.isnan(table).any() or (table == np.inf).any():
        raise ValueError("scores must be numbers below infinity: -inf forbids an edge, NaN is not a score")
    if one_root and n:
        allowed = table[np.isfinite(table)]
        table[1:, 0] -= 1.0 + n * (np.ptp(allowed) if allowed.size else 0.0)
    return table


class _Contraction:
    """One run of the algorithm on ``into (m, m)``, whose row j holds the scores of the edges into node j.

    A path is grown backwards along best edges. Where it runs into itself, the cycle becomes a node, whose row replaces
    that of one of its members, its head; where it meets the part that is connected to the root, the path joins that
    part and another begins.
    """

    def __init__(self, into: Matrix) -> None:
        m = len(into)
        self.into = into.copy()
        self.entry = np.repeat(np.arange(m)[:, None], m, axis=1)
        """[j, i]: the original node that the edge from i into the node of row j ends at."""
        self.row_of = np.arange(m)
        """The row of the outermost node that each original node is in."""
        self.node_in_row = list(range(m))
        """The outermost node that a row stands for; nodes m, m + 1, ... are contracted cycles."""
        self.inside: list[int] = [-1] * m
        """The cycle that each node was contracted into."""
        self.edge: list[tuple[int, int]] = [(-1, -1)] * m
        """The chosen edge into each node: (tail, the original node it ends at)."""

    def solve(self) -> Integers:
        """Parent of each node, -1 for node 0."""
        done = np.zeros(len(self.into), dtype=bool)
        done[0] = True
        for start in range(1, len(self.into)):
            path: list[int] = []
            row = int(self.row_of[start])
            while not done[row]:
                path.append(row)
                tail = int(np.argmax(self.into[row]))
                if self.into[row, tail] == -np.inf:
                    members = np.flatnonzero(self.row_of == row) - 1
                    raise ValueError(f"no forest is allowed: model {members[0]} can have no parent and be no root")
                self.edge[self.node_in_row[row]] = (tail, int(self.entry[row, tail]))
                row = int(self.row_of[tail])
                if row in path:
                    at = path.index(row)
                    row = self._contract(path[at:])
                    del path[at:]
            done[path] = True
        return self._expand()

    def _contract(self, rows: list[int]) -> int:
        """Make one node of a cycle of rows; an edge into it replaces the cycle's edge into the same member."""
        for row in rows:
            self.into[row] -= self.into[row].max()
        best = np.argmax(self.into[rows], axis=0)
        tails = np.arange(len(self.into))
        head = rows[0]
        self.into[head], self.entry[head] = self.into[rows, :][best, tails], self.entry[rows, :][best, tails]
        self.into[head, np.isin(self.row_of, rows)] = -np.inf
        self.row_of[np.isin(self.row_of, rows)] = head
        cycle = len(self.inside)
        for row in rows:
            self.inside[self.node_in_row[row]] = cycle
        self.inside.append(-1)
        self.edge.append((-1, -1))
        self.node_in_row[head] = cycle
        return head

    def _expand(self) -> Integers:
        """Undo the contractions, outermost first: the edge into a cycle is the edge into the member it ends at."""
        parents = np.full(len(self.into), -1, dtype=np.int64)
        settled = [False] * len(self.edge)
        for node in range(len(self.edge) - 1, 0, -1):
            if settled[node]:
                continue
            tail, member = self.edge[node]
            parents[member] = tail
            while member != node:
                settled[member] = True
                member = self.inside[member]
        return parents
