"""What a model counted while it was trained: batch normalisation in PyTorch counts the batches that it has seen."""

from __future__ import annotations

import numpy as np

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint

COUNTER = "num_batches_tracked"


def batches_seen(checkpoint: Checkpoint) -> int | None:
    """Most batches that any of its layers has counted; None where none counted, or nothing was. A few bytes read.

    A child that goes on from its parent's state goes on counting. Breaks where the counters were reset.
    """
    seen = 0
    for name, tensor in checkpoint.tensors.items():
        if name.endswith(COUNTER) and tensor.size == 1:
            try:
                value = float(np.asarray(checkpoint.read(name)).reshape(-1)[0])
            except CheckpointError:
                continue
            seen = max(seen, int(value) if 0 <= value < 2**53 else 0)
    return seen or None
