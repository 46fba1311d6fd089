"""What batches hold: counts of families, models, roots, missing parents."""

from __future__ import annotations

from collections.abc import Iterable

from neural_phylogeny.lab.families.batches import KnownFamily
from neural_phylogeny.lab.markdown import table


def counts_by(families: Iterable[KnownFamily], by: str) -> str:
    """A Markdown table with a row for each value of something that is known of families, the most frequent first.

    Parameters
    ----------
    families : iterable of KnownFamily
    by : str
        A key of ``KnownFamily.about``.
    """
    counts: dict[str, list[int]] = {}
    for known in families:
        roots = known.parents < 0
        numbers = (1, len(known), int(roots.sum()), int(known.missing.sum()))
        for key in (str(known.about[by]) or "none", "all"):
            counts[key] = [a + b for a, b in zip(counts.get(key, [0] * 4), numbers, strict=True)]
    rows = []
    for key, (number, models, without, missing) in sorted(counts.items(), key=lambda item: -item[1][0]):
        rows.append([key, str(number), str(models), f"{without / models:.3f}", f"{missing / models:.3f}"])
    return table([by, "families", "models", "without a parent here", "siblings of a missing parent"], rows)
