"""Row features know what the pass measured, tell directions, and are 0 where it did not."""

from dataclasses import replace

import numpy as np
import pytest
from tests.detector.conftest import measurements_of

from neural_phylogeny.detector.features import absent, groups, names, pair_features
from neural_phylogeny.detector.measurements import BIAS, GAIN, OTHER, Measurements
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.shipped import detector


def at(features, name, i=0, j=1):
    return float(features[i, j, names().index(name)])


@pytest.fixture
def lineage(rng):
    """A model with a norm, and its child: unused rows decayed, the gain spread, the bias grew."""
    parent = {
        "embedding.weight": rng.normal(size=(60, 32)).astype(np.float32),
        "norm.weight": np.ones(32, dtype=np.float32),
        "norm.bias": np.full(32, 0.01, dtype=np.float32),
        "layer.weight": rng.normal(size=(40, 32)).astype(np.float32),
    }
    child = {name: w.copy() for name, w in parent.items()}
    for w in child.values():
        for _ in range(20):
            w *= np.float32(0.9995)
    child["embedding.weight"][20:] += 0.1 * rng.normal(size=(40, 32)).astype(np.float32)
    child["layer.weight"] += (0.1 * rng.normal(size=(40, 32))).astype(np.float32)
    child["norm.weight"] += (0.2 * rng.normal(size=32)).astype(np.float32)
    child["norm.bias"] += (0.2 * rng.normal(size=32)).astype(np.float32)
    return [parent, child]


def test_a_child_that_decayed_shows_its_clock_gains_and_biases(lineage):
    features = pair_features(measurements_of(lineage))
    assert at(features, "rows.clock") == 1.0
    assert at(features, "rows.clock_rows") == pytest.approx(np.log1p(20))
    for name in ("rows.clock", "rows.clock_factor", "vectors.gain_spread.signs", "vectors.bias_length.signs"):
        assert at(features, name) == -at(features, name, 1, 0) > 0
    for name in ("rows.known", "vectors.gains_known", "vectors.biases_known"):
        assert at(features, name) == 1.0


def test_without_the_statistic_all_are_zero(lineage):
    features = pair_features(replace(measurements_of(lineage), rows={}))
    chosen = np.array(groups()) == "rows"
    assert not features[..., chosen].any()
    known = pair_features(measurements_of(lineage))
    assert known[..., chosen].any()
    np.testing.assert_array_equal(absent(known, "rows"), features)


def test_vectors_are_gains_or_biases_by_their_names(rng):
    models = [
        {
            name: rng.normal(size=shape).astype(np.float32)
            for name, shape in (
                ("a/kernel", (9, 8)),
                ("a/beta", (8,)),
                ("a/gamma", (8,)),
                ("cell.bias_ih_l0", (8,)),
                ("ln.scale", (8,)),
                ("temperature", (8,)),
            )
        }
        for _ in range(2)
    ]
    assert sorted(measurements_of(models).kinds.tolist()) == sorted([BIAS, GAIN, BIAS, GAIN, OTHER])


def test_measurements_of_before_have_no_rows_and_come_back(lineage):
    measured = measurements_of(lineage)
    stored = measured.arrays()
    again = Measurements.from_arrays(stored)
    np.testing.assert_array_equal(again.rows["grow"], measured.rows["grow"])
    old = {name: array for name, array in stored.items() if not name.startswith("rows.")}
    old = {name: array for name, array in old.items() if name not in ("levels", "kinds")}
    assert np.isfinite(pair_features(Measurements.from_arrays(old))).all()


def test_the_shipped_network_reads_the_features_that_it_was_trained_on(lineage):
    inputs = Inputs.of(measurements_of(lineage))
    fewer = replace(inputs, pairs=inputs.pairs[..., : detector().config.n_features])
    np.testing.assert_array_equal(detector().probabilities(inputs).parent, detector().probabilities(fewer).parent)
