"""Many collections to one number: over models (micro), over collections (macro), and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neural_phylogeny.lab.bench.runs import Result

DRAWS = 2000
"""Bootstrap samples of the collections."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A metric over several collections.

    Attributes
    ----------
    micro : float
        Sum of the numerators over sum of the denominators.
    macro : float
        Mean over the collections that have something to count.
    low, high : float
        The middle 95 % of ``micro`` when the collections are drawn again with replacement.
    collections : int
        How many had something to count.
    """

    micro: float
    macro: float
    low: float
    high: float
    collections: int


def summarise(results: Sequence[Result], metric: str, seed: int = 0) -> Summary | None:
    """A metric over collections; None where none has anything to count.

    The interval takes collections as independent draws, which those of one seed that share their roots are not;
    with three of them it says little.

    Examples
    --------
    >>> results = [Result("cell", k, 2, 0.0, {"overall": (k, 2.0)}) for k in (1, 2)]
    >>> summary = summarise(results, "overall")
    >>> summary.micro, summary.macro, summary.low, summary.high
    (0.75, 0.75, 0.5, 1.0)
    """
    counts = np.array([result.counts[metric] for result in results if result.counts.get(metric, (0, 0))[1] > 0])
    if not len(counts):
        return None
    draws = np.random.default_rng(seed).integers(len(counts), size=(DRAWS, len(counts)))
    sums = counts[draws].sum(axis=1)  # (DRAWS, 2)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    total = counts.sum(axis=0)
    macro = float(np.mean(counts[:, 0] / counts[:, 1]))
    return Summary(float(total[0] / total[1]), macro, float(low), float(high), len(counts))
