"""The catalogue as a table."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from io import BytesIO

from neural_phylogeny.errors import MissingExtraError
from neural_phylogeny.index.store import Entry


def as_json_lines(entries: Sequence[Entry]) -> str:
    """A JSON object on a line for each model."""
    return "".join(json.dumps(dataclasses.asdict(entry)) + "\n" for entry in entries)


def as_parquet(entries: Sequence[Entry]) -> bytes:
    """A Parquet file with a row for each model.

    Raises
    ------
    MissingExtraError
        When pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise MissingExtraError("Parquet files", "parquet") from error
    types = {"id": pa.int64(), "parameters": pa.int64()}
    columns = {
        field.name: pa.array([getattr(entry, field.name) for entry in entries], types.get(field.name, pa.string()))
        for field in dataclasses.fields(Entry)
    }
    out = BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()
