import numpy as np
import pytest

from neural_phylogeny.trees.baselines.links import LINKS, link_scores, similarity_graph

SCORES = {
    "adamic-adar": "adamic_adar_index",
    "preferential-attachment": "preferential_attachment",
}


@pytest.mark.parametrize("how", LINKS)
def test_scores_are_those_of_networkx(how, rng):
    networkx = pytest.importorskip("networkx", reason="networkx is not installed")
    points = rng.normal(size=(12, 4))
    joined = similarity_graph(np.linalg.norm(points[:, None] - points, axis=2))
    graph = networkx.from_numpy_array(joined.astype(int))
    found = link_scores(joined, how)
    pairs = [(a, b) for a in range(12) for b in range(a)]
    if how == "common-neighbours":
        wanted = [len(list(networkx.common_neighbors(graph, a, b))) for a, b in pairs]
    else:
        wanted = [score for _, _, score in getattr(networkx, SCORES[how])(graph, pairs)]
    np.testing.assert_allclose([found[a, b] for a, b in pairs], wanted)
    np.testing.assert_array_equal(found, found.T)


def test_models_that_share_nothing_are_never_joined():
    distance = np.full((4, 4), np.nan)
    distance[0, 1] = distance[1, 0] = 1.0
    joined = similarity_graph(distance)
    assert np.argwhere(joined).tolist() == [[0, 1], [1, 0]]


def test_unknown_scores_are_refused():
    with pytest.raises(ValueError, match="choose from common-neighbours"):
        link_scores(np.zeros((2, 2), dtype=bool), "jaccard")
