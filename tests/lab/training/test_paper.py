"""The paper's protocol: a split that leaks nothing, coordinates that are the weights, and something is learnt."""

import numpy as np
import pytest

pytest.importorskip("torch")

from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.lab.training.paper import PaperRecipe, coordinates, run, split

pytestmark = pytest.mark.torch


@pytest.fixture
def stars(measured, rng):
    """Statistics of two stars of ten, and the parents."""
    models: list[dict[str, np.ndarray]] = []
    parents: list[int] = []
    for _ in range(2):
        root = rng.normal(size=(30, 20)).astype(np.float32)
        parents += [-1] + [len(models)] * 9
        models += [{"w": root}] + [
            {"w": (root + 0.5 * rng.normal(size=root.shape)).astype(np.float32)} for _ in range(9)
        ]
    return measured(*models), np.array(parents)


def test_the_split_is_seven_to_one_to_two(stars):
    _, parents = stars
    parts = split(parents, 3)
    assert [len(part) for part in parts] == [13, 2, 3]
    together = np.concatenate(parts)
    assert sorted(together) == np.flatnonzero(parents >= 0).tolist()
    assert any((split(parents, 4)[k] != parts[k]).any() for k in range(3))


def test_too_few_children_are_reported():
    with pytest.raises(SavedFileError, match="needs 5 children to split, and there are 2"):
        split(np.array([-1, 0, 0]), 0)


def test_coordinates_are_the_weights_up_to_a_rotation(stars):
    statistics, _ = stars
    placed = coordinates(statistics)[:, 0].astype(np.float64)
    gram = statistics.arrays[0]["gram"]
    np.testing.assert_allclose(placed @ placed.T, gram / np.diag(gram).mean(), atol=1e-4)


def test_planted_stars_are_learnt_and_runs_repeat(stars):
    scores = [run(stars[0], stars[1], seed) for seed in (0, 1, 0)]
    assert scores[0] == scores[2]
    assert sum(score.right for score in scores[:2]) >= 5
    assert sum(score.directed for score in scores[:2]) >= 5
    assert {score.children for score in scores} == {3}


def test_models_without_common_matrices(measured):
    alone = measured({"a": np.ones((3, 3), np.float32)}, {"b": np.ones((4, 5), np.float32)})
    with pytest.raises(SavedFileError, match="no matrix is shared"):
        run(alone, np.array([-1, 0, 0, 0, 0, 0]), 0, PaperRecipe(steps=1))
