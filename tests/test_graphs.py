import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neural_phylogeny.graphs import components


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 0.5))
def test_components_are_those_of_networkx(n, seed, density):
    linked = np.triu(np.random.default_rng(seed).random((n, n)) < density, 1)
    linked = linked | linked.T
    labels = components(linked)
    graph = nx.from_numpy_array(linked)
    assert {frozenset(np.flatnonzero(labels == k).tolist()) for k in set(labels.tolist())} == {
        frozenset(c) for c in nx.connected_components(graph)
    }
    firsts = [int(np.argmax(labels == k)) for k in range(labels.max() + 1)]
    assert firsts == sorted(firsts)
