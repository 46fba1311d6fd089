"""Roles as data: what the tensors of known architectures are for, from ``roles.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
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
    """The entries of the architectures that a model's names show, longest first; those of heads by their purpose."""

    architectures: tuple[str, ...] = ()
    entries: tuple[tuple[str, Use], ...] = ()
    pretraining: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()

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


def heads_of(names: Sequence[str]) -> tuple[int, int]:
    """How many tensors belong to heads of pre-training, and to heads of tasks; linear in the names.

    Examples
    --------
    >>> body = ["attention.self.query.weight", "attention.output.dense.weight"]
    >>> heads_of([*body, "cls.predictions.bias"]), heads_of([*body, "classifier.weight"]), heads_of(["classifier.bias"])
    ((1, 0), (0, 1), (0, 0))
    """
    rules = rules_of(names)
    paths = [_dotted(name) for name in names] if rules.pretraining or rules.tasks else []
    pretraining, tasks = (
        sum(any(entry in path for entry in entries) for path in paths) for entries in (rules.pretraining, rules.tasks)
    )
    return pretraining, tasks


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
    pretraining: tuple[str, ...]
    tasks: tuple[str, ...]


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
            tuple(map(_dotted, row.get("pretraining", ()))),
            tuple(map(_dotted, row.get("tasks", ()))),
        )
        for row in rows
    }


@cache
def _joined(names: tuple[str, ...]) -> Rules:
    entries = {entry: use for name in names for entry, use in table()[name].entries.items()}
    longest_first = sorted(entries.items(), key=lambda item: (-item[0].count("."), -len(item[0]), item[0]))
    heads = [tuple(e for name in names for e in getattr(table()[name], kind)) for kind in ("pretraining", "tasks")]
    return Rules(names, tuple(longest_first), *heads)


def _dotted(name: str) -> str:
    return f".{name.replace('/', '.')}."
