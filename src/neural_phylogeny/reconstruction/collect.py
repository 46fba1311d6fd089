"""From models to what was measured of them: open, align, read once, keep. Files are closed again at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neural_phylogeny.errors import SavedFileError, shown
from neural_phylogeny.files.atomic import replacing
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.formats.quantised.checkpoint import not_compared
from neural_phylogeny.inputs import ModelRef, Skipped
from neural_phylogeny.reconstruction.adapters import Adapter, find_adapters
from neural_phylogeny.reconstruction.disguised import undisguised
from neural_phylogeny.reconstruction.forms import of_many_shapes
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.reconstruction.passes import TOGETHER, compared, measured_groups, planned, remeasured
from neural_phylogeny.reconstruction.pipelines import Component, pipelines_of, sides
from neural_phylogeny.reconstruction.relate import Tested
from neural_phylogeny.reconstruction.resized import resized
from neural_phylogeny.records import Kind, ModelRecord
from neural_phylogeny.relations.computed import without_tables
from neural_phylogeny.relations.initialisations.leading import Leading, read_leading
from neural_phylogeny.sources import Models, open_given
from neural_phylogeny.sources.far import released
from neural_phylogeny.sources.hashes import file_hashes
from neural_phylogeny.sources.opening import Opened, format_of
from neural_phylogeny.statistics.cache import DAMAGE, CachedStatistics, Group, load, reuse, save
from neural_phylogeny.statistics.identity import identity
from neural_phylogeny.statistics.tables import mark_trained
from neural_phylogeny.tensors.alignment import Alignment, align_pairs
from neural_phylogeny.tensors.samples import sampler_of


@dataclass(frozen=True)
class Side:
    """One component of several pipelines as a collection of its own: which models have it, and what was measured."""

    members: tuple[int, ...]
    collection: Collection


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
    """Models that may be related, by the boxes of their pairs."""
    notes: tuple[str, ...]
    sample: float | None = None
    """The share of the weights that was requested; None for the default."""
    unread: tuple[str, ...] = ()
    """Of each model, which stored weights could not be compared and why; empty where all could."""
    hashes: tuple[str, ...] = ()
    """SHA-256 of each model's file; empty where none was requested."""
    families: tuple[Group, ...] = ()
    """Families with boxes of their own; those of any other are in its group."""
    tests: Mapping[float, Tested] = field(default_factory=dict)
    """Relatedness tests that were made, by their level."""
    adapters: tuple[Adapter, ...] = ()
    """The models that are adapters."""
    pipelines: Mapping[int, str] = field(default_factory=dict)
    """The main component of each pipeline, which alone was measured."""
    sides: Mapping[str, Side] = field(default_factory=dict)
    """Other components that several pipelines have."""
    weights: Mapping[int, int] = field(default_factory=dict)
    """Values of each pipeline, of all its components."""
    leading: Mapping[tuple[int, ...], tuple[Leading, ...]] = field(default_factory=dict)
    """Leading values of each family, in which its initialisation is looked for."""
    seeds: int = 0
    """All seeds below this are tried, in every family; 0 for the usual ones, where a parent is not sure."""

    def tested(self, alpha: float) -> Tested:
        """The relatedness test of every pair at level ``alpha`` for all pairs."""
        return self.tests.get(alpha) or Tested.of(self.groups, alpha, len(self.refs))

    def family(self, group: Group, rows: Sequence[int]) -> Group:
        """Some models of a group as a family of their own, without computed tables."""
        members = tuple(group.members[row] for row in rows)
        own = next((family for family in self.families if family.members == members), None)
        measured = group.statistics.subset(rows) if own is None else own.statistics
        chosen = set(members)
        core = tuple(model for model in group.core if model in chosen)
        detected = group.detected if own is None and members == group.members else None
        return Group(members, without_tables(measured)[0], True, core if len(core) < len(members) else (), detected)

    def pairs_beside(self) -> Iterator[Group]:
        """What was measured of the other components of two pipelines."""
        for side in self.sides.values():
            yield from (group for group in side.collection.groups if len(group.members) == 2)

    def called(self, models: Sequence[int]) -> str:
        """Some models in a few words, for whoever shows progress."""
        first = self.refs[models[0]].name if models else ""
        return f"{first} and {len(models) - 1:,} more" if len(models) > 1 else first

    def share_read(self) -> float:
        """Least share of a model's compared values that was read; 1 where all were."""
        counts = [group.statistics.values_read() for group in (*self.groups, *self.families)]
        return min(
            (float((read / np.maximum(size, 1))[size > 0].min(initial=1.0)) for size, read in counts), default=1.0
        )

    def record(
        self,
        k: int,
        family: int | None,
        remark: str,
        compared: int = 0,
        p_root: float | None = None,
        rootstrap: float | None = None,
        copy_kind: Kind | None = None,
    ) -> ModelRecord:
        """The k-th model as a result has it; ``compared`` of its values were compared with another model's."""
        ref = self.refs[k]
        if self.unread and self.unread[k]:
            remark = "; ".join(filter(None, (remark, self.unread[k])))
        return ModelRecord(
            name=ref.name,
            path=shown(ref.path),
            format=self.formats[k],
            parameters=self.weights.get(k, int(self.parameters[k])),
            family=family,
            compared=min(1.0, compared / max(int(self.parameters[k]), 1)),
            remark=remark,
            sha256=self.hashes[k] if self.hashes else "",
            p_root=p_root,
            rootstrap=rootstrap,
            copy_kind=copy_kind,
        )

    def left_out(self) -> tuple[Skipped, ...]:
        """What was not read, and models whose files gave out in the middle of the pass."""
        failures: dict[int, str] = {}
        for group in (*self.groups, *self.families):
            for row, reason in group.statistics.failures.items():
                failures.setdefault(group.members[row], reason)
        partly = (
            Skipped(path=shown(self.refs[model].path), reason=f"read in part only: {why}")
            for model, why in failures.items()
        )
        return (*self.skipped, *partly)


