"""What training and conversion leave beside the weights of a model: counters, observers, running statistics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.tensors.architectures import heads_of

Counts = Mapping[str, Mapping[int, int]]
"""Numbers of each model that has any, by what is counted."""

BATCHES, OBSERVERS, NORMS, EMPTY = "batches", "observers", "norms", "empty"
PRETRAINING, TASKS = "pretraining-heads", "task-heads"

_COUNTER = "num_batches_tracked"
_OBSERVER = re.compile(r"(fake_quant|observer|activation_post_process|quantize_layer|(_amax|min_vals?|max_vals?)$)")
_RUNNING = re.compile(r"(running_var|moving_variance)(:0)?$")


def counts_of(checkpoints: Sequence[Checkpoint]) -> dict[str, dict[int, int]]:
    """Numbers of each model by name, zeros left out. A few bytes of each checkpoint are read.

    - ``batches``: the most batches that any of its layers counted (``num_batches_tracked``). A child that goes on from
      its parent's state goes on counting. Breaks where the counters were reset.
    - ``observers``: tensors that observe ranges for quantisation-aware training.
    - ``norms``: batch normalisations with running statistics.
    - ``pretraining-heads``, ``task-heads``: tensors of heads of either purpose, by the names of known architectures.
    - ``empty``: tensors without values, as a save of distributed weights leaves them that were not gathered.
    """
    found: dict[str, dict[int, int]] = {name: {} for name in (BATCHES, OBSERVERS, NORMS, EMPTY, PRETRAINING, TASKS)}
    for model, checkpoint in enumerate(checkpoints):
        names = list(checkpoint.tensors)
        pretraining, tasks = heads_of(names)
        numbers = {
            PRETRAINING: pretraining,
            TASKS: tasks,
            BATCHES: _batches_seen(checkpoint),
            OBSERVERS: sum(_OBSERVER.search(name) is not None for name in names),
            NORMS: sum(_RUNNING.search(name) is not None for name in names),
            EMPTY: sum(tensor.size == 0 for tensor in checkpoint.tensors.values()),
        }
        for name, number in numbers.items():
            if number:
                found[name][model] = number
    return found


def renumbered(counts: Counts, position: Mapping[int, int]) -> dict[str, dict[int, int]]:
    """The numbers of some models, under new numbers."""
    return {
        name: {position[model]: number for model, number in of_models.items() if model in position}
        for name, of_models in counts.items()
    }


def joined(every: Sequence[Counts]) -> dict[str, dict[int, int]]:
    """The numbers of several groups of models, in the order of the models: of what was counted in all groups."""
    names = [name for name in every[0] if all(name in counts for counts in every)] if every else []
    return {name: dict(sorted((model, n) for counts in every for model, n in counts[name].items())) for name in names}


def _batches_seen(checkpoint: Checkpoint) -> int:
    seen = 0
    for name, tensor in checkpoint.tensors.items():
        if name.endswith(_COUNTER) and tensor.size == 1:
            try:
                value = float(np.asarray(checkpoint.read(name)).reshape(-1)[0])
            except CheckpointError:
                continue
            seen = max(seen, int(value) if 0 <= value < 2**53 else 0)
    return seen
