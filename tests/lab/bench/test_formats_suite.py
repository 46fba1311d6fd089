"""The answer does not depend on the format that the models of a family are written in."""

from pathlib import Path

import pytest

from neural_phylogeny.lab.bench.cached import load_cached
from neural_phylogeny.reconstruction.decide import phylogeny
from neural_phylogeny.trees.methods import METHODS

FOLDER = Path(__file__).parents[3] / "benchmarks" / "data" / "formats"
LOSSLESS = ("sharded", "pytorch", "ddp", "npz", "mixed")


def edges_in(form):
    """Parent, child and probability of every edge, by the stems of the files' names."""
    collection = load_cached(FOLDER / f"llama-code-{form}" / "0.npz").collection
    found = phylogeny(collection, METHODS["auto"], 1e-3, 0).edges
    return {(edge.parent.split(".")[0], edge.child.split(".")[0]): edge.p_parent for edge in found}


@pytest.mark.slow
@pytest.mark.parametrize("form", LOSSLESS)
def test_a_lossless_format_gives_the_same_tree_with_the_same_probabilities(form):
    plain, other = edges_in("safetensors"), edges_in(form)
    assert other == pytest.approx(plain, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["keras", "float16", "gguf-f16"])
def test_another_order_of_values_and_half_precision_give_the_same_tree(form):
    assert edges_in(form).keys() == edges_in("safetensors").keys()
