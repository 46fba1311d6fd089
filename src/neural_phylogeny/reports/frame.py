"""A phylogeny as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neural_phylogeny.errors import MissingExtraError, UnknownChoiceError
from neural_phylogeny.records import Phylogeny, Table

if TYPE_CHECKING:
    import pandas as pd

MEASURED = ("p_value", "similarity", "coverage", "part")

COLUMNS: dict[Table, tuple[str, ...]] = {
    "edges": (
        "parent",
        "child",
        "kind",
        "also",
        "confidence",
        "p_parent",
        "p_direction",
        *MEASURED,
        "support",
        "concordance",
        "p_if_present",
        "is_weak",
    ),
    "pairs": ("a", "b", "kind", "also", *MEASURED),
    "models": (
        "name",
        "family",
        "path",
        "format",
        "parameters",
        "compared",
        "p_root",
        "rootstrap",
        "sha256",
        "remark",
        "copy_of",
        "copy_kind",
    ),
}
"""The columns of each table."""

WORDS = {
    "parent",
    "child",
    "kind",
    "also",
    "a",
    "b",
    "part",
    "name",
    "path",
    "format",
    "sha256",
    "remark",
    "copy_of",
    "copy_kind",
}
WHOLE = {"family": "Int64", "parameters": "int64", "is_weak": "bool"}


def to_frame(phylogeny: Phylogeny, of: Table = "edges") -> pd.DataFrame:
    """A table of a result as a data frame: one row an edge, a related pair or a model.

    Columns are the fields of ``Edge``, ``RelatedPair`` or ``ModelRecord`` without evidence and layers, and ``copy_of``;
    what is not known is NaN or NA. Linear in the size of the result.

    Raises
    ------
    MissingExtraError
        When pandas is not installed.
    UnknownChoiceError
        When there is no such table.
    """
    if of not in COLUMNS:
        raise UnknownChoiceError("table", of, COLUMNS)
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("Data frames", "pandas") from error
    found = rows(phylogeny, of)
    columns = {}
    for column in COLUMNS[of]:
        kind = "object" if column in WORDS else WHOLE.get(column, "float64")
        columns[column] = pd.Series([row[column] for row in found], dtype=kind)
    return pd.DataFrame(columns)


def rows(phylogeny: Phylogeny, of: Table) -> list[dict[str, Any]]:
    """The rows of a table by column; None where a value is not known. Linear in the size of the result."""
    copy_of = {name: group[0] for group in phylogeny.copies for name in group[1:]}
    records: dict[Table, tuple[Any, ...]] = {
        "edges": phylogeny.edges,
        "pairs": phylogeny.undirected,
        "models": phylogeny.models,
    }

    def value(record: Any, column: str) -> Any:
        found = copy_of.get(record.name) if column == "copy_of" else getattr(record, column)
        return "; ".join(found) if isinstance(found, tuple) else found

    return [{column: value(record, column) for column in COLUMNS[of]} for record in records[of]]
