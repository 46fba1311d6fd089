import json
from io import BytesIO
from pathlib import Path

import pytest

from neural_phylogeny.index.export import as_json_lines, as_parquet
from neural_phylogeny.index.store import Index


@pytest.fixture
def entries(tmp_path: Path, family):
    with Index(tmp_path / "i", is_new=True) as index:
        list(index.add((name, "/there", model) for name, model in family("a", 3).items()))
        return index.entries()


def test_json_lines(entries) -> None:
    rows = [json.loads(line) for line in as_json_lines(entries).splitlines()]
    assert [row["name"] for row in rows] == ["a0", "a1", "a2"]
    assert rows[0]["parameters"] == 3 * 48 * 40


def test_parquet(entries) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow, the extra parquet")
    table = pq.read_table(BytesIO(as_parquet(entries)))
    assert table.column("name").to_pylist() == ["a0", "a1", "a2"]
    assert len(as_parquet([])) > 0
