"""From the paths of an audit to the models they stand for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from neural_phylogeny.errors import InvalidOptionError, UnreadableFileError
from neural_phylogeny.reconstruction.judged import Judged
from neural_phylogeny.reconstruction.options import Reading
from neural_phylogeny.sources import ModelLike, Models, check_paths, discover


def one_model(path: str, component: str | None = None) -> str:
    """The path of the one model behind a path.

    Raises
    ------
    NotFoundError
        When it leads to nothing.
    InvalidOptionError
        When it holds several models or none.
    """
    check_paths([path])
    found, skipped = discover([path], component=component)
    if len(found) == 1:
        return found[0].path
    if not found and skipped:
        raise UnreadableFileError(skipped[0].reason, path=skipped[0].path)
    raise InvalidOptionError("a model", "the path of one model", f"{path} ({len(found)} models)")


def judged_and_named(
    models: Sequence[str], among: Sequence[str], reading: Reading, prior: str = "unknown"
) -> tuple[Judged, list[str]]:
    """The judged collection of some models and others of their families, and the names of the models in it.

    Raises
    ------
    InvalidOptionError
        When the same model is given twice.
    UnreadableFileError
        When one of the models cannot be read; the message has the reason.
    """
    given = [one_model(path, reading.component) for path in models]
    real = [os.path.realpath(path) for path in given]
    if len(set(real)) < len(real):
        again = next(path for path in given if real.count(os.path.realpath(path)) > 1)
        raise InvalidOptionError("child and parents", "different models", again)
    judged = Judged.of(list(dict.fromkeys([*given, *among])), reading, prior)
    by_path = {os.path.realpath(ref.path): ref.name for ref in judged.refs}
    names = []
    for path, where in zip(given, real, strict=True):
        if where not in by_path:
            reasons = [item.reason for item in judged.answer.skipped if os.path.realpath(item.path) == where]
            raise UnreadableFileError(reasons[0] if reasons else "it could not be read", path=path)
        names.append(by_path[where])
    return judged, names


def judged_in_memory(
    models: Sequence[ModelLike], among: Models, reading: Reading, prior: str = "unknown"
) -> tuple[Judged, list[str]]:
    """The same for a child and its candidates of which at least one lies in memory.

    Raises
    ------
    InvalidOptionError
        When the same model is given twice, or a path holds several models.
    UnreadableFileError
        When one of the models cannot be read; the message has the reason.
    """
    if len({id(model) for model in models}) < len(models):
        raise InvalidOptionError("child and parents", "different models", "the same object twice")
    numbered = [f"parent {k}" for k in range(1, len(models))] if len(models) > 2 else ["parent"]
    named: dict[str, Any] = dict(zip(["child", *numbered], models, strict=True))
    others = among if isinstance(among, Mapping) else {os.fsdecode(path): path for path in _listed(among)}
    judged = Judged.of(
        {**{name: other for name, other in others.items() if name not in named}, **named}, reading, prior
    )
    for name in named:
        if name not in judged.names:
            reasons = [item.reason for item in judged.answer.skipped]
            raise UnreadableFileError(reasons[0] if reasons else "it is not one readable model", path=name)
    return judged, list(named)


def _listed(models: Any) -> list[str | os.PathLike[str]]:
    return [models] if isinstance(models, str | os.PathLike) else list(models)
