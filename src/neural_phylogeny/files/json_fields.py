"""Typed access to parsed JSON: what is missing or of the wrong type becomes a sentence that says where.

Result files and truth files are read with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeGuard, TypeVar

from neural_phylogeny.errors import SavedFileError

_REQUIRED: Any = object()
_NO_NAMES: Mapping[str, str] = {}

Choice = TypeVar("Choice", bound=str)


def parse(text: str, what: str) -> Fields:
    """The one object that a JSON file holds; ``what`` is what the file should be, as ``"result file"``.

    Raises
    ------
    SavedFileError
        When the text is not a JSON object.
    """
    try:
        content = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise SavedFileError(f"not a {what}: no valid JSON ({error})") from error
    return Fields(content, what)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number of JSON")


class Fields:
    """One JSON object of a file, and where in the file it stands.

    Parameters
    ----------
    content : object
        What the parser gave; anything but an object is refused.
    what : str
        What the file should be, for messages.
    where : str
        The object's place in the file, such as ``"edges[3]"``; empty for the whole.

    Examples
    --------
    >>> parse('{"models": [{"name": 7}]}', "result file").objects("models")[0].text("name")
    Traceback (most recent call last):
    ...
    neural_phylogeny.errors.SavedFileError: a damaged result file: models[0].name is not a string
    """

    def __init__(self, content: object, what: str, where: str = "") -> None:
        self._what = what
        self._where = where
        if not isinstance(content, dict):
            raise SavedFileError(f"not a {what}: {where or 'the whole'} is not a JSON object")
        self._content: dict[str, Any] = content

    @property
    def content(self) -> Mapping[str, Any]:
        """The object as it was parsed."""
        return self._content

    def text(self, key: str, default: str = _REQUIRED) -> str:
        """A string."""
        value = self._get(key, default)
        return value if isinstance(value, str) else self._wrong(key, "a string")

    def text_or_null(self, key: str) -> str | None:
        """A string; null, or nothing, is None."""
        value = self._get(key, None)
        return value if value is None or isinstance(value, str) else self._wrong(key, "a string or null")

    def choice(
        self, key: str, known: Sequence[Choice], default: str | None = None, renamed: Mapping[str, str] = _NO_NAMES
    ) -> Choice:
        """One of the known strings, or one that was ``renamed`` since."""
        given = self.text(key) if default is None else self.text(key, default=default)
        given = renamed.get(given, given)
        for value in known:
            if given == value:
                return value
        return self._wrong(key, f"one of {', '.join(map(repr, known))}")

    def choice_or_null(self, key: str, known: Sequence[Choice]) -> Choice | None:
        """One of the known strings; null, or nothing, is None."""
        return None if self.text_or_null(key) is None else self.choice(key, known)

    def choices(self, key: str, known: Sequence[Choice]) -> tuple[Choice, ...]:
        """Some of the known strings, each once at most; none where the key is missing."""
        given = self.texts(key, default=())
        found = tuple(value for value in known if value in given)
        if len(found) < len(given):
            self._wrong(key, f"a list of {', '.join(map(repr, known))}")
        return tuple(sorted(found, key=given.index))

    def integer(self, key: str) -> int:
        """A whole number of at least 0."""
        value = self._get(key)
        return value if _is_count(value) else self._wrong(key, "a whole number")

    def integer_or_null(self, key: str) -> int | None:
        """A whole number of at least 0, or null."""
        value = self._get(key)
        return value if value is None or _is_count(value) else self._wrong(key, "a whole number or null")

    def number(self, key: str, default: float = _REQUIRED) -> float:
        """A finite number; null, which stands for one that is not, becomes NaN."""
        value = self._get(key, default)
        if value is None or value is default:
            return math.nan if value is None else default
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            self._wrong(key, "a finite number or null")
        return float(value)

    def number_or_null(self, key: str) -> float | None:
        """A finite number; null, or nothing, is None."""
        return None if self._get(key, None) is None else self.number(key)

    def share_or_null(self, key: str) -> float | None:
        """A number from 0 to 1; null, or nothing, is None."""
        value = self.number_or_null(key)
        return value if value is None or 0.0 <= value <= 1.0 else self._wrong(key, "between 0 and 1")

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._get(key, default)
        return value if isinstance(value, bool) else self._wrong(key, "true or false")

    def objects(self, key: str, default: Sequence[object] = _REQUIRED) -> list[Fields]:
        """A list of objects."""
        return [Fields(item, self._what, f"{self._place(key)}[{k}]") for k, item in enumerate(self._list(key, default))]

    def texts(self, key: str, default: Sequence[str] = _REQUIRED) -> tuple[str, ...]:
        """A list of strings."""
        values = self._list(key, default)
        return tuple(values) if all(isinstance(v, str) for v in values) else self._wrong(key, "a list of strings")

    def numbers_or_null(self, key: str) -> tuple[float | None, ...]:
        """A list of finite numbers, some of which may be null."""
        values = self._list(key)
        if not all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values):
            self._wrong(key, "a list of numbers")
        return tuple(None if value is None else float(value) for value in values)

    def groups(self, key: str) -> tuple[tuple[str, ...], ...]:
        """A list of lists of strings."""
        for group in self._list(key):
            if not isinstance(group, list) or not all(isinstance(name, str) for name in group):
                self._wrong(key, "a list of lists of names")
        return tuple(tuple(group) for group in self._list(key))

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Any object, as it is."""
        value = self._get(key)
        return value if isinstance(value, dict) else self._wrong(key, "an object")

    def _list(self, key: str, default: Sequence[object] = _REQUIRED) -> Sequence[Any]:
        value = self._get(key, default)
        return value if isinstance(value, list) or value is default else self._wrong(key, "a list")

    def _get(self, key: str, default: Any = _REQUIRED) -> Any:
        value = self._content.get(key, default)
        if value is _REQUIRED:
            raise SavedFileError(f"a damaged {self._what}: {self._where or 'the whole'} lacks {key!r}")
        return value

    def _place(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def _wrong(self, key: str, expected: str) -> NoReturn:
        raise SavedFileError(f"a damaged {self._what}: {self._place(key)} is not {expected}")


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number too long for a float
        return False
