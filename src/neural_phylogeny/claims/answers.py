"""What a verdict on a claim rests on: the answer for a collection, and the tests of its pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.records import Phylogeny


class Answers(Protocol):
    """A collection that was reconstructed, whatever the method; ``reconstruction.judged.Judged`` is one.

    Models are given by their names in the collection.
    """

    @property
    def refs(self) -> Sequence[ModelRef]:
        """The models, where they were found."""

    @property
    def answer(self) -> Phylogeny:
        """Their forest."""

    def p_value(self, a: str, b: str) -> float | None:
        """p-value of the relatedness test of two models; None where a layer is identical or none could be made."""

    def is_conclusive(self, a: str, b: str) -> bool:
        """Whether enough of two models could be compared for "unrelated" to be an answer."""

    def has_trained_ancestor(self, a: str, b: str) -> bool:
        """Whether two related models have more in common than an initialisation."""
