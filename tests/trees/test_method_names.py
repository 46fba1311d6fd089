"""The names that a type checker knows are those of the table."""

from typing import get_args

from neural_phylogeny.trees.methods import METHODS, MethodName


def test_the_names_are_the_keys_of_the_table():
    assert list(get_args(MethodName)) == list(METHODS)
