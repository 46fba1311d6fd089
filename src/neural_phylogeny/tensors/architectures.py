"""Roles as data: what the tensors of known architectures are for, from ``roles.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files


class Use(Enum):
    """What an entry of the table says of a tensor, by the list it stands in."""

    KERNEL = "kernels"
    HEAD = "heads"
    EMBEDDING = "embeddings"
    POSITION = "positions"
    NORM = "norms"
    BUFFER = "buffers"


@dataclass(frozen=True, slots=True)
class Rules:
    """The entries of the architectures that a model's names show, longest first."""

    architectures: tuple[str, ...] = ()
    entries: tuple[tuple[str, Use], ...] = ()

    def use_of(self, name: str) -> Use | None:
        """What a tensor is for; None where no entry names it. Linear in the number of entries.

        Examples
        --------
        >>> names = ["encoder.layer.0.attention.self.query.weight", "encoder.layer.0.attention.output.dense.weight"]
        >>> rules = rules_of([*names, "classifier.weight"])
        >>> rules.use_of(names[1]).value, rules.use_of("classifier.weight").value, rules.use_of("x.weight")
        ('kernels', 'heads', None)
        """
        path = _dotted(name)
        return next((use for entry, use in self.entries if entry in path), None)


NONE = Rules()


def rules_of(names: Iterable[str]) -> Rules:
    """The rules for a model, by the names of its tensors; none where it is of no architecture of the table.

    Linear in the length of the names.
    """
    text = "\n".join(map(_dotted, names))
    found = tuple(row.name for row in table().values() if all(mark in text for mark in row.marks))
    return _joined(found) if found else NONE


@dataclass(frozen=True, slots=True)
class Row:
    """One architecture of the table; entries and marks are dotted at both ends."""

    name: str
    marks: tuple[str, ...]
    entries: Mapping[str, Use]


@cache
def table() -> dict[str, Row]:
    """The architectures by name. Reads the file on the first call."""
    content = files("neural_phylogeny.tensors").joinpath("roles.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(content)["architecture"]
    return {
        row["name"]: Row(
            row["name"],
            tuple(map(_dotted, row["marks"])),
            {_dotted(entry): use for use in Use for entry in row.get(use.value, ())},
        )
        for row in rows
    }


@cache
def _joined(names: tuple[str, ...]) -> Rules:
    entries = {entry: use for name in names for entry, use in table()[name].entries.items()}
    longest_first = sorted(entries.items(), key=lambda item: (-item[0].count("."), -len(item[0]), item[0]))
    return Rules(names, tuple(longest_first))


def _dotted(name: str) -> str:
    return f".{name.replace('/', '.')}."
