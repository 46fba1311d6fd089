"""A network learns what is there to learn, goes on where it was interrupted, and is calibrated on what was left out."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.detector.conftest import star_of

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.network import Probabilities, TrainedDetector
from neural_phylogeny.lab.families.batches import KnownFamily
from neural_phylogeny.lab.families.measured import statistics_of
from neural_phylogeny.lab.training.assessment import Assessment, ancestors, assess, expected_calibration_error
from neural_phylogeny.lab.training.ensemble import assessment_lines, calibrated
from neural_phylogeny.lab.training.examples import MOST_SHOWN, Example, Losses, drawn_from, with_losses
from neural_phylogeny.lab.training.train import TrainingRecipe, train

pytestmark = pytest.mark.torch

CONFIG = DetectorConfig(6, 3, 16, 8, 1, 2, 4, 4)
GROUPS = ["a", "a", "b", "b", "c", "size"]


def examples(number, seed=0):
    """Groups in which the first feature gives the parent away, and the diagonal of it that there is none."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        n = int(rng.integers(3, 7))
        order = rng.permutation(n)
        parents = np.full(n, -1)
        for k in range(1, n):
            parents[order[k]] = order[rng.integers(k)]
        features = rng.normal(size=(n, n, 6))
        features[np.where(parents < 0, np.arange(n), parents), np.arange(n), 0] += 6.0
        about = {"topology": "planted"}
        triples = rng.normal(size=(n, n, n, 3)).astype(np.float16)
        found.append(Example(features.astype(np.float16), triples, parents, np.zeros(n, dtype=bool), about))
    return found


RECIPE = TrainingRecipe(epochs=8, rate=5e-3, tokens=300, drop=0.0, average=0.9)


@pytest.fixture(scope="module")
def trained():
    weights = train(examples(250), examples(40, 1), CONFIG, RECIPE, GROUPS)
    return TrainedDetector(CONFIG, [weights], tuple("abcdef"), {})


def test_what_is_there_to_learn_is_learnt(trained):
    found = assess(trained, examples(60, 2), "topology")
    assert found["all"].overall > 0.93
    assert found["all"].direction > 0.93
    assert found["planted"].models == found["all"].models
    [line, _] = assessment_lines(trained, examples(60, 2))
    assert line.startswith("all ")


def test_an_interrupted_training_ends_the_same(tmp_path):
    recipe = replace(RECIPE, epochs=3)
    some, left = examples(60), examples(10, 1)
    straight = train(some, left, CONFIG, recipe, GROUPS)

    class InterruptedError(Exception):
        pass

    def stop(row):
        if row["epoch"] == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(some, left, CONFIG, recipe, GROUPS, folder=tmp_path, report=stop)
    resumed = train(some, left, CONFIG, recipe, GROUPS, folder=tmp_path)
    for name, array in straight.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 4
    with pytest.raises(ValueError, match="another network or recipe"):
        train(some, left, CONFIG, replace(recipe, seed=1), GROUPS, folder=tmp_path)


def test_a_training_can_go_on_from_weights(trained):
    weights = train(
        examples(20), examples(10, 1), CONFIG, replace(RECIPE, epochs=1, rate=1e-9), GROUPS, trained.networks[0]
    )
    for name, array in trained.networks[0].items():
        np.testing.assert_allclose(weights[name], array, atol=1e-5, err_msg=name)


def test_a_detector_that_is_too_sure_is_cooled(trained):
    right, wrong = examples(30, 3), [replace(e, parents=np.full(len(e.parents), -1)) for e in examples(30, 4)]
    assert calibrated(trained, right + wrong).temperature > 1.5
    assert calibrated(trained, right).temperature < 1.0


def test_counts_of_one_group():
    # Truth 0 > 1 > 2; reported 0 > 1, 0 > 2: two of three are right; edges have the parent above the child, not (1, 2).
    reported = np.array([[0.8, 0.7, 0.6], [0.1, 0.2, 0.3], [0.1, 0.1, 0.1]])
    example = Example(
        np.zeros((3, 3, 1), np.float16), np.zeros((3, 3, 3, 1), np.float16), np.array([-1, 0, 1]), np.zeros(3, bool), {}
    )
    found = Assessment()
    found.add(example, Probabilities(reported, np.zeros(3)))
    assert (found.models, found.right, found.edges, found.directed, found.exact) == (3, 2, 2, 1, 0)
    assert found.predicted == [0.8, 0.7, 0.6]
    assert found.correct == [True, True, False]
    assert (found.complete, found.alarms, found.orphans) == (1, 0, 0)


