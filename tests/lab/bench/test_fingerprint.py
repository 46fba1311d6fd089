import pytest

from neural_phylogeny import demo
from neural_phylogeny.lab.bench.tables.fingerprint import compared, recall, text_of


@pytest.mark.slow
def test_a_page_from_one_collection(tmp_path) -> None:
    (row,) = compared("demo", demo.folder(), sizes=(1 << 16,))
    assert row.kept >= 0.9 * row.edges
    assert row.file < 1 << 16
    found = recall([demo.folder()], tmp_path)
    assert all(hit == total for hit, total in found.values())
    text = text_of([row], found, {"permuted": (0, 2)})
    assert "| 64 KiB |" in text
    assert "| permuted | 0/2 | 0.000 |" in text
