"""Public folders hold models twice: in single precision and rounded, or as the last two steps of a training."""

from pathlib import Path
from unittest.mock import patch

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

import neural_phylogeny.demo
from neural_phylogeny import reconstruct
from neural_phylogeny.trees import auto

DATA = Path(neural_phylogeny.demo.__file__).parent / "data"
COPY = " again"


def rounded(model):
    return {name: w.astype(ml_dtypes.bfloat16).astype(np.float32) for name, w in model.items()}


def nudged(model):
    rng = np.random.default_rng(0)
    return {name: (w * (1 + 1e-3 * rng.standard_normal(w.shape))).astype(w.dtype) for name, w in model.items()}


@pytest.fixture(scope="module")
def models():
    return {path.stem: load_file(path) for path in sorted(DATA.glob("*.safetensors"))}


def between(answer):
    """Edges between models, whichever of the files that all but hold them."""
    edges = {(e.parent.removesuffix(COPY), e.child.removesuffix(COPY)) for e in answer.edges}
    return {edge for edge in edges if edge[0] != edge[1]}


def certainty(answer, alone):
    """Mean probability of the edges between models that are there without the second files, too."""
    found = {(e.parent.removesuffix(COPY), e.child.removesuffix(COPY)): e.p_parent or 0.0 for e in answer.edges}
    return np.mean([found.get(edge, 0.0) for edge in between(alone)])


@pytest.mark.parametrize("again", [rounded, nudged])
def test_a_family_that_is_there_twice_is_the_same_family(again, models):
    alone = reconstruct(models)
    twice = models | {name + COPY: again(model) for name, model in models.items()}
    answer = reconstruct(twice)
    assert between(answer) == between(alone)
    with patch.object(auto, "among_twins", lambda family, judge: judge(family)):
        assert certainty(answer, alone) > certainty(reconstruct(twice), alone)


def test_a_rounded_copy_is_a_cast_of_its_model(models):
    answer = reconstruct(models | {name + COPY: rounded(model) for name, model in models.items()})
    casts = {(e.parent, e.child) for e in answer.edges if e.kind == "cast"}
    assert casts == {(name, name + COPY) for name in models if name != "avocet"}  # which is rounded itself
