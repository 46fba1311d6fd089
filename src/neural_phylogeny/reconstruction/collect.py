"""From models to what was measured of them: open, align, read once, keep. Files are closed again at the end."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.atomic_files import replacing
from neural_phylogeny.errors import InvalidOptionError
from neural_phylogeny.graphs import components
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.reconstruction.signs import with_signs_restored
from neural_phylogeny.records import ModelRecord, ModelRef, Skipped
from neural_phylogeny.sources import from_memory, open_models
from neural_phylogeny.sources.discover import is_chosen
from neural_phylogeny.sources.opening import Opened, format_of
from neural_phylogeny.statistics.cache import CachedStatistics, Group, load, reuse, save
from neural_phylogeny.statistics.candidates import candidates, sample
from neural_phylogeny.statistics.fingerprint import fingerprint
from neural_phylogeny.statistics.one_pass import measure, standard_statistics
from neural_phylogeny.tensors.alignment import AlignedTensor, Alignment, align

Models = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, Mapping[str, Any]]
"""A path, several paths, or tensors by name for each model's name."""

TOGETHER = 200
"""Collections up to this size are measured as one; larger ones in groups of candidates for kinship."""


@dataclass(frozen=True)
class Collection:
    """Models in order, what was left out, and what was measured in each group of them.

    A model that is in no group, or alone in one, is related to nobody.
    """

    refs: tuple[ModelRef, ...]
    formats: tuple[str, ...]
    parameters: NDArray[np.int64]
    skipped: tuple[Skipped, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...]
    sample: float | None = None
    """The share of the weights that was asked for; None for the default."""

    def share_read(self) -> float:
        """Least share of a model's compared values that was read; 1 where all were."""
        counts = [group.statistics.values_read() for group in self.groups]
        return min(
            (float((read / np.maximum(size, 1))[size > 0].min(initial=1.0)) for size, read in counts), default=1.0
        )

    def record(self, k: int, family: int | None, remark: str) -> ModelRecord:
        """The k-th model as a result has it."""
        ref = self.refs[k]
        return ModelRecord(ref.name, ref.path, self.formats[k], int(self.parameters[k]), family, remark)

    def left_out(self) -> tuple[Skipped, ...]:
        """What was not read, and models whose files gave out in the middle of the pass."""
        partly = (
            Skipped(self.refs[group.members[row]].path, f"read in part only: {reason}")
            for group in self.groups
            for row, reason in group.statistics.failures.items()
        )
        return (*self.skipped, *partly)


def gather(models: Models, reading: Reading) -> Collection:
    """Open models and measure them, or take the cached statistics of an earlier pass.

    Costs one read of every compared value; none when ``reading.stats`` holds all of the models as they are now,
    measured under the same conditions. A note says why they are not used.
    """
    opened, skipped = _open(models, reading)
    try:
        names = [ref.name for ref, _ in opened]
        alignment = align([checkpoint.tensors for _, checkpoint in opened], names)
        groups, notes = None, alignment.notes
        keep = reading.stats is not None or reading.save_stats is not None
        prints = [fingerprint(ref, checkpoint) for ref, checkpoint in opened] if keep else []
        if reading.stats is not None:
            cached = _cached(opened, prints, reading, reading.stats)
            if isinstance(cached, str):
                notes = (*notes, f"{reading.stats} {cached}, so they were read again")
            else:
                groups = cached
        if groups is None:
            groups = _measure(opened, alignment, reading)
        if reading.save_stats is not None:
            with replacing(reading.save_stats) as file:
                save(file, CachedStatistics(tuple(prints), reading.seed, groups))
        formats = tuple(format_of(checkpoint) for _, checkpoint in opened)
    finally:
        for _, checkpoint in opened:
            checkpoint.close()
    refs = tuple(ref for ref, _ in opened)
    notes = tuple(
        dict.fromkeys(note for found in (notes, *(g.statistics.alignment.notes for g in groups)) for note in found)
    )
    return Collection(refs, formats, alignment.parameters, tuple(skipped), groups, notes, reading.sample)


def _open(models: Models, reading: Reading) -> tuple[list[Opened], list[Skipped]]:
    if isinstance(models, Mapping):
        if reading.component is not None:
            raise InvalidOptionError(
                "component", "None for models in memory, which have no components", reading.component
            )
        chosen = [name for name in models if is_chosen(name, name, reading.include, reading.exclude)]
        return from_memory({name: models[name] for name in chosen}), []
    paths = [models] if isinstance(models, str | os.PathLike) else list(models)
    return open_models(paths, include=reading.include, exclude=reading.exclude, component=reading.component)


def _cached(
    opened: Sequence[Opened], prints: Sequence[str], reading: Reading, path: str | os.PathLike[str]
) -> tuple[Group, ...] | str:
    """The cached groups of the opened models; or why they must be read again, as a clause."""
    found = reuse(load(path), prints, seed=reading.seed, sample=reading.sample)
    if isinstance(found, str):
        return found
    for group in found:
        members = [opened[model] for model in group.members]
        now = within(
            align([checkpoint.tensors for _, checkpoint in members], [r.name for r, _ in members]), reading.memory
        )
        if _compared(now) != _compared(group.statistics.alignment):
            return "compares other parts of the models"
    return found


def _compared(alignment: Alignment) -> set[AlignedTensor]:
    """What is compared with what, whatever it is called."""
    return {replace(tensor, name="") for tensor in alignment.tensors}


def _measure(opened: Sequence[Opened], alignment: Alignment, reading: Reading) -> tuple[Group, ...]:
    """Measure all models together, or in groups of candidates where they are too many."""
    if len(opened) <= TOGETHER:
        members = [list(range(len(opened)))]
    else:
        checkpoints = [checkpoint for _, checkpoint in opened]
        labels = components(candidates(*sample(checkpoints, alignment)))
        members = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    return tuple(_measure_group(opened, group, alignment, reading) for group in members if len(group) > 1)


def _measure_group(opened: Sequence[Opened], members: Sequence[int], alignment: Alignment, reading: Reading) -> Group:
    if len(members) < len(opened):
        chosen = [opened[model] for model in members]
        alignment = align([checkpoint.tensors for _, checkpoint in chosen], [ref.name for ref, _ in chosen])
    alignment = within(alignment, reading.memory)
    read = partial(
        measure,
        alignment=alignment,
        statistics=standard_statistics(reading.seed),
        threads=reading.threads or os.cpu_count() or 1,
        memory=reading.memory,
        sample=reading.sample,
        progress=reading.progress,
    )
    checkpoints, names = [opened[model][1] for model in members], [opened[model][0].name for model in members]
    return Group(tuple(members), with_signs_restored(read, checkpoints, names))


def within(alignment: Alignment, memory: int) -> Alignment:
    """Leave out the smallest tensors of a very large family where the results alone would fill the memory.

    Each matrix keeps nine numbers a pair of models, any other tensor one; half of the memory is theirs.
    """
    cost = [8 * (9 if tensor.is_matrix else 1) * len(tensor.members) ** 2 for tensor in alignment.tensors]
    if sum(cost) <= memory // 2:
        return alignment
    kept, used = set[int](), 0
    for index in sorted(range(len(cost)), key=lambda k: -alignment.tensors[k].size * alignment.tensors[k].is_matrix):
        used += cost[index]
        if used > memory // 2 and kept:
            break
        kept.add(index)
    note = f"{len(kept)} of {len(cost)} tensors compared, to stay within the memory limit"
    return replace(
        alignment,
        tensors=tuple(t for k, t in enumerate(alignment.tensors) if k in kept),
        notes=(*alignment.notes, note),
    )
