"""Connected components: of a graph given as a matrix, and of one whose links come one by one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Name = TypeVar("Name", bound=Hashable)


def components(linked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Label of each model's component, numbered by first member: ``linked (n, n)`` symmetric -> ``(n,)``.

    Costs O(n^2). One false link joins two components.

    Examples
    --------
    >>> import numpy as np
    >>> components(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool)).tolist()
    [0, 1, 0]
    """
    import numpy as np  # here, so that what draws a stored result does not wait for it

    labels = np.full(len(linked), -1, dtype=np.int64)
    label = 0
    for first in range(len(linked)):
        if labels[first] >= 0:
            continue
        labels[first] = label
        frontier = [first]
        while frontier:
            found = np.flatnonzero(linked[frontier].any(axis=0) & (labels < 0))
            labels[found] = label
            frontier = found.tolist()
        label += 1
    return labels


class Groups:
    """Disjoint groups of names that grow together; near-linear in the number of joins.

    ``join(a, b)`` lets the group of ``b`` be led by the leader of ``a``.

    Examples
    --------
    >>> groups = Groups()
    >>> groups.join("a", "b"), groups.join("b", "a"), groups.leader("b")
    (True, False, 'a')
    >>> groups.lists("cba")
    [['c'], ['b', 'a']]
    """

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def leader(self, name: Hashable) -> Hashable:
        """The leader of a name's group; a name that was never joined leads itself."""
        path = []
        while (above := self._above.get(name, name)) != name:
            path.append(name)
            name = above
        for passed in path:
            self._above[passed] = name
        return name

    def join(self, a: Hashable, b: Hashable) -> bool:
        """Make two groups one; whether they were two."""
        upper, lower = self.leader(a), self.leader(b)
        self._above[lower] = upper
        return upper != lower

    def lists(self, names: Iterable[Name]) -> list[list[Name]]:
        """The groups of these names, each in their order."""
        found: dict[Hashable, list[Name]] = {}
        for name in names:
            found.setdefault(self.leader(name), []).append(name)
        return list(found.values())
