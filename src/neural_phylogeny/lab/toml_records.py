"""Frozen dataclasses from TOML tables: every field typed, unknown and missing ones refused with their place."""

from __future__ import annotations

import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from neural_phylogeny.errors import SavedFileError, UnknownChoiceError

Record = TypeVar("Record")
Described = TypeVar("Described")


def record(kind: type[Record], content: object, where: str) -> Record:
    """The dataclass that a table describes.

    Nested dataclasses are nested tables, lists become tuples, integers are taken for floats. Keys of tables are
    strings, or integers where the annotation says so.

    Raises
    ------
    ValueError
        Where a field is missing, unknown or of another type; the message begins with the place.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Steps:
    ...     least: int
    ...     rates: dict[str, float]
    >>> record(Steps, {"least": 3, "rates": {"sgd": 1}}, "steps")
    Steps(least=3, rates={'sgd': 1.0})
    >>> record(Steps, {"least": 3, "rate": {}}, "steps")
    Traceback (most recent call last):
    ...
    ValueError: steps: unknown field 'rate'; known: least, rates
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"{where}: expected a table")
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name in content:
        if name not in known:
            raise ValueError(f"{where}: unknown field {name!r}; known: {', '.join(sorted(known))}")
    hints = get_type_hints(kind)
    values = {}
    for name, field in known.items():
        if name in content:
            values[name] = _value(hints[name], content[name], f"{where}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{where}: {name!r} is missing")
    return kind(**values)


def _value(kind: Any, content: object, where: str) -> Any:
    if kind is Any:
        return content
    if is_dataclass(kind) and isinstance(kind, type):
        return record(kind, content, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _first_that_fits(arguments, content, where)
    if origin is tuple and isinstance(content, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_value(arguments[0], item, f"{where}[{k}]") for k, item in enumerate(content))
        if len(arguments) == len(content):
            return tuple(_value(one, item, where) for one, item in zip(arguments, content, strict=True))
    if origin is dict and isinstance(content, Mapping):
        return {_key(arguments[0], key, where): _value(arguments[1], v, f"{where}.{key}") for key, v in content.items()}
    if kind is float and isinstance(content, int) and not isinstance(content, bool):
        return float(content)
    if isinstance(kind, type) and isinstance(content, kind) and not (kind is not bool and isinstance(content, bool)):
        return content
    raise ValueError(f"{where}: expected {getattr(kind, '__name__', kind)}, found {content!r}")


def _first_that_fits(kinds: tuple[Any, ...], content: object, where: str) -> Any:
    reasons = []
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return _value(kind, content, where)
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError(reasons[-1])


def _key(kind: Any, key: str, where: str) -> Any:
    try:
        return kind(key)
    except ValueError as error:
        raise ValueError(f"{where}: the key {key!r} is no {kind.__name__}") from error


def described(what: str, name: str, folder: Path, read: Callable[[Path], Described]) -> Described:
    """What a TOML file describes: one of a folder, by its name, or any other, by its path.

    Parameters
    ----------
    what : str
        For messages, such as ``"recipe"``.
    name : str
        Name of a file in ``folder`` without its ending, or a path that ends in ``.toml``.
    read : callable
        Makes it from the file.

    Raises
    ------
    UnknownChoiceError
        When there is no such file; the message lists those of the folder.
    SavedFileError
        When the file describes none; the message says why.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    try:
        return read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UnknownChoiceError(what, name, named(folder)) from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise SavedFileError(f"{path}: not a {what} ({reason})") from error


def named(folder: Path) -> list[str]:
    """Names of the TOML files of a folder, in order."""
    return sorted(path.stem for path in folder.glob("*.toml"))
