"""Heads that were drawn anew for a task decide no parent, also where one seed drew them alike in siblings."""

import numpy as np
import pytest
from tests.cases.test_gguf_families import trained

from neural_phylogeny import reconstruct

WIDTH, HIDDEN, VOCABULARY, LAYERS = 64, 128, 120, 2


def encoder(rng):
    shapes = {
        "word_embeddings": (VOCABULARY, WIDTH),
        "position_embeddings": (32, WIDTH),
        "token_type_embeddings": (2, WIDTH),
    }
    model = {f"bert.embeddings.{name}": rng.normal(0, 0.02, shape) for name, shape in shapes.items()}
    for n in range(LAYERS):
        layer = f"bert.encoder.layer.{n}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            model[layer + name] = rng.normal(0, 0.02, (WIDTH, WIDTH))
        model[f"{layer}intermediate.dense"] = rng.normal(0, 0.02, (HIDDEN, WIDTH))
        model[f"{layer}output.dense"] = rng.normal(0, 0.02, (WIDTH, HIDDEN))
        model[f"{layer}output.LayerNorm"] = np.ones(WIDTH)
    return trained(rng, model, 0.6)


def with_head(rng, model, classes, seed):
    """A tune with a pooler and a classifier that a seed drew, trained along with all else."""
    drawn = np.random.default_rng(seed)
    head = {
        "bert.pooler.dense": drawn.normal(0, 0.02, (WIDTH, WIDTH)),
        "classifier": drawn.normal(0, 0.02, (classes, WIDTH)),
    }
    return trained(rng, model, 0.12) | trained(rng, head, 0.3)


@pytest.mark.parametrize("seed", [7, None], ids=["one seed", "own seeds"])
def test_tunes_with_heads_are_children_of_the_encoder(rng, seed):
    first = encoder(rng)
    models = {"base": first | {"cls.predictions.decoder": rng.normal(0, 0.02, (VOCABULARY, WIDTH)).astype(np.float32)}}
    for number, classes in enumerate((3, 3, 3, 2)):
        models[f"task{number}"] = with_head(rng, first, classes, number if seed is None else seed)
    named = {model: {f"{name}.weight": values for name, values in one.items()} for model, one in models.items()}
    found = reconstruct(named)
    assert {(edge.parent, edge.child) for edge in found.edges} == {("base", f"task{number}") for number in range(4)}
