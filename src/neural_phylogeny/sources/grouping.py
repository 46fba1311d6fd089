"""The files of one folder as models: shards put together, formats compared, what is not a model set aside."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from neural_phylogeny.errors import CheckpointError, MissingExtraError, NoModelError, UnsafeFileError
from neural_phylogeny.files.far import far_file
from neural_phylogeny.files.regular import unreadable
from neural_phylogeny.formats.foreign import foreign_by_name
from neural_phylogeny.inputs import Part, Skipped
from neural_phylogeny.sources.asides import BY_CONTENT, UNREADABLE, Aside, kind_of
from neural_phylogeny.sources.documents import reason_of
from neural_phylogeny.sources.found import Found, Item, liking
from neural_phylogeny.sources.likeness import Likeness, Verdict, likeness
from neural_phylogeny.sources.listing import Listing
from neural_phylogeny.sources.opening import open_model
from neural_phylogeny.sources.shards import Numbered, index_of, numbered, shards, tensor_parallel

HUB_STEMS = {
    "consolidated": "model",
    "consolidated.00": "model",
    "model": "model",
    "pytorch_model": "model",
    "tf_model": "model",
    "diffusion_pytorch_model": "model",
    "adapter_model": "adapter",
}
"""What hubs call the weights, by format: files of one kind beside one config should hold the same model."""

_VARIANT = re.compile(r"\.(fp16|bf16|fp32|fp8|float16|bfloat16|float32|half)$")
"""What hubs put behind the name of weights in another number type."""

TAKEN_AS_EQUAL = "by its name another copy of what is read, and not fetched to compare the two:"

ENOUGH = 2
"""This many readable models make a folder that is not about one model."""


def models_of(listing: Listing) -> list[Item]:
    """The models that lie in a folder itself.

    A folder with a config or a shard index may be about one model: then files are opened until that is known. So are
    files that no suffix tells of. Costs nothing but the listing otherwise.
    """
    sharded, items, claimed = _sharded(listing)
    loose = [Found.of_file(path) for path in listing.weights if path not in claimed]
    for path in listing.doubtful:
        problem = problem_of(Found.of_file(path), listing.folder)
        if problem is None:
            loose.append(Found.of_file(path))
        else:
            items.append(_aside(path, problem))
    models = sorted([*sharded, *loose], key=liking)
    if listing.has_config or listing.indexes:
        models, others = _settled(models, listing.folder)
        items += others
    whole = _whole(models, listing)
    items += [Found(listing.folder, model.parts, model.index) if model is whole else model for model in models]
    items += [Skipped(path=path, reason=why_unusable(path)) for path in listing.unusable]
    return [*items, *listing.asides]


def problem_of(model: Found, folder: str) -> Skipped | Aside | None:
    """Why a model that was found in a folder cannot be opened; None where it can. Costs a read of its headers."""
    try:
        open_model(model.ref(folder)).close()
    except NoModelError as error:
        return Aside(model.path, BY_CONTENT[error.kind])
    except (CheckpointError, MissingExtraError) as error:
        return Skipped(path=model.path, reason=reason_of(error, model.path))
    return None


def compared(a: Found, b: Found, folder: str) -> Likeness:
    """How the weights of two models in one folder compare; undecided where they cannot be read."""
    try:
        with open_model(a.ref(folder)) as ours, open_model(b.ref(folder)) as theirs:
            return likeness(ours, theirs)
    except (CheckpointError, MissingExtraError):
        return Likeness(Verdict.UNDECIDED)


def sentence(found: Likeness, chosen: Found) -> str:
    """What to say of a second file of the same weights, perhaps rounded."""
    rounding = " but for rounding" if found.verdict is Verdict.ROUNDED else ""
    return f"the same weights as {chosen.file_name!r}{rounding}, which is read ({found.extent})"


def why_unusable(path: str) -> str:
    """Why something that is there, or is named, is not a regular file: in the system's words where it has any."""
    try:
        os.stat(path)
    except OSError as error:
        return reason_of(unreadable(path, error), path)
    except ValueError as error:
        return f"not a path ({error})"
    return "not a regular file"


def joined(paths: Iterable[str]) -> list[Numbered]:
    """Those groups of numbered files that are one model each: complete, and no tensor in two of them."""
    return [group for group in numbered(paths) if not group.missing and (group.is_usual or _is_disjoint(group))]


def of_numbered(group: Numbered) -> Found:
    """The model in numbered files."""
    return Found(group.files[0], tuple(Part(file=file) for file in group.files))


def _aside(path: str, problem: Skipped | Aside) -> Aside:
    """What to call a file that looks like a checkpoint and cannot be read."""
    foreign = foreign_by_name(path)
    if foreign is not None:
        return Aside(path, kind_of(foreign))
    return problem if isinstance(problem, Aside) else Aside(path, UNREADABLE, problem.reason)


def _whole(models: Sequence[Found], listing: Listing) -> Found | None:
    """The model that its folder is about: the only sharded one, or the only one beside a config."""
    sharded = [model for model in models if model.is_sharded]
    if sharded:
        return sharded[0] if len(sharded) == 1 else None
    return models[0] if len(models) == 1 and listing.has_config else None


