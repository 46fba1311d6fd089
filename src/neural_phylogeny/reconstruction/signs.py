"""A pass in which reversed signs are restored: a negated copy is compared as the copy that it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from neural_phylogeny.formats.base import Checkpoint
from neural_phylogeny.formats.negated import NegatedCheckpoint
from neural_phylogeny.relations.signs import reversed_tensors
from neural_phylogeny.statistics.results import Statistics


def with_signs_restored(
    measure: Callable[[Sequence[Checkpoint]], Statistics], checkpoints: Sequence[Checkpoint], names: Sequence[str]
) -> Statistics:
    """The statistics of a pass; of a second one, as a note says, where tensors were found with reversed signs."""
    statistics = measure(checkpoints)
    negated = reversed_tensors(statistics)
    if not negated:
        return statistics
    restored = [
        NegatedCheckpoint(checkpoint, negated[k]) if k in negated else checkpoint
        for k, checkpoint in enumerate(checkpoints)
    ]
    again = measure(restored)
    notes = (
        f"{names[k]}: the signs of {len(tensors)} tensors are reversed against its relatives, {tensors[0]!r} first; "
        "they are compared with the signs restored"
        for k, tensors in negated.items()
    )
    return replace(again, alignment=replace(again.alignment, notes=(*again.alignment.notes, *notes)))
