"""The shipped weights belong to these formulas: features and probabilities of fixed measurements, number by number.

When a formula is to change, the network is trained again and ``pinned/expected.json`` is written anew:
``python -m tests.detector.test_pinned``.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from neural_phylogeny.detector.features import names
from neural_phylogeny.detector.initialisation import features as initialisation_features
from neural_phylogeny.detector.initialisation import initialisation_test
from neural_phylogeny.detector.measurements import Measurements
from neural_phylogeny.detector.network import Inputs
from neural_phylogeny.detector.shipped import detector

FOLDER = Path(__file__).parent / "pinned"
"""``measurements.npz`` holds seven models: a root, two children, a pruned one, one in bf16, one without a matrix, one
with a re-initialised head; three matrices, two vectors."""


def fixed() -> Measurements:
    with np.load(FOLDER / "measurements.npz", allow_pickle=False) as data:
        return Measurements.from_arrays(dict(data))


def found_now() -> dict[str, object]:
    """For each feature and triple a sum that no exchange of entries leaves alone; all probabilities."""
    measured = fixed()
    inputs, n = Inputs.of(measured), len(measured)
    weights = np.cos(1.0 + np.arange(n * n, dtype=np.float64)).reshape(n, n)
    sums = np.einsum("ij,ijf->f", weights, inputs.pairs.astype(np.float64))
    cube = np.cos(1.0 + np.arange(n**3, dtype=np.float64)).reshape(n, n, n)
    triples = np.einsum("ijk,ijkf->f", cube, inputs.triples.astype(np.float64))
    reported = detector().probabilities(inputs)
    own = initialisation_features(measured.subset([1, 2, 4]))
    return {
        "features": dict(zip(names(), sums.tolist(), strict=True)),
        "triples": triples.tolist(),
        "parent": reported.parent.tolist(),
        "missing": reported.missing.tolist(),
        "initialisation": [*own.tolist(), float(initialisation_test().log_odds(own))],
    }


@pytest.fixture(scope="module")
def expected():
    return json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found():
    return found_now()


def test_no_feature_is_new_gone_or_moved(expected, found):
    assert list(found["features"]) == list(expected["features"])


@pytest.mark.parametrize("name", names())
def test_a_feature_is_what_the_network_was_trained_on(expected, found, name):
    assert found["features"][name] == pytest.approx(expected["features"][name], rel=1e-4, abs=1e-4)


def test_every_feature_is_tried(expected):
    silent = [name for name, total in expected["features"].items() if total == 0.0]
    assert silent == []


def test_triples_are_what_the_network_was_trained_on(expected, found):
    np.testing.assert_allclose(found["triples"], expected["triples"], atol=0.02)


def test_the_shipped_network_gives_the_pinned_numbers(expected, found):
    np.testing.assert_allclose(found["parent"], expected["parent"], atol=1e-4)
    np.testing.assert_allclose(found["missing"], expected["missing"], atol=1e-4)
    assert np.argmax(found["parent"], axis=0).tolist()[:3] == [0, 0, 0]


def test_the_shipped_test_of_initialisations_gives_the_pinned_numbers(expected, found):
    np.testing.assert_allclose(found["initialisation"], expected["initialisation"], atol=1e-4)


if __name__ == "__main__":
    text = json.dumps(found_now(), indent=1)
    (FOLDER / "expected.json").write_text(text + "\n", encoding="utf-8")
