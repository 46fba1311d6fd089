"""A phylogeny as tables for spreadsheets and data frames: CSV and Parquet."""

from __future__ import annotations

import csv
import io
from typing import Any

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.records import Phylogeny, Table
from neural_phylogeny.reports.frame import COLUMNS, WHOLE, WORDS, rows
from neural_phylogeny.reports.graph import node_names
from neural_phylogeny.reports.names import safe

_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet runs a cell that begins with one of these."""

_NAMES = {"parent", "child", "a", "b", "name", "copy_of"}


def edges_csv(phylogeny: Phylogeny) -> str:
    """The edges as CSV, as ``to_frame`` has them."""
    return _csv(phylogeny, "edges")


def pairs_csv(phylogeny: Phylogeny) -> str:
    """The related pairs without a direction as CSV."""
    return _csv(phylogeny, "pairs")


def models_csv(phylogeny: Phylogeny) -> str:
    """The models as CSV."""
    return _csv(phylogeny, "models")


def edges_parquet(phylogeny: Phylogeny) -> bytes:
    """The edges as Parquet. Raises MissingExtraError when pyarrow is not installed; so do the two below."""
    return _parquet(phylogeny, "edges")


def pairs_parquet(phylogeny: Phylogeny) -> bytes:
    """The related pairs without a direction as Parquet."""
    return _parquet(phylogeny, "pairs")


def models_parquet(phylogeny: Phylogeny) -> bytes:
    """The models as Parquet."""
    return _parquet(phylogeny, "models")


def _csv(phylogeny: Phylogeny, of: Table) -> str:
    """A header and a row each; what is not known is empty, and a cell that would run has an apostrophe before it."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS[of])
    for row in _shown(phylogeny, of):
        writer.writerow([_harmless(row[column]) for column in COLUMNS[of]])
    return written.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _shown(phylogeny: Phylogeny, of: Table) -> list[dict[str, Any]]:
    """The rows with printable names: those of the nodes of a graph."""
    names = node_names(phylogeny)
    return [
        {
            column: value
            if not isinstance(value, str)
            else names.get(value, safe(value))
            if column in _NAMES
            else safe(value)
            for column, value in row.items()
        }
        for row in rows(phylogeny, of)
    ]


def _parquet(phylogeny: Phylogeny, of: Table) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet files", "parquet") from error
    kinds = {"Int64": pa.int64(), "int64": pa.int64(), "bool": pa.bool_()}
    found = _shown(phylogeny, of)
    schema = pa.schema(
        [(name, pa.string() if name in WORDS else kinds.get(WHOLE.get(name, ""), pa.float64())) for name in COLUMNS[of]]
    )
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(found, schema=schema), written)
    return written.getvalue()
