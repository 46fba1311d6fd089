"""Models that lie elsewhere: what may be fetched of them, and what was."""

from __future__ import annotations

from collections.abc import Sequence

from neural_phylogeny.errors import shown
from neural_phylogeny.files.activity import remark
from neural_phylogeny.formats.limits import limit
from neural_phylogeny.inputs import ModelRef
from neural_phylogeny.sources.remote.held import HeldFile
from neural_phylogeny.sources.remote.mirror import look_again, one_model
from neural_phylogeny.wording import in_bytes

WHOLE = 0.9
"""A model of up to this share of the limit is fetched whole where that is needed."""

FOR_VALUES = 0.7
"""Share of the limit that is planned for the values of a larger one; the rest is for headers and for what comes up."""


def files_of(ref: ModelRef) -> list[HeldFile]:
    """The files of a model that lie elsewhere."""
    return one_model(part.file for part in ref.parts)


def allowance(ref: ModelRef) -> int | None:
    """Bytes of values that may be fetched of a model; None where it is here, or small enough to be fetched whole."""
    allowed = limit("remote")
    return int(FOR_VALUES * allowed) if sum(file.size for file in files_of(ref)) > WHOLE * allowed else None


def say_before(ref: ModelRef) -> None:
    """Say what will be fetched of a model, at most, to whoever listens."""
    files = files_of(ref)
    if files:
        total, allowed = sum(file.size for file in files), limit("remote")
        remark(f"{shown(ref.path)}: {in_bytes(total)}; at most {in_bytes(min(total, allowed))} will be read")


def released(refs: Sequence[ModelRef]) -> list[str]:
    """A sentence on each model that lies elsewhere, on what was fetched of it; what was fetched is let go.

    Addresses are looked up anew afterwards: a branch may have moved.
    """
    notes = []
    for ref in refs:
        files = files_of(ref)
        if files:
            notes.append(_fetched(ref, files))
            remark(notes[-1])
        for file in files:
            file.release()
    look_again()
    return notes


def _fetched(ref: ModelRef, files: Sequence[HeldFile]) -> str:
    total, read = sum(file.size for file in files), sum(file.fetched for file in files)
    requests = sum(file.requests for file in files)
    count = f"{requests:,} requests" if requests != 1 else "one request"
    return f"{shown(ref.path)}: {in_bytes(read)} of {in_bytes(total)} read, in {count}"