def _sharded(listing: Listing) -> tuple[list[Found], list[Item], set[str]]:
    """Models of several files, what must be reported of shards, and all files that are thereby accounted for."""
    models: list[Found] = []
    items: list[Item] = []
    broken: dict[str, CheckpointError] = {}
    for index in listing.indexes:
        try:
            models.append(Found(index, shards(index), index))
        except CheckpointError as error:
            broken[index] = error
    claimed = {os.path.normpath(part.file) for model in models for part in model.parts}
    claimed = {path for path in listing.weights if os.path.normpath(path) in claimed}
    groups = numbered(path for path in listing.weights if path not in claimed)
    complete = joined(path for path in listing.weights if path not in claimed)
    for index, reason in broken.items():
        models += _overruled(index, reason, complete, items)
    taken = {part.file for model in models for part in model.parts}
    for group in groups:
        if group in complete:
            models += [] if group.files[0] in taken else [of_numbered(group)]
            claimed.update(group.files)
        elif group.missing and group.is_usual:
            claimed.update(group.files)
            items += [] if broken else _incomplete(group, bool(listing.indexes))
    for group in tensor_parallel(path for path in listing.weights if path not in claimed):
        claimed.update(group.files)
        models += [] if group.missing else [of_numbered(group)]
        items += _incomplete(group, has_index=False) if group.missing else []
    return models, items, claimed


def _overruled(index: str, error: CheckpointError, complete: Sequence[Numbered], items: list[Item]) -> list[Found]:
    """The complete shards beside an index that cannot be used, if there are any of its name."""
    reason = reason_of(error, index)
    stem, suffix = os.path.splitext(index_of(index))
    alike = [group for group in complete if group.name.startswith(stem) and group.name.endswith(suffix)]
    if not alike or isinstance(error, UnsafeFileError):
        items.append(Skipped(path=index, reason=reason))
        return []
    chosen = min(alike, key=lambda group: len(group.name))
    remark = f"{reason} The {chosen.total:,} shards of {chosen.name!r} beside it are complete, and are read instead."
    items.append(Skipped(path=index, reason=f"out of date: {remark}", is_model=False))
    return [of_numbered(chosen)]


def _incomplete(group: Numbered, has_index: bool) -> list[Item]:
    if has_index:
        return [Skipped(path=path, reason="a shard that no index in its folder names") for path in group.files]
    first = ", ".join(str(k) for k in group.missing[:3]) + (", ..." if len(group.missing) > 3 else "")
    which = f"shards {first}" if len(group.missing) > 1 else f"shard {first}"
    verb = "are" if len(group.missing) > 1 else "is"
    reason = (
        f"{which} of the {group.total:,} of {group.name!r} {verb} missing. Download the rest into the same folder, "
        "or give a shard itself to have it read alone."
    )
    return [Skipped(path=group.files[0], reason=reason)]


def _is_disjoint(group: Numbered) -> bool:
    """Whether the files of a group can be opened as one model."""
    try:
        open_model(of_numbered(group).ref(os.path.dirname(group.files[0]))).close()
    except (CheckpointError, MissingExtraError):
        return False
    return True


def _settled(models: Sequence[Found], folder: str) -> tuple[list[Found], list[Item]]:
    """Candidates of a folder that may be about one model, without those that cannot be read or are there twice."""
    kinds: dict[str, list[Found]] = {}
    for model in models:
        stem = _VARIANT.sub("", os.path.splitext(model.weights_name)[0])
        kinds.setdefault(HUB_STEMS.get(stem, model.path), []).append(model)
    settled: list[Found] = []
    items: list[Item] = []
    for members in kinds.values():
        if len(members) == 1 and (len(models) == 1 or len(settled) >= ENOUGH):
            settled += members
            continue
        kept, others = _distinct(members, folder)
        settled += kept
        items += others
    return settled, items


def _distinct(members: Sequence[Found], folder: str) -> tuple[list[Found], list[Item]]:
    """Of files that should hold the same model those that are readable and differ, the preferred one first."""
    kept: list[Found] = []
    items: list[Item] = []
    unread: list[Skipped] = []
    for model in members:
        if kept and all(far_file(part.file) is not None for part in model.parts):
            items.append(Skipped(path=model.path, reason=f"{TAKEN_AS_EQUAL} {kept[0].file_name!r}", is_model=False))
            continue
        problem = problem_of(model, folder)
        if isinstance(problem, Skipped):
            unread.append(problem)
        elif problem is not None:
            items.append(problem)
        elif (twin := _twin(model, kept, folder)) is not None:
            items.append(twin)
        else:
            kept.append(model)
    for problem in unread:
        instead = f" {kept[0].file_name!r} beside it is read." if kept and len(members) > 1 else ""
        items.append(Skipped(path=problem.path, reason=f"{problem.reason}{instead}"))
    return kept, items


def _twin(model: Found, kept: Sequence[Found], folder: str) -> Skipped | None:
    """What to say of a file that holds the same weights as one that is kept; None where it holds others."""
    for other in kept:
        found = compared(other, model, folder)
        if found.verdict in (Verdict.EQUAL, Verdict.ROUNDED):
            return Skipped(path=model.path, reason=sentence(found, other), is_model=False)
    return None
