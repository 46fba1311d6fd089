"""Metrics and mistakes of a result against a truth file."""

from neural_phylogeny.evaluation.metrics import Scores, score
from neural_phylogeny.evaluation.truth import Truth, read_truth

__all__ = ["Scores", "Truth", "read_truth", "score"]