def gather(models: Models, reading: Reading, by_component: bool = False) -> Collection:
    """Open models and measure them, or take the cached statistics of an earlier pass.

    Costs one read of every compared value; none when ``reading.stats`` holds all of the models as they are now,
    measured under the same conditions. A note says why they are not used. With ``by_component`` pipelines are measured
    by their main component, and other components that several have as collections of their own, in ``sides``.
    """
    opened, skipped = open_given(models, include=reading.include, exclude=reading.exclude, component=reading.component)
    try:
        adapters = tuple(find_adapters(opened))
        pipelines = pipelines_of([checkpoint for _, checkpoint in opened]) if by_component else {}
        found = _measured(
            [
                (ref, Component(checkpoint, next(iter(pipelines[k].values()))) if k in pipelines else checkpoint)
                for k, (ref, checkpoint) in enumerate(opened)
            ],
            skipped,
            reading,
            adapters,
        )
        apart = replace(reading, stats=None, save_stats=None, progress=None, hashes=False)
        beside = {}
        for name, members in sides(pipelines).items():
            parts = [(opened[k][0], Component(opened[k][1], pipelines[k][name])) for k in members]
            beside[name] = Side(tuple(members), _measured(parts, (), apart, ()))
        unread = [_unread(opened[k][1]) if k in pipelines else "" for k in range(len(opened))]
        weights = {k: sum(t.size for t in opened[k][1].tensors.values()) for k in pipelines}
    finally:
        for _, checkpoint in opened:
            checkpoint.close()
    fetched = released([ref for ref, _ in opened])
    return replace(
        found,
        notes=(*found.notes, *fetched),
        pipelines={k: next(iter(components)) for k, components in pipelines.items()},
        sides=beside,
        weights=weights,
        unread=tuple(new or old for new, old in zip(unread, found.unread, strict=True)),
    )


