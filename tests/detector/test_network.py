"""The network in NumPy is the one that torch trained; a file that is not the detector is refused."""

import numpy as np
import pytest
from tests.detector.conftest import random_inputs, random_weights

from neural_phylogeny.detector.config import DetectorConfig
from neural_phylogeny.detector.features import names
from neural_phylogeny.detector.network import Inputs, TrainedDetector, forward
from neural_phylogeny.detector.shipped import detector
from neural_phylogeny.errors import SavedFileError
from neural_phylogeny.files.cores import using


@pytest.mark.torch
@pytest.mark.parametrize(
    ("messages", "attends", "triangles"),
    [(5, True, True), (5, False, False), (0, True, False), (0, False, True), (0, False, False)],
)
def test_numpy_says_what_torch_says_padding_or_not(rng, messages, attends, triangles):
    import torch

    config = DetectorConfig(20, 7, 16, 8, 2, 2, 4, messages, attends=attends, triangles=triangles)
    model, weights = random_weights(config)
    sizes = (2, 3, 5, 9)
    batch = np.zeros((len(sizes), 9, 9, 20), dtype=np.float32)
    real = np.zeros((len(sizes), 9), dtype=bool)
    triples = np.zeros((len(sizes), 9, 9, 9, 7), dtype=np.float32)
    groups = [random_inputs(rng, n, 20, 7) for n in sizes]
    for k, n in enumerate(sizes):
        batch[k, :n, :n] = groups[k].pairs
        triples[k, :n, :n, :n] = groups[k].triples
        real[k, :n] = True
    with torch.no_grad():
        logits, hidden = model(torch.from_numpy(batch), torch.from_numpy(triples), torch.from_numpy(real))
    for k, group in enumerate(groups):
        n = sizes[k]
        reported, orphaned = forward(config, weights, group)
        np.testing.assert_allclose(logits[k, :n, :n].numpy(), reported, atol=1e-4, rtol=1e-4)
        np.testing.assert_allclose(hidden[k, :n].numpy(), orphaned, atol=1e-4, rtol=1e-4)
        assert (logits[k, n:, :n] < -1e8).all()


def test_the_order_of_models_is_nothing_to_the_shipped_detector(rng):
    inputs, order = random_inputs(rng, 7), rng.permutation(7)
    at, every = np.ix_(order, order), np.ix_(order, order, order)
    reported = detector().probabilities(inputs)
    moved = detector().probabilities(Inputs(inputs.pairs[at], inputs.triples[every], inputs.thirds))
    np.testing.assert_allclose(moved.parent, reported.parent[np.ix_(order, order)], atol=1e-5)
    np.testing.assert_allclose(reported.parent.sum(axis=0), 1.0, atol=1e-9)
    assert ((reported.missing >= 0) & (reported.missing <= 1)).all()


def test_cores_change_no_bit(rng):
    inputs = random_inputs(rng, 40)
    with using(3):
        several = detector().probabilities(inputs)
    with using(1):
        one = detector().probabilities(inputs)
    np.testing.assert_array_equal(several.parent, one.parent)
    np.testing.assert_array_equal(several.missing, one.missing)


@pytest.fixture
def saved(tmp_path, small_config):
    pytest.importorskip("torch")
    trained = TrainedDetector(
        small_config, [random_weights(small_config, k)[1] for k in (0, 1)], names(), {"seed": 5}, 1.3
    )
    path = tmp_path / "mine.safetensors"
    return trained, path, trained.save(path)


@pytest.mark.torch
def test_a_saved_detector_says_the_same(saved, rng):
    trained, path, digest = saved
    loaded = TrainedDetector.load(path, digest)
    assert (loaded.config, loaded.features, loaded.temperature) == (trained.config, trained.features, 1.3)
    assert loaded.about["seed"] == 5
    inputs = random_inputs(rng, 4)
    expected = trained.probabilities(inputs).parent
    np.testing.assert_allclose(loaded.probabilities(inputs).parent, expected, atol=0.02)  # stored in half precision


@pytest.mark.torch
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: b"", "cannot be read as a detector"),
        (lambda content: b"not a detector at all", "cannot be read as a detector"),
        (lambda content: content[:-100], "cannot be read as a detector"),
        (lambda content: content.replace(b'"version": "2"', b'"version": "9"'), "not a detector of version 2"),
        (lambda content: content[:-4000] + b"\xff" * 4000, "not finite"),
        (lambda content: content.replace(b'\\"width\\": 8', b'\\"width\\": 4'), "cannot be read as a detector"),
    ],
)
def test_what_is_no_detector_is_refused(saved, spoil, message):
    _, path, _ = saved
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(SavedFileError, match=message) as caught:
        TrainedDetector.load(path)
    assert "mine.safetensors" in str(caught.value)


@pytest.mark.torch
def test_another_hash_is_refused(saved):
    _, path, digest = saved
    with pytest.raises(SavedFileError, match="wrong SHA-256"):
        TrainedDetector.load(path, digest[::-1])


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SavedFileError, match="nowhere"):
        TrainedDetector.load(tmp_path / "nowhere.safetensors")


def test_the_shipped_detector_is_small():
    from neural_phylogeny.detector.shipped import weights_path

    assert weights_path().stat().st_size < 5e6
