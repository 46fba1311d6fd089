"""Models that are stored as codes: made from the float model whose values they round, in every matrix."""

from itertools import permutations

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.formats.quantised import dequantised
from neural_phylogeny.relations.explanations.whole import explanation
from neural_phylogeny.statistics.one_pass import measure, standard_statistics
from neural_phylogeny.tensors.alignment import align


def packed(weight, bits):
    """compressed-tensors with a scale for each 32 inputs."""
    rows, columns = weight.shape
    scale = np.abs(weight.reshape(rows, -1, 32)).max(2) / (2 ** (bits - 1) - 1)
    half, per_word = 2 ** (bits - 1), 32 // bits
    codes = (np.round(weight / np.repeat(scale, 32, axis=1)) + half).astype(np.uint32)
    shifts = (np.arange(per_word) * bits).astype(np.uint32)
    words = (codes.reshape(rows, -1, per_word) << shifts).sum(-1, dtype=np.uint32).view(np.int32)
    return {
        "fc.weight_packed": words,
        "fc.weight_scale": scale.astype(np.float32),
        "fc.weight_shape": np.array([rows, columns]),
    }


def scaled_fp8(name, weight):
    """fp8 with one scale for the matrix; an even grid would have its finest spacing, and not its error."""
    scale = np.abs(weight).max() / 448
    return {f"{name}.weight": (weight / scale).astype(ml_dtypes.float8_e4m3fn), f"{name}.scale_weight": scale}


def kinds_of(*models):
    checkpoints = [dequantised(MemoryCheckpoint(model)) for model in models]
    alignment = align([c.tensors for c in checkpoints], [str(k) for k in range(len(models))])
    statistics = measure(checkpoints, alignment, standard_statistics(), threads=1)
    pairs = permutations(range(len(models)), 2)
    return {
        (found.kind, *pair)
        for pair in pairs
        if (found := explanation(statistics, *pair)) and set(found.also) <= {"cast"}
    }


@pytest.mark.parametrize("bits", [4, 8])
def test_codes_are_made_from_the_weights_that_they_round(rng, bits):
    weight = rng.normal(0, 0.1, (96, 128)).astype(np.float32)
    embedding = rng.normal(0, 0.1, (50, 32)).astype(np.float32)
    tuned = weight + rng.normal(0, 0.05, weight.shape).astype(np.float32)
    models = [
        {"emb.weight": embedding, "fc.weight": weight},
        {"emb.weight": embedding.astype(np.float16)} | packed(weight, bits),
        {"emb.weight": embedding, "fc.weight": tuned},
        {"emb.weight": embedding} | packed(tuned, bits),
    ]
    assert {found for found in kinds_of(*models) if found[0] == "quantized"} == {
        ("quantized", 0, 1),
        ("quantized", 2, 3),
    }


def test_what_was_trained_on_beside_the_codes_is_no_mere_quantisation(rng):
    weight = rng.normal(0, 0.1, (96, 128)).astype(np.float32)
    embedding = rng.normal(0, 0.1, (50, 32)).astype(np.float32)
    moved = embedding + rng.normal(0, 0.02, embedding.shape).astype(np.float32)
    models = [{"emb.weight": embedding, "fc.weight": weight}, {"emb.weight": moved} | packed(weight, 8)]
    assert not {found for found in kinds_of(*models) if found[0] == "quantized"}


def test_scaled_fp8_is_made_from_the_weights_that_it_rounds(rng):
    weight = rng.normal(0, 0.1, (96, 128)).astype(np.float32)
    tuned = weight + rng.normal(0, 0.05, weight.shape).astype(np.float32)
    models = [{"fc.weight": weight}, scaled_fp8("fc", weight), {"fc.weight": tuned}, scaled_fp8("fc", tuned)]
    assert {found for found in kinds_of(*models) if found[0] == "quantized"} == {
        ("quantized", 0, 1),
        ("quantized", 2, 3),
    }
