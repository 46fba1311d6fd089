"""What trainers call the files of their checkpoints, for whoever lists folders: no reader is loaded for it."""

from __future__ import annotations

import re

METADATA, SUFFIX = ".metadata", ".distcp"
"""The file that says what the others hold in a distributed checkpoint, and the suffix of those."""

STATES = re.compile(r"zero_pp_rank_(\d{1,6})_mp_rank_(\d{2,6})_model_states\.pt")
"""The model states of a rank; where matrices are cut too, of one of the tensor-parallel ranks."""

OPTIMISERS = re.compile(r"(?:bf16_|fp16_)?zero_pp_rank_(\d{1,6})_mp_rank_(\d{2,6})_optim_states\.pt")
"""The optimiser states of a rank, where its part of the weights is."""


def is_first(name: str) -> bool:
    """Whether a file is that of the model states of the first rank."""
    named = STATES.fullmatch(name)
    return named is not None and int(named[1]) == int(named[2]) == 0
