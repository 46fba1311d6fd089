"""What the pass will read of files that lie elsewhere is fetched before it begins, in few requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.files.activity import announce
from neural_phylogeny.files.ahead import fetch_ahead
from neural_phylogeny.files.far import NotFetchedError, Stretch, any_far, planning, touched
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.statistics.blocks import fill
from neural_phylogeny.statistics.sampling import Grid, Part
from neural_phylogeny.tensors.alignment import AlignedTensor

ROUNDS = 4
"""A read of several places shows one of them at a time; what is left after these rounds is fetched as it is read."""


def read_ahead(checkpoints: Sequence[Checkpoint], reaches: Sequence[tuple[AlignedTensor, Part | Grid | None]]) -> None:
    """Fetch what will be read of tensors, or of parts of them; costs nothing where all files lie on this machine.

    The reads themselves are made without a fetch, and what they ask for is noted: so it holds for every format.
    """
    if not any_far():
        return
    far = {k for k, checkpoint in enumerate(checkpoints) if _is_far(checkpoint)}
    before: set[Stretch] = set()
    for _ in range(ROUNDS if far else 0):
        wanted = list(dict.fromkeys(_wanted(checkpoints, reaches, far)))
        if not wanted or before.issuperset(wanted):
            return
        announce("fetching", f"{len({file for file, _, _ in wanted}):,} files")
        fetch_ahead(wanted)
        before.update(wanted)


def _is_far(checkpoint: Checkpoint) -> bool:
    """Whether a read of the first value touches a file that lies elsewhere."""
    name = next((name for name, tensor in checkpoint.tensors.items() if tensor.size), None)
    with planning():
        try:
            if name is not None:
                checkpoint.read(name, 0, 1)
        except (NotFetchedError, CheckpointError):
            pass
        return touched()


def _wanted(
    checkpoints: Sequence[Checkpoint], reaches: Sequence[tuple[AlignedTensor, Part | Grid | None]], far: set[int]
) -> list[Stretch]:
    longest = max((tensor.size if part is None else part.tensor.size for tensor, part in reaches), default=0)
    nowhere = np.empty(longest, dtype=np.float32)  # never touched, so that it takes no memory
    with planning() as wanted:
        for tensor, part in reaches:
            runs = [(0, tensor.size)] if part is None else list(part.runs(0, part.tensor.size))
            for member, source in zip(tensor.members, tensor.sources, strict=True):
                for start, stop in runs if member in far else ():
                    try:
                        fill(tensor, source, start, stop, checkpoints[member], nowhere[: stop - start])
                    except (NotFetchedError, CheckpointError):
                        continue
    return wanted
