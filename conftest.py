"""What the examples in docstrings of results take for granted: the answer for the demo families."""

import functools
import re

import pytest

import neural_phylogeny
from neural_phylogeny import Phylogeny, demo

ROOMS = re.compile(r"\.(records|reports)\.")


@functools.cache
def demo_answer() -> Phylogeny:
    """The answer for the families that ship with the package, computed once."""
    return neural_phylogeny.reconstruct(demo.folder())


@pytest.fixture(autouse=True)
def _answer_of_examples(request: pytest.FixtureRequest) -> None:
    item = request.node
    if not isinstance(item, pytest.DoctestItem) or item.dtest is None:
        return
    if ROOMS.search(item.name) and any(re.search(r"\banswer\b", example.source) for example in item.dtest.examples):
        request.getfixturevalue("doctest_namespace")["answer"] = demo_answer()