def _measured(
    opened: Sequence[Opened], skipped: Sequence[Skipped], reading: Reading, adapters: tuple[Adapter, ...]
) -> Collection:
    """What was measured of opened models, which stay open."""
    for _, checkpoint in opened:
        mark_trained(checkpoint)
    names = [ref.name for ref, _ in opened]
    samples = [sampler_of(checkpoint) for _, checkpoint in opened] if len(opened) <= TOGETHER else None
    alignment = align_pairs([checkpoint.tensors for _, checkpoint in opened], names, samples)
    cached: tuple[Group, ...] | None = None
    notes = alignment.notes
    keep = reading.stats is not None or reading.save_stats is not None
    prints = [identity(ref, checkpoint) for ref, checkpoint in opened] if keep else []
    if reading.stats is not None:
        found = _cached(opened, prints, reading, reading.stats)
        if isinstance(found, str):
            notes = (*notes, f"{reading.stats} {found}, so they were read again")
        else:
            cached = found
    known = cached or ()
    groups, tested = _judged(opened, alignment, reading, cached)
    read = list(opened)
    if cached is None:
        read, added = _read_as_relatives(opened, tested)
        notes = (*notes, *added)
        if read != list(opened):
            samples = [sampler_of(checkpoint) for _, checkpoint in read] if len(read) <= TOGETHER else None
            groups, tested = _judged(read, align_pairs([c.tensors for _, c in read], names, samples), reading, None)
    families = tuple(remeasured(read, tested, known, reading, is_family=True))
    if reading.save_stats is not None:
        with replacing(reading.save_stats) as file:
            save(file, CachedStatistics(tuple(prints), reading.seed, (*groups, *families)))
    formats = tuple(format_of(checkpoint) for _, checkpoint in opened)
    unread = tuple(_unread(checkpoint) for _, checkpoint in opened)
    refs = tuple(ref for ref, _ in opened)
    leading = dict(_leading(read, tested, families))
    every = [notes, *(group.statistics.alignment.notes for group in (*groups, *families))]
    notes = tuple(dict.fromkeys(note for some in every for note in some))
    return Collection(
        refs,
        formats,
        alignment.parameters,
        tuple(skipped),
        groups,
        notes,
        reading.sample,
        unread,
        file_hashes(refs, reading.threads) if reading.hashes else (),
        families,
        {reading.alpha: tested},
        adapters,
        leading=leading,
        seeds=reading.seeds,
    )


def _unread(checkpoint: Checkpoint) -> str:
    """What of a model is not compared and why, as a clause; empty where all is."""
    return "; ".join(filter(None, (*not_compared(checkpoint), of_many_shapes(checkpoint.tensors))))


def _judged(
    opened: Sequence[Opened], alignment: Alignment, reading: Reading, cached: Sequence[Group] | None
) -> tuple[tuple[Group, ...], Tested]:
    """The groups of models that were measured together, families whose boxes those lack first, and who is related."""
    if cached is None:
        groups = measured_groups(opened, alignment, reading)
    else:
        groups = tuple(group for group in cached if not group.is_family)
    tested = Tested.of(groups, reading.alpha, len(opened))
    in_full = tuple(remeasured(opened, tested, cached or (), reading, is_family=False))
    if in_full:
        groups = (*in_full, *groups)
        tested = Tested.of(groups, reading.alpha, len(opened))
    return groups, tested


def _read_as_relatives(opened: Sequence[Opened], tested: Tested) -> tuple[list[Opened], list[str]]:
    """The models, those in disguise, grown or shrunk read as their relatives are, and notes on them."""
    read, notes = list(opened), list[str]()
    copied = {group.members[row] for group, found in tested.groups for rows in found.copies for row in rows}
    for found in (undisguised(opened, tested), resized(opened, tested.related, copied)):
        if found is not None:
            read = [new if new is not old else known for old, new, known in zip(opened, found[0], read, strict=True)]
            notes += found[1]
    return read, notes


def _leading(
    opened: Sequence[Opened], tested: Tested, families: Sequence[Group]
) -> Iterator[tuple[tuple[int, ...], tuple[Leading, ...]]]:
    """The leading values of each family that was measured together, by its members."""
    known = {family.members: family.statistics for family in reversed(families)}
    for models in tested.families:
        if (own := known.get(tuple(models))) is not None:
            yield tuple(models), read_leading([opened[k][1] for k in models], own.alignment)
            continue
        for group, _, rows in tested.parts(models):
            members = tuple(group.members[row] for row in rows)
            yield members, read_leading([opened[k][1] for k in members], group.statistics.alignment_of(rows))


def _cached(
    opened: Sequence[Opened], prints: Sequence[str], reading: Reading, path: str | os.PathLike[str]
) -> tuple[Group, ...] | str:
    """The cached groups of the opened models; or why they must be read again, as a clause."""
    try:
        return _checked(opened, reuse(load(path), prints, seed=reading.seed, sample=reading.sample), reading)
    except SavedFileError:
        raise
    except DAMAGE as error:
        reason = f"contradicts itself ({type(error).__name__}); measure again"
        raise SavedFileError(f"{os.fsdecode(path)}: {reason}") from error


def _checked(opened: Sequence[Opened], found: tuple[Group, ...] | str, reading: Reading) -> tuple[Group, ...] | str:
    if isinstance(found, str):
        return found
    kept = []
    for group in found:
        now = planned(opened, group.members, reading, is_family=group.is_family)
        if compared(now) == compared(group.statistics.alignment):
            kept.append(group)
        elif not group.is_family:
            return "compares other parts of the models"
    return tuple(kept)
