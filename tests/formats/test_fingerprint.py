import hashlib
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from neural_phylogeny.errors import CheckpointError, DamagedFileError, LimitError, UnsupportedFormatError
from neural_phylogeny.formats import fingerprint as module
from neural_phylogeny.formats import open_checkpoint
from neural_phylogeny.formats.fingerprint import DIGEST, Fingerprint, from_bytes
from neural_phylogeny.formats.grids import places_of
from neural_phylogeny.formats.limits import raised
from neural_phylogeny.formats.memory import MemoryCheckpoint
from neural_phylogeny.inputs import ModelRef, TensorInfo, View
from neural_phylogeny.statistics.fingerprints import fingerprint


@pytest.fixture
def made(rng: np.random.Generator) -> tuple[dict[str, np.ndarray], Fingerprint]:
    model = {
        "a.weight": rng.normal(size=(300, 200)).astype("f4"),
        "b.weight": rng.normal(size=(200, 300)).astype(ml_dtypes.bfloat16),
        "b.bias": rng.normal(size=200).astype("f4"),
        "n": np.array(7),
    }
    return model, fingerprint(ModelRef(name="m", path="", parts=()), MemoryCheckpoint(model), 1 << 13)


def test_a_file_gives_the_same_fingerprint_again(made, tmp_path: Path) -> None:
    _, found = made
    (tmp_path / "m.nphylo").write_bytes(found.to_bytes())
    again = open_checkpoint(tmp_path / "m.nphylo")
    assert isinstance(again, Fingerprint)
    assert again.to_bytes() == found.to_bytes()
    assert (again.digest, again.source, again.tensors) == (found.digest, found.source, found.tensors)
    assert again.read("n").item() == 7
    assert len(found.to_bytes()) < 4 * 1 << 13


def test_kept_values_are_those_of_the_model_to_the_last_bit(made) -> None:
    model, found = made
    for name in ("a.weight", "b.weight"):
        tensor = found.tensors[name]
        rows, columns = (places_of(*pair) for pair in zip(tensor.shape, tensor.grid, strict=True))
        assert np.array_equal(found.read_grid(tensor, (rows, columns)), model[name][np.ix_(rows, columns)])
        start = int(rows[0]) * tensor.shape[1] + int(columns[0])
        assert np.array_equal(found.read(name, start, start + 4), model[name].reshape(-1)[start : start + 4])


def test_a_transposed_view_is_read_at_once(made) -> None:
    model, found = made
    stored = found.tensors["a.weight"]
    view = View(split=(300, 200), axes=(1, 0), layout="transposed")
    turned = TensorInfo(name="a.weight", shape=(200, 300), dtype="float32", view=view, grid=stored.grid)
    columns, rows = places_of(200, stored.grid[1]), places_of(300, stored.grid[0])
    assert np.array_equal(found.read_grid(turned, (columns, rows)), model["a.weight"][np.ix_(rows, columns)].T)


def test_other_values_are_refused(made) -> None:
    _, found = made
    with pytest.raises(CheckpointError, match="not in the fingerprint"):
        found.read("a.weight")


@pytest.mark.parametrize("cut", [8, 40, 200, -1])
def test_a_file_that_was_cut_short_is_refused(made, cut: int) -> None:
    with pytest.raises(DamagedFileError, match="cut short"):
        from_bytes(made[1].to_bytes()[:cut], "m.nphylo")


def test_a_file_that_was_changed_by_hand_is_refused(made) -> None:
    content = bytearray(made[1].to_bytes())
    content[len(content) // 2] ^= 1
    with pytest.raises(DamagedFileError, match="changed after it was made"):
        from_bytes(bytes(content), "m.nphylo")


def test_another_plan_or_version_is_refused_with_the_remedy(made, monkeypatch: pytest.MonkeyPatch) -> None:
    content = made[1].to_bytes()
    with pytest.raises(UnsupportedFormatError, match=r"version 2 instead of 1.* nphylo fingerprint"):
        from_bytes(content[:7] + b"\x02" + content[8:], "m.nphylo")
    monkeypatch.setattr(module, "PLAN", 2)
    with pytest.raises(UnsupportedFormatError, match=r"another sampling plan .1 instead of 2.* nphylo fingerprint"):
        from_bytes(content, "m.nphylo")


def test_a_signed_lie_about_lengths_allocates_nothing(made) -> None:
    content = bytearray(made[1].to_bytes()[:-DIGEST])
    content[32:40] = (1 << 60).to_bytes(8, "little")
    lie = bytes(content) + hashlib.blake2b(bytes(content), digest_size=DIGEST).digest()
    with pytest.raises(LimitError, match="bytes held in memory"):
        from_bytes(lie, "m.nphylo")
    with raised({"buffer": 1 << 62}), pytest.raises(DamagedFileError, match="contradicts itself"):
        from_bytes(lie, "m.nphylo")


@pytest.mark.parametrize(
    "change",
    [
        {"shape": (1 << 61, 1 << 61)},
        {"shape": (1 << 31, 1 << 31)},
        {"grid": (3,)},
        {"grid": (1 << 40, 1 << 40)},
        {"output_axis": 9},
        {"dtype": "object"},
        {"dtype": "nonsense"},
        {"name": 3},
    ],
)
def test_a_signed_header_of_nonsense_is_refused(made, change) -> None:
    tensors = dict(made[1].tensors)
    fields = {field: getattr(tensors["a.weight"], field) for field in module._FIELDS}
    tensors["a.weight"] = TensorInfo(**(fields | change))
    blocks = {name: np.zeros(0, dtype=np.float32) for name in tensors}
    with pytest.raises(DamagedFileError, match="contradicts itself"):
        from_bytes(Fingerprint(tensors, blocks, made[1].source).to_bytes(), "m.nphylo")
