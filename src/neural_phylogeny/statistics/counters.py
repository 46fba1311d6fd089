"""What training and conversion leave beside the weights of a model: counters, observers, running statistics."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from neural_phylogeny.errors import CheckpointError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.tensors.architectures import heads_of

Counts = Mapping[str, Mapping[int, int]]
"""Numbers of each model that has any, by what is counted."""

BATCHES, OBSERVERS, NORMS, EMPTY = "batches", "observers", "norms", "empty"
PRETRAINING, TASKS, REPEATED = "pretraining-heads", "task-heads", "repeated-matrices"
COUNTED = (BATCHES, OBSERVERS, NORMS, EMPTY, PRETRAINING, TASKS, REPEATED)

FEW_LIKE = 24
"""Most matrices of one shape among which a repeated one is looked for: tied weights are embedding and head."""

SAMPLED = 1024
"""Values of a matrix, at both ends of it, that must be equal in one that is repeated."""

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
    - ``repeated-matrices``: matrices that hold the values of another one, as tied weights do that are stored twice.
    - ``empty``: tensors without values, as a save of distributed weights leaves them that were not gathered.
    """
    found: dict[str, dict[int, int]] = {name: {} for name in COUNTED}
    for model, checkpoint in enumerate(checkpoints):
        names = list(checkpoint.tensors)
        pretraining, tasks = heads_of(names)
        numbers = {
            PRETRAINING: pretraining,
            TASKS: tasks,
            BATCHES: _batches_seen(checkpoint),
            OBSERVERS: sum(_OBSERVER.search(name) is not None for name in names),
            NORMS: sum(_RUNNING.search(name) is not None for name in names),
            REPEATED: _repeated(checkpoint),
            EMPTY: sum(tensor.size == 0 for tensor in checkpoint.tensors.values()),
        }
        for name, number in numbers.items():
            if number:
                found[name][model] = number
    return found


def _repeated(checkpoint: Checkpoint) -> int:
    """Matrices with the values of an earlier one, as far as both ends show."""
    by_shape = defaultdict[tuple[int, ...], list[str]](list)
    for name, tensor in checkpoint.tensors.items():
        if len(tensor.shape) == 2 and min(tensor.shape) > 1:
            by_shape[tensor.shape].append(name)
    found = 0
    for shape, names in by_shape.items():
        if 1 < len(names) <= FEW_LIKE:
            try:
                ends = {_ends(checkpoint, name, shape[0] * shape[1]) for name in names}
            except CheckpointError:
                continue
            found += len(names) - len(ends)
    return found


def _ends(checkpoint: Checkpoint, name: str, size: int) -> bytes:
    """The first and the last values of a matrix; the name of one that is constant there, as a new one may be."""
    n = min(size, SAMPLED)
    values = np.empty((2, n), dtype=np.float32)
    checkpoint.read_into(name, 0, values[0])
    checkpoint.read_into(name, size - n, values[1])
    return values.tobytes() if (values != values[0, 0]).any() else name.encode()


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
