"""Model cards: the front matter of a README, read with care, and two of its fields changed and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neural_phylogeny.errors import CheckpointError, DamagedFileError, MissingExtraError, UnreadableFileError
from neural_phylogeny.files.far import far_file

BASE, RELATION = "base_model", "base_model_relation"

SIZE_LIMIT = 1 << 22
"""Longest card accepted, in bytes."""

MATTER_LIMIT, DEEPEST = 1 << 18, 100
"""Longest front matter accepted, in characters, and deepest nesting: PyYAML's time grows with the square of it."""

_FENCE = re.compile(r"\ufeff?---[ \t]*\r?\n")
_END = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)
_REMEDY = "It is left as it is."


@dataclass(frozen=True)
class Card:
    """A card as text, with the place and content of its front matter.

    Attributes
    ----------
    path, text : str
        The file, and all of it as it is stored, line ends too.
    start, end : int
        Where the lines of the front matter begin and end in ``text``; equal where there is none.
    fields : mapping
        What the front matter holds.
    """

    path: str
    text: str
    start: int
    end: int
    fields: Mapping[str, Any]

    @property
    def has_front_matter(self) -> bool:
        """Whether the card begins with a block of fields."""
        return self.start > 0

    def bases(self) -> tuple[str, ...]:
        """The declared parents."""
        given = self.fields.get(BASE)
        found = given if isinstance(given, list) else [given]
        return tuple(name.strip() for name in found if isinstance(name, str) and name.strip())

    def relation(self) -> str:
        """The declared relation; empty where none is."""
        given = self.fields.get(RELATION)
        return given.strip() if isinstance(given, str) else ""


def read_card(path: str) -> Card:
    """Read a card.

    Raises
    ------
    UnreadableFileError
        When the system refuses.
    DamagedFileError
        When it is too long, not UTF-8, or its front matter is not a YAML mapping.
    MissingExtraError
        When it has front matter and PyYAML is not installed.
    """
    far = far_file(path)
    try:
        if far is not None:
            content = far.read(0, min(far.size, SIZE_LIMIT + 1))
        else:
            with open(path, "rb") as file:
                content = file.read(SIZE_LIMIT + 1)
    except CheckpointError:
        raise
    except OSError as error:
        raise UnreadableFileError(f"the card cannot be read ({error.strerror})", path=path) from error
    if len(content) > SIZE_LIMIT:
        raise DamagedFileError(f"the card is longer than {SIZE_LIMIT} bytes", path=path, remedy=_REMEDY)
    try:
        return parse_card(content.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        raise DamagedFileError("the card is not text in UTF-8", path=path, remedy=_REMEDY) from error


def parse_card(text: str, path: str = "README.md") -> Card:
    """A card from its text; raises as ``read_card``."""
    fence = _FENCE.match(text)
    if fence is None:
        return Card(path, text, 0, 0, {})
    end = _END.search(text, fence.end())
    if end is None:
        raise DamagedFileError("the front matter of the card has no end", path=path, remedy=_REMEDY)
    fields = yaml_mapping(text[fence.end() : end.start()], path)
    return Card(path, text, fence.end(), end.start(), fields)


def yaml_mapping(text: str, path: str) -> Mapping[str, Any]:
    """A mapping in YAML, of a bounded size and depth; raises as ``read_card``."""
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("Model cards", "cards") from error
    if len(text) > MATTER_LIMIT or _depth(text) > DEEPEST:
        reason = f"the front matter of the card is longer than {MATTER_LIMIT} characters or nested too deep"
        raise DamagedFileError(reason, path=path, remedy=_REMEDY)
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = " ".join(str(error).split())
        raise DamagedFileError(
            f"the front matter of the card is not YAML ({where})", path=path, remedy=_REMEDY
        ) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise DamagedFileError("the front matter of the card is not a mapping", path=path, remedy=_REMEDY)
    for key in (BASE, RELATION):
        if len(_spans(text, key)) > 1:
            raise DamagedFileError(f"the front matter of the card has {key} twice", path=path, remedy=_REMEDY)
    return found


def with_fields(card: Card, fields: Mapping[str, list[str]]) -> str:
    """The text of a card with these fields, given as their lines, in place of those it has, or after its last.

    Raises
    ------
    DamagedFileError
        When the result would not hold what it should: the card is written in a way that is not changed line by line.
    """
    newline = "\r\n" if "\r\n" in card.text else "\n"
    matter = card.text[card.start : card.end]
    for key, lines in fields.items():
        block = "".join(f"{line}{newline}" for line in lines)
        spans = _spans(matter, key)
        if not spans and matter and not matter.endswith("\n"):
            matter += newline
        start, end = spans[0] if spans else (len(matter), len(matter))
        matter = matter[:start] + block + matter[end:]
    if card.has_front_matter:
        text = card.text[: card.start] + matter + card.text[card.end :]
    else:
        text = f"---{newline}{matter}---{newline}{card.text}"
    wanted = {**card.fields, **yaml_mapping("\n".join(line for lines in fields.values() for line in lines), card.path)}
    try:
        found = dict(parse_card(text, card.path).fields)
    except DamagedFileError:
        found = {}
    if found != wanted:
        raise DamagedFileError("the card's fields are not written line by line", path=card.path, remedy=_REMEDY)
    return text


def _depth(text: str) -> int:
    """A bound on how deep lists and mappings are nested: open brackets, or marks of items in one line."""
    depth = deepest = 0
    for letter in re.findall(r"[\[\]{}]", text):
        depth = max(0, depth + (1 if letter in "[{" else -1))
        deepest = max(deepest, depth)
    items = max(
        (len(found.split()) for found in re.findall(r"^[ \t]*((?:[-?][ \t]+)+)", text, re.MULTILINE)), default=0
    )
    return max(deepest, items)


def _spans(matter: str, key: str) -> list[tuple[int, int]]:
    """Where a field of the outermost level stands, with its indented lines and list items."""
    rest = r"[^\n]*\n?(?:(?:[ \t]+[^\n]*|-[ \t][^\n]*)(?:\n|\Z))*"
    return [found.span() for found in re.finditer(rf"^(?:{key}|\"{key}\"|'{key}')[ \t]*:{rest}", matter, re.MULTILINE)]