def test_orphans_that_are_reported():
    reported = np.array([[0.9, 0.0], [0.1, 1.0]])
    example = Example(
        np.zeros((2, 2, 1), np.float16), np.zeros((2, 2, 2, 1), np.float16), np.array([-1, -1]), np.ones(2, bool), {}
    )
    found = Assessment()
    found.add(example, Probabilities(reported, np.array([0.9, 0.8])))
    assert (found.orphans, found.found) == (1, 1)


def test_calibration_error_by_hand():
    reported, held = np.array([0.9, 0.95, 0.55, 0.51]), np.array([True, False, True, True])
    # Bins 0.9-1: mean 0.925, half right; 0.5-0.6: mean 0.53, all right.
    assert expected_calibration_error(reported, held) == pytest.approx(0.5 * 0.425 + 0.5 * 0.47)
    assert ancestors(np.array([-1, 0, 1])).tolist() == [[False, True, True], [False, False, True], [False] * 3]


def known(rng):
    parents = np.array([2, 2, -1, 2, 0, 0])
    return KnownFamily(statistics_of(star_of(rng)), parents, np.zeros(6, bool), np.zeros(6, int), {"topology": "x"})


def test_children_of_a_lost_model_hang_below_the_nearest_that_is_kept(rng):
    kept = known(rng).kept(np.array([False, True, True, True, True, True]))
    assert kept.parents.tolist() == [1, -1, 1, 1, 1]
    assert kept.missing.tolist() == [False, False, False, True, True]
    orphans = known(rng).kept(np.array([True, True, False, True, True, True]))
    assert orphans.parents.tolist() == [-1, -1, -1, 0, 0]
    assert orphans.missing.tolist() == [True, True, True, False, False]


def test_losses_are_of_the_kind_requested(rng):
    roots = Losses(mixed=0, again=1, pair=0, root=1, matrices=0)
    lost = with_losses(known(rng), roots, rng)
    assert lost is not None
    assert len(lost.parents) == 5
    assert lost.missing.sum() == 3
    pair = with_losses(known(rng), Losses(pair=1.0, matrices=0.0), rng)
    assert pair is None or len(pair.parents) <= 3


def test_of_a_large_group_a_part_is_shown(rng):
    n = MOST_SHOWN + 8
    models = star_of(rng, n)
    parents = np.full(n, 2)
    parents[2] = -1
    known = KnownFamily(statistics_of(models), parents, np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64), {})
    shown = [drawn_from(known, rng) for _ in range(12)]
    assert {len(one) for one in shown} <= {MOST_SHOWN, MOST_SHOWN + 1, MOST_SHOWN - 1}
    assert sum(bool((one.parents < 0).sum() == 1) for one in shown) >= 8
    small = known.kept(np.arange(n) < 5)
    assert drawn_from(small, rng) is small


def test_groups_are_cut_into_related_ones(rng):
    group = known(rng)
    apart = KnownFamily(
        group.statistics, np.array([2, 2, -1, 2, -1, -1]), group.missing, np.array([0, 0, 0, 0, 1, 2]), {}
    )
    [only] = apart.related()
    assert only.parents.tolist() == [2, 2, -1, 2]


def test_a_training_goes_on_from_a_network_that_knows_fewer_features(trained):
    wider = [replace(e, features=np.concatenate([e.features, e.features[..., :2]], -1)) for e in examples(20)]
    config = replace(CONFIG, n_features=8)
    recipe = replace(RECIPE, epochs=1, rate=1e-9)
    weights = train(wider, {"one": wider[:5]}, config, recipe, [*GROUPS, "rows", "rows"], trained.networks[0])
    np.testing.assert_array_equal(weights["mean"][6:], 0.0)
    np.testing.assert_allclose(weights["encoder.weight"][:, 6:], 0.0, atol=1e-6)
    np.testing.assert_allclose(weights["encoder.weight"][:, :6], trained.networks[0]["encoder.weight"], atol=1e-5)


def test_a_group_without_its_vectors_keeps_its_matrices(rng):
    group = known(rng)
    bare = group.without_vectors()
    assert bare.n_matrices == group.n_matrices
    assert all(tensor.is_matrix for tensor in bare.statistics.alignment.tensors)
    assert not all(tensor.is_matrix for tensor in group.statistics.alignment.tensors)
    np.testing.assert_array_equal(bare.parents, group.parents)
