"""What a caller gives as models: paths, or a mapping from names to what lies in memory or in files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from neural_phylogeny.errors import CheckpointError, InvalidOptionError, MissingExtraError, NotFoundError
from neural_phylogeny.formats import Checkpoint
from neural_phylogeny.formats.limits import Budget
from neural_phylogeny.inputs import Skipped
from neural_phylogeny.sources.asides import summarise
from neural_phylogeny.sources.discover import as_shown, is_chosen, search
from neural_phylogeny.sources.opening import Opened, from_memory, open_each
from neural_phylogeny.sources.patterns import has_magic, matches
from neural_phylogeny.sources.remote import is_address, mirrored, public

AnyPath = str | os.PathLike[str]


class SupportsStateDict(Protocol):
    """What has its tensors by name, as a torch module."""

    def state_dict(self) -> Mapping[str, Any]: ...


ModelLike = AnyPath | Mapping[str, Any] | SupportsStateDict | Checkpoint
"""A model: its path, its tensors by name, a torch module, or opened, as a fingerprint is."""

Models = AnyPath | Sequence[AnyPath] | Mapping[str, ModelLike]
"""A path, several paths, or a mapping from the name of each model to the model."""

TAKEN = "a path, several paths, or a mapping from names to models"


def open_models(
    paths: Sequence[AnyPath],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
) -> tuple[list[Opened], list[Skipped]]:
    """Find and open the models behind files, folders, globs and manifests; parameters as in ``discover``.

    Costs a read of every header. The caller closes what was opened. What could not be used is in the second list, with
    the reason; it raises no error.

    Raises
    ------
    NotFoundError
        When one of the paths leads to nothing.
    """
    check_paths(paths)
    refs, not_found, beside = search(paths, include=include, exclude=exclude, component=component)
    opened, not_opened, no_models = open_each(refs)
    return opened, [*not_found, *map(as_shown, [*not_opened, *summarise([*beside, *no_models])])]


def open_given(
    models: Models,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    component: str | None = None,
) -> tuple[list[Opened], list[Skipped]]:
    """Open whatever ``reconstruct`` takes; otherwise as ``open_models``.

    Raises
    ------
    NotFoundError
        When a path leads to nothing.
    InvalidOptionError
        When the models are something else, or all are in memory and ``component`` is given.
    UnsupportedFormatError
        When a model in memory is not a mapping of names to arrays; the message names it.
    """
    if isinstance(models, Mapping):
        return _named(models, include, exclude, component)
    if isinstance(models, str | os.PathLike):
        models = [models]
    _check_types(models)
    return open_models(models, include=include, exclude=exclude, component=component)


def there(path: str) -> str:
    """The path that an address stands for; the current folder for one that cannot be looked up: the search reports it.

    Raises NotFoundError.
    """
    if not is_address(path):
        return path
    try:
        return mirrored(path)
    except NotFoundError:
        raise
    except (CheckpointError, MissingExtraError):
        return os.curdir


def check_paths(paths: Iterable[AnyPath]) -> None:
    """Refuse paths that lead to nothing: a slip of the pen must not look like a model that is related to no other.

    Raises
    ------
    NotFoundError
        For the first path that is not there, and the first pattern that matches nothing.
    """
    for path in map(os.fsdecode, paths):
        given = path
        try:
            path = there(path)
            if os.path.exists(path):
                continue
            is_pattern = has_magic(path)
            if is_pattern and any(matches(path, Budget("entries", path))):
                continue
        except ValueError:  # characters that no path can hold
            is_pattern = False
        if is_address(given):
            raise NotFoundError("nothing is there", path=public(given), remedy="Check the spelling.")
        if os.path.lexists(path):
            raise NotFoundError("the link leads to nothing", path=path, remedy="Name the file itself.")
        reason = "nothing matches this pattern" if is_pattern else "there is no such file or folder"
        start = "" if os.path.isabs(path) else f" Relative paths start at {os.getcwd()}."
        raise NotFoundError(reason, path=path, remedy=f"Check the spelling.{start}")


def _check_types(paths: object) -> None:
    if not isinstance(paths, Iterable) or isinstance(paths, bytes):
        raise InvalidOptionError("models", TAKEN, Kind(paths))
    if not all(isinstance(path, str | os.PathLike) for path in paths):
        raise InvalidOptionError("models", TAKEN, Kind(paths, paths))


class Kind:
    """What came, for a message: the type of a value, and that of what it holds."""

    def __init__(self, value: object, held: Iterable[object] = ()) -> None:
        kinds = sorted({type(item).__name__ for item in held if not isinstance(item, str | os.PathLike)})
        self._words = type(value).__name__ + (f" of {', '.join(kinds)}" if kinds else "")

    def __repr__(self) -> str:
        return repr(self._words)


def _named(
    models: Mapping[str, ModelLike], include: Sequence[str], exclude: Sequence[str], component: str | None
) -> tuple[list[Opened], list[Skipped]]:
    """Models by name, in order. A path that holds several models gives each a name below its own."""
    in_files = {name: model for name, model in models.items() if isinstance(model, str | os.PathLike)}
    if component is not None and not in_files:
        raise InvalidOptionError("component", "None for models in memory, which have no components", component)
    check_paths(in_files.values())
    opened: list[Opened] = []
    skipped: list[Skipped] = []
    try:
        for name, model in models.items():
            if name not in in_files:
                opened += from_memory({name: model}) if is_chosen(name, name, include, exclude) else []
                continue
            found, left_out = open_models([in_files[name]], component=component)
            skipped += left_out
            for ref, checkpoint in found:
                own = name if len(found) == 1 else f"{name}/{ref.name}"
                if is_chosen(own, ref.path, include, exclude):
                    opened.append((replace(ref, name=own), checkpoint))
                else:
                    checkpoint.close()
    except BaseException:
        for _, checkpoint in opened:
            checkpoint.close()
        raise
    return opened, skipped
