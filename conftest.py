"""What the examples in docstrings of results take for granted: the answer for the demo families."""

import functools

import pytest

import neural_phylogeny
from neural_phylogeny import Phylogeny, demo


@functools.cache
def demo_answer() -> Phylogeny:
    """The answer for the families that ship with the package, computed once."""
    return neural_phylogeny.reconstruct(demo.folder())


@pytest.fixture(autouse=True)
def _answer_of_examples(request: pytest.FixtureRequest) -> None:
    if isinstance(request.node, pytest.DoctestItem) and ".records." in request.node.name:
        request.getfixturevalue("doctest_namespace")["answer"] = demo_answer()
