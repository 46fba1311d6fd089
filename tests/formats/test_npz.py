from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neural_phylogeny.errors import UnknownChoiceError
from neural_phylogeny.formats import open_checkpoint, windows

SAVERS = pytest.mark.parametrize("save", [np.savez, np.savez_compressed])


@SAVERS
def test_values_shapes_and_dtypes_are_numpys(save, tmp_path: Path, rng: np.random.Generator) -> None:
    arrays: dict[str, Any] = {
        "layer/kernel": rng.normal(size=(4, 5)).astype(np.float32),
        "fortran": np.asfortranarray(rng.normal(size=(3, 4, 2))),
        "column": np.asfortranarray(np.arange(5.0)),
        "big_endian": np.arange(6, dtype=">f4").reshape(2, 3),
        "half": np.arange(3, dtype=np.float16),
        "flags": np.array([True, False]),
        "counts": np.arange(4, dtype=np.uint16),
        "complex": np.array([1 + 2j], dtype=np.complex64),
        "scalar": np.float64(2.5),
        "empty": np.zeros((0, 7), np.float32),
    }
    save(tmp_path / "m.npz", **arrays)
    with open_checkpoint(tmp_path / "m.npz") as checkpoint:
        assert checkpoint.format == "npz"
        assert list(checkpoint.tensors) == list(arrays)
        for name, array in arrays.items():
            assert checkpoint.tensors[name].shape == np.shape(array)
            assert checkpoint.tensors[name].dtype == np.asarray(array).dtype.name
            np.testing.assert_array_equal(checkpoint.read(name), np.ravel(array))
            out = np.empty(max(0, np.size(array) - 1), np.float32)
            checkpoint.read_into(name, 1, out)
            np.testing.assert_array_equal(out, np.ravel(array)[1:].real.astype(np.float32))


@given(
    hnp.arrays(np.float32, hnp.array_shapes(max_dims=4, max_side=7), elements=st.floats(-1, 1, width=32)),
    st.booleans(),
    st.sampled_from([np.savez, np.savez_compressed]),
    st.data(),
)
def test_slices_are_slices_of_the_whole(tmp_path_factory, array, fortran: bool, save, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("slices") / "m.npz"
    save(path, w=np.asfortranarray(array) if fortran else array)
    with pytest.MonkeyPatch.context() as patch, open_checkpoint(path) as checkpoint:
        patch.setattr(windows, "WINDOW", 10)
        for _ in range(3):
            start = data.draw(st.integers(0, array.size))
            stop = data.draw(st.integers(start, array.size + 3))
            assert checkpoint.read("w", start, stop).tolist() == array.ravel()[start:stop].tolist()


def test_a_compressed_array_is_inflated_once_going_forward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "WINDOW", 100)
    np.savez_compressed(tmp_path / "m.npz", w=np.arange(1000.0))
    with open_checkpoint(tmp_path / "m.npz") as checkpoint:
        fetched: list[tuple[str, int, int]] = []
        fetch = checkpoint._windows._fetch  # type: ignore[attr-defined]

        def counted(*slice_of: object) -> object:
            fetched.append(slice_of)  # type: ignore[arg-type]
            return fetch(*slice_of)

        checkpoint._windows._fetch = counted  # type: ignore[attr-defined]
        for start in (30, 0, 90, 60, 150, 120, 180, 240, 210):  # two readers that overtake one another
            checkpoint.read("w", start, start + 30)
    assert fetched == [("w", 0, 100), ("w", 100, 200), ("w", 200, 300)]


def test_a_zip_of_arrays_needs_no_suffix(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", w=np.ones(3))
    (tmp_path / "m.npz").rename(tmp_path / "m.weights")
    with open_checkpoint(tmp_path / "m.weights") as checkpoint:
        assert checkpoint.read("w").tolist() == [1.0, 1.0, 1.0]


def test_there_are_no_components(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", w=np.ones(3))
    with pytest.raises(UnknownChoiceError, match=r"^unknown component 'ema'\. Known: none$"):
        open_checkpoint(tmp_path / "m.npz", "ema")
